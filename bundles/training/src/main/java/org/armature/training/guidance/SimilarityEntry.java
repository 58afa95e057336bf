package org.armature.training.guidance;

import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reshape;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.Value;
import org.armature.model.EntryPoint;
import org.osgi.service.component.annotations.Component;

/**
 * The similarity loss of two lists of activations, {@code guide.i} and {@code target.j}, and the similarity of every pair.
 * Config: {@code metric}, {@code alpha}, {@code collision}; layers that are constant over the batch give NaN, as in the
 * official code, unless {@code strict} is false.
 */
@Component(
        property = {
            "armature.id=guidance",
            "armature.kind=objective",
            "armature.paper=Training the Untrainable: Introducing Inductive Bias via Representational Alignment"
        })
public final class SimilarityEntry implements EntryPoint {
    @Override
    public Set<String> entries() {
        return Set.of("similarity_loss");
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        return Optional.of(graph(inv, 1));
    }

    /** The official code differentiates alpha times the loss it reports. */
    @Override
    public Map<String, Tensor> gradients(Invocation inv, Collection<String> names) {
        return inv.gradients(graph(inv, inv.config().number("alpha", 1)), names);
    }

    private static Graph graph(Invocation inv, double scale) {
        Graph.Builder b = Graph.builder("similarity_loss");
        List<Value> guide = layers(b, inv, "guide.");
        List<Value> target = layers(b, inv, "target.");
        Similarity metric = Similarity.of(inv.config().text("metric", "cka"));
        Similarity.Kernels kernels = new Similarity.Kernels();
        Matched m = Matched.of(
                guide,
                target,
                metric,
                Matched.Collision.of(inv.config().text("collision", "last")),
                inv.config().flag("strict", true),
                kernels);
        int[] mapping = Similarity.mapping(guide.size(), target.size());
        b.output("mapping", b.longs(Arrays.stream(mapping).asLongStream().toArray()));
        for (int j = 0; j < target.size(); j++) {
            Value loss = m.losses().get(j);
            b.output("layer_loss." + j, loss == null ? zero(b) : loss);
        }
        b.output("loss", scale == 1 ? m.total() : mul(m.total(), scale));
        for (Similarity s : List.of(Similarity.CKA, Similarity.RSA)) {
            b.output(s.id() + "_matrix", matrix(s, guide, target, kernels));
        }
        return b.build();
    }

    private static Value zero(Graph.Builder b) {
        return b.constant(Constant.scalar(org.armature.graph.DType.FLOAT, 0));
    }

    /** {@code [guides, targets]}. */
    static Value matrix(Similarity s, List<Value> guide, List<Value> target, Similarity.Kernels kernels) {
        List<Value> all = new ArrayList<>();
        guide.forEach(g -> target.forEach(t -> all.add(reshape(s.similarity(g, t, kernels), 1))));
        return reshape(concat(0, all), guide.size(), target.size());
    }

    private static List<Value> layers(Graph.Builder b, Invocation inv, String prefix) {
        List<Value> all = new ArrayList<>();
        while (inv.inputs().containsKey(prefix + all.size())) {
            Tensor t = inv.input(prefix + all.size());
            all.add(b.input(prefix + all.size(), t.dtype(), t.shape()));
        }
        if (all.isEmpty()) {
            throw new IllegalArgumentException(
                    "there is no activation " + prefix + "0: give at least one layer of each");
        }
        return all;
    }
}
