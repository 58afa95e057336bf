package org.armature.tokenizer;

import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.identity;
import static org.armature.graph.Ops.transpose;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.GraphException;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.osgi.service.component.annotations.Component;

/**
 * VTP as a service: the model by its configuration, and its parts by name.
 *
 * <p>{@code tokenize} needs CLIP's merges file: config key {@code merges} or system property
 * {@value #MERGES_PROPERTY} name it, else it lies beside the checkpoint.
 */
@Component(
        service = {ModelProvider.class, EntryPoint.class},
        property = {
            "armature.id=vtp",
            "armature.kind=model",
            "armature.paper=Towards Scalable Pre-training of Visual Tokenizers for Generation"
        })
public final class VtpModule implements ModelProvider, EntryPoint {
    static final String MERGES_PROPERTY = "armature.vtp.merges";
    static final String MERGES_FILE = "bpe_simple_vocab_16e6.txt.gz";

    @Override
    public String id() {
        return "vtp";
    }

    @Override
    public Model create(Config config) {
        Vtp vtp = new Vtp(VtpConfig.of(config));
        Model model = config.flag("train_dinov2", false) ? SelfSupervisedVtp.of(vtp, config) : vtp;
        config.rejectUnknown();
        return model;
    }

    @Override
    public Set<String> entries() {
        return Set.of(
                "encode",
                "decode",
                "reconstruct",
                "features",
                "clip",
                "ssl_forward",
                "losses",
                "lpips",
                "tokenize",
                "preprocess");
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        Graph.Builder b = Graph.builder("vtp_" + inv.entry());
        switch (inv.entry()) {
            case "encode" -> b.output("latents", vtp(inv).encode(b.scope(), in(b, inv, "image")));
            case "decode" -> b.output("image", vtp(inv).decode(b.scope(), in(b, inv, "latents")));
            case "reconstruct" -> reconstruct(b, inv);
            case "features" -> features(b, inv);
            case "clip" -> clip(b, inv);
            case "ssl_forward" -> selfSupervised(b, inv);
            case "losses" -> losses(b, inv);
            case "lpips" ->
                b.output(
                        "distance",
                        Lpips.distance(
                                b.scope(),
                                in(b, inv, "input"),
                                in(b, inv, "target"),
                                inv.config().integers("channels", 64, 128, 256, 512, 512)));
            default -> {
                return Optional.empty();
            }
        }
        return Optional.of(b.build());
    }

    @Override
    public Map<String, Tensor> call(Invocation inv) {
        return switch (inv.entry()) {
            case "preprocess" -> preprocess(inv);
            case "tokenize" -> tokenize(inv);
            default -> EntryPoint.super.call(inv);
        };
    }

    private static void reconstruct(Graph.Builder b, Invocation inv) {
        Vtp vtp = vtp(inv);
        Value image = in(b, inv, "image");
        Value latents = vtp.encode(b.scope(), image);
        Value restored = vtp.decode(b.scope(), latents);
        b.output("latents", latents);
        b.output("reconstructed_image", restored);
        b.output("l1", Losses.l1(restored, image));
    }

    private static void features(Graph.Builder b, Invocation inv) {
        Vtp vtp = vtp(inv);
        Scope trunk = b.scope().at("trunk");
        Value image = in(b, inv, "image");
        List<Vtp.Tokens> last = vtp.intermediate(trunk, image, inv.config().integer("n", 1));
        for (int i = 0; i < last.size(); i++) {
            b.output("intermediate." + i + ".cls", last.get(i).cls());
            b.output(
                    "intermediate." + i + ".patch",
                    Vtp.map(last.get(i).patches(), vtp.rows(image), vtp.columns(image)));
        }
        Vtp.Tokens t = last.getLast();
        b.output("cls_token", t.cls());
        b.output("patch_tokens", t.patches());
        b.output("cls_token_bottleneck", vtp.bottleneck(trunk, t.cls()));
        b.output("patch_tokens_bottleneck", vtp.bottleneck(trunk, t.patches()));
    }

    private static void clip(Graph.Builder b, Invocation inv) {
        Vtp vtp = vtp(inv);
        Value image = vtp.imageFeature(b.scope(), in(b, inv, "image"));
        Value text = vtp.textFeature(b.scope(), in(b, inv, "text"));
        Value imageUnit = Vtp.normalize(image);
        Value textUnit = Vtp.normalize(text);
        Value logits = vtp.logits(b.scope(), imageUnit, textUnit);
        b.output("image_features_raw", image);
        b.output("text_features_raw", text);
        b.output("image_features", imageUnit);
        b.output("text_features", textUnit);
        b.output("logits_per_image", logits);
        b.output("logits_per_text", transpose(logits, 1, 0));
    }

    private static void selfSupervised(Graph.Builder b, Invocation inv) {
        Config c = inv.config();
        SelfSupervision ssl = new SelfSupervision(
                new Vtp(withStoredPeriods(VtpConfig.ofTraining(c), inv, "trunk")),
                c.integer("n_global_crops", 2),
                c.section("vtp").section("vtp_model").section("dino_head"));
        Value masks = cast(in(b, inv, "masks"), DType.BOOL);
        ssl.build(
                        b.scope(),
                        in(b, inv, "global_crops"),
                        in(b, inv, "local_crops"),
                        masks,
                        in(b, inv, "mask_indices_list"))
                .forEach(b::output);
        if (c.has("momentum")) {
            SelfSupervision.teacher(b.build().parameters()).forEach(t -> b.output("ema." + t.name(), identity(t)));
        }
    }

