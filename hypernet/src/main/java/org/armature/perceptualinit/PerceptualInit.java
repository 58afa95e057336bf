package org.armature.perceptualinit;

import java.util.Optional;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.osgi.service.component.annotations.Component;

/** The two stages as named entries: {@code triplet} and {@code contrastive}. */
@Component(
        property = {
            "armature.id=perceptual-init",
            "armature.kind=initializer",
            "armature.paper=Beginning with You: Perceptual-Initialization Improves Vision-Language Representation and"
                    + " Alignment"
        })
public final class PerceptualInit implements EntryPoint {
    @Override
    public Set<String> entries() {
        return Set.of("triplet", "contrastive");
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        Graph.Builder b = Graph.builder("perceptual_init_" + inv.entry());
        Clip clip = new Clip(ClipConfig.of(inv.config()));
        switch (inv.entry()) {
            case "triplet" -> triplet(b, clip, inv);
            case "contrastive" -> contrastive(b, clip, inv);
            default -> {
                return Optional.empty();
            }
        }
        return Optional.of(b.build());
    }

    private static void triplet(Graph.Builder b, Clip clip, Invocation inv) {
        Value reference = clip.image(b.scope(), in(b, inv, "reference"));
        Value left = clip.image(b.scope(), in(b, inv, "left"));
        Value right = clip.image(b.scope(), in(b, inv, "right"));
        Config c = inv.config();
        Contrast.Judgement j =
                Contrast.judge(reference, left, right, in(b, inv, "right_vote"), c.number("margin", 0.05));
        b.output("embedding.reference", reference);
        b.output("embedding.left", left);
        b.output("embedding.right", right);
        b.output("distance.left", j.left());
        b.output("distance.right", j.right());
        b.output("decision_right", j.decision());
        b.output("accuracy_2afc", j.accuracy());
        b.output("loss", j.loss());
    }

    private static void contrastive(Graph.Builder b, Clip clip, Invocation inv) {
        Value image = Contrast.unit(clip.image(b.scope(), in(b, inv, "image")));
        Value text = Contrast.unit(clip.text(b.scope(), in(b, inv, "text")));
        Value scale = Clip.scale(b.scope());
        Value logits = Contrast.logits(image, text, scale);
        b.output("image_features", image);
        b.output("text_features", text);
        b.output("logit_scale_exp", org.armature.graph.Ops.exp(scale));
        b.output("logits_per_image", logits);
        b.output("loss", Contrast.symmetric(logits));
    }

    private static Value in(Graph.Builder b, Invocation inv, String name) {
        Tensor t = inv.input(name);
        return b.input(name, t.dtype(), t.shape());
    }
}