    private static void losses(Graph.Builder b, Invocation inv) {
        Config c = inv.config();
        double student = c.number("student_temp", 0.1);
        double teacher = c.number("teacher_temp", 0.07);
        Value restored = in(b, inv, "recon");
        Value image = in(b, inv, "image");
        b.output("l1_loss", Losses.l1(restored, image));
        b.output("mse_loss", Losses.mse(restored, image));
        b.output(
                "clip_loss",
                Losses.contrastive(
                        in(b, inv, "image_features"), in(b, inv, "text_features"), in(b, inv, "logit_scale")));

        Value cls = in(b, inv, "teacher_cls");
        Shape row = Shape.of(1, cls.shape().dim(1));
        Value none = b.constant(Constant.full(DType.FLOAT, row, 0));
        Value centre = Losses.centre(none, in(b, inv, "teacher_cls_prev"), c.number("center_momentum", 0.9));
        Value centred = Losses.centred(cls, centre, teacher);
        Value balanced = Losses.sinkhorn(cls, teacher);
        List<Value> local = SelfSupervision.crops(in(b, inv, "student_local_cls"), c.integer("n_local_crops"));
        b.output("center", centre);
        b.output("teacher_cls_softmax_centered", centred);
        b.output("teacher_cls_sinkhorn", balanced);
        b.output(
                "dino_loss_softmax",
                Losses.dino(local, SelfSupervision.crops(centred, c.integer("n_global_crops", 2)), student));
        b.output(
                "dino_loss_sinkhorn",
                Losses.dino(local, SelfSupervision.crops(balanced, c.integer("n_global_crops", 2)), student));

        Value patches = Losses.sinkhorn(in(b, inv, "teacher_patch"), teacher);
        b.output("teacher_patch_sinkhorn", patches);
        b.output("ibot_loss_sinkhorn", Losses.ibot(in(b, inv, "student_patch"), patches, in(b, inv, "masks"), student));
        b.output("koleo_loss", Losses.koleo(in(b, inv, "student_global_cls_tokens")));
    }

    /** {@code image UINT8 [H, W, 3]}: the zero-shot path, and the path of latents and reconstruction. */
    private static Map<String, Tensor> preprocess(Invocation inv) {
        Tensor image = inv.input("image");
        Shape s = image.shape();
        if (image.dtype() != DType.UINT8 || s.rank() != 3 || s.dim(2) != 3) {
            throw new IllegalArgumentException("image is " + image.type() + ": give uint8[height, width, 3]");
        }
        int size = inv.config().integer("image_size", 256);
        byte[] bytes = image.data().toArray(ValueLayout.JAVA_BYTE);
        Picture picture = new Picture(Math.toIntExact(s.dim(0)), Math.toIntExact(s.dim(1)), bytes);
        Picture resized = picture.resize(size, size, Picture.Filter.BILINEAR);
        Picture cropped = picture.centreCrop(size);
        return Map.of(
                "resized_u8", levels(resized),
                "resized", normalized(resized),
                "center_cropped_u8", levels(cropped),
                "center_cropped", normalized(cropped));
    }

    private static Tensor levels(Picture p) {
        try (Tensor bytes = Tensor.of(p.pixels(), DType.UINT8, p.height(), p.width(), 3)) {
            return bytes.cast(DType.INT64);
        }
    }

    private static Tensor normalized(Picture p) {
        return Tensor.of(p.normalized(), 3, p.height(), p.width());
    }

    private static Map<String, Tensor> tokenize(Invocation inv) {
        Config c = inv.config();
        List<String> texts = c.texts("texts");
        int context = c.integer("context_length", 77);
        ClipTokenizer tokenizer = tokenizer(inv);
        Tensor ids = Tensor.zeros(DType.INT64, Shape.of(texts.size(), context));
        for (int i = 0; i < texts.size(); i++) {
            long[] row = tokenizer.encode(texts.get(i), context);
            for (int j = 0; j < context; j++) {
                ids.setLong((long) i * context + j, row[j]);
            }
        }
        return Map.of("ids", ids);
    }

    private static ClipTokenizer tokenizer(Invocation inv) {
        String given = inv.config().text("merges", System.getProperty(MERGES_PROPERTY, MERGES_FILE));
        Path file = inv.folder().map(f -> f.resolve(given)).orElse(Path.of(given));
        if (!Files.isRegularFile(file)) {
            throw new UnsupportedOperationException(noMerges(file));
        }
        try {
            return ClipTokenizer.open(file);
        } catch (IOException e) {
            throw new UncheckedIOException("merges file " + file + " cannot be read: " + e.getMessage(), e);
        }
    }

    static String noMerges(Path file) {
        return "CLIP's merges file " + file + " is not there: put " + MERGES_FILE
                + " beside the checkpoint, or name it by --merges, config key merges or system property "
                + MERGES_PROPERTY;
    }

    private static Vtp vtp(Invocation inv) {
        VtpConfig c = VtpConfig.of(inv.config());
        return new Vtp(withStoredPeriods(c, inv, inv.entry().equals("decode") ? "pixel_decoder" : "trunk"));
    }

    /** Converted copies of the checkpoint hold the rotary periods in another type than the released one. */
    private static VtpConfig withStoredPeriods(VtpConfig c, Invocation inv, String tower) {
        String name = tower + ".rope_embed.periods";
        return inv.parameters().has(name)
                ? c.withPeriods(inv.parameters().type(name).dtype())
                : c;
    }

    private static Value in(Graph.Builder b, Invocation inv, String name) {
        Tensor t = inv.input(name);
        if (t.dtype() != DType.FLOAT && t.dtype() != DType.INT64 && t.dtype() != DType.BOOL) {
            throw new GraphException("input " + name + " is " + t.type() + ": give float, int64 or bool");
        }
        return b.input(name, t.dtype(), t.shape());
    }
}
