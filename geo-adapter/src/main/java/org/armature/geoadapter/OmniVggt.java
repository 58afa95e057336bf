package org.armature.geoadapter;

import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.osgi.service.component.annotations.Component;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * OmniVGGT as a model and as entries: the whole network ({@code forward}), its parts ({@code geo_adapter},
 * {@code aggregator}, {@code camera_head}, {@code dpt_head}, {@code pose_encoding}, {@code unproject}), {@code losses}, and on
 * the host {@code preprocess} and {@code pose_metrics}. The network's entries check their inputs first.
 */
@Component(
        service = {ModelProvider.class, EntryPoint.class},
        property = {
            "armature.id=omnivggt",
            "armature.kind=model",
            "armature.paper=OmniVGGT: Omni-Modality Driven Visual Geometry Grounded Transformer"
        })
public final class OmniVggt implements ModelProvider, EntryPoint {
    private static final Logger LOG = LoggerFactory.getLogger(OmniVggt.class);
    private static final Set<String> SEEING = Set.of("forward", "aggregator", "geo_adapter");

    @Override
    public String id() {
        return "omnivggt";
    }

    /**
     * Keys: {@code aggregator}, {@code camera_head}, {@code depth_head}, {@code point_head}, {@code call}, {@code input}; with
     * {@code fusion} it is a model to be trained, with modalities drawn at random.
     */
    @Override
    public Model create(Config config) {
        Network network = Network.of(config);
        Model model = config.has("fusion") ? new FusionTraining(network, Fusion.of(config.section("fusion"))) : network;
        config.rejectUnknown();
        return model;
    }

    @Override
    public Set<String> entries() {
        return Set.of(
                "geo_adapter",
                "aggregator",
                "camera_head",
                "dpt_head",
                "forward",
                "pose_encoding",
                "unproject",
                "losses",
                "preprocess",
                "pose_metrics");
    }

    @Override
    public Map<String, Tensor> call(Invocation inv) {
        if (SEEING.contains(inv.entry())) {
            InputRules.check(inv.inputs(), Modalities.of(inv.config().section("call")))
                    .forEach(LOG::warn);
        }
        return switch (inv.entry()) {
            case "preprocess" -> Preprocessing.call(inv);
            case "pose_metrics" -> PoseMetrics.call(inv);
            default -> EntryPoint.super.call(inv);
        };
    }

    @Override
    public Map<String, Tensor> gradients(Invocation inv, Collection<String> names) {
        Graph g = graph(inv)
                .orElseThrow(() -> new UnsupportedOperationException(
                        "entry " + inv.entry() + " computes on the host and brings no derivatives"));
        List<String> used = names.stream()
                .filter(n ->
                        g.source(n.startsWith("input:") ? n.substring(6) : n).isPresent())
                .toList();
        Map<String, Tensor> found = new LinkedHashMap<>(inv.gradients(g, used));
        // Weights of modalities nobody gave are not part of the graph: nothing depends on them.
        for (String n : names) {
            if (!used.contains(n) && inv.parameters().has(n)) {
                found.put(n, Tensor.zeros(inv.parameters().type(n)));
            }
        }
        return found;
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        Config c = inv.config();
        Graph.Builder b = Graph.builder(inv.entry());
        switch (inv.entry()) {
            case "forward" -> {
                Network network = Network.of(c);
                network.build(b.scope(), views(b, inv, network.modalities())).forEach(b::output);
            }
            case "aggregator" -> {
                Aggregator a = Aggregator.of(c);
                Views views = views(b, inv, Modalities.of(c.section("call")));
                List<Value> layers = a.build(b.scope(), views);
                for (int i = 0; i < layers.size(); i++) {
                    b.output("aggregated_tokens." + i, layers.get(i));
                }
                b.output("patch_start_idx", Ops.identity(b.constant(Constant.longs(a.patchStart()))));
            }
            case "geo_adapter" -> geoAdapter(b, Aggregator.of(c), views(b, inv, Modalities.of(c.section("call"))));
            case "camera_head" -> {
                Value tokens = input(b, inv, "tokens");
                List<Value> poses =
                        CameraHead.of(c, (int) tokens.shape().dim(-1)).build(b.scope(), tokens);
                for (int i = 0; i < poses.size(); i++) {
                    b.output("pose_enc_list." + i, poses.get(i));
                }
            }
            case "dpt_head" -> dptHead(b, inv);
            case "pose_encoding" -> {
                long[] hw = c.integers("image_size_hw");
                Value encoding = input(b, inv, "pose_encoding");
                b.output(
                        "encoded",
                        PoseEncoding.encode(input(b, inv, "extrinsics"), input(b, inv, "intrinsics"), hw[0], hw[1]));
                b.output("decoded_extrinsics", PoseEncoding.extrinsics(encoding));
                b.output("decoded_intrinsics", PoseEncoding.intrinsics(encoding, hw[0], hw[1]));
            }
            case "unproject" -> {
                Value depth = input(b, inv, "depth");
                Value extrinsics = input(b, inv, "extrinsics");
                b.output("world_points", Cameras.unproject(depth, extrinsics, input(b, inv, "intrinsics")));
                Value z = Ops.squeeze(depth, -1);
                Value valid = Ops.and(
                        Ops.greater(z, Ops.like(z, c.number("eps", 1e-8))),
                        Ops.less(z, Ops.like(z, c.number("z_far", 100))));
                b.output("point_mask", Ops.cast(valid, DType.INT64));
                b.output("inverse_se3", Cameras.homogeneous(Cameras.inverse(extrinsics)));
            }
            case "losses" -> {
                Map<String, Value> in = new HashMap<>();
                inv.inputs().forEach((k, t) -> {
                    if (!k.startsWith("cotangent")) {
                        in.put(k, b.input(k, t.dtype(), t.shape()));
                    }
                });
                Losses.of(c).build(in).forEach(b::output);
            }
            default -> {
                return Optional.empty();
            }
        }
        return Optional.of(b.build());
    }

    private static Value input(Graph.Builder b, Invocation inv, String name) {
        return b.input(name, inv.input(name).shape());
    }

    private static Views views(Graph.Builder b, Invocation inv, Modalities m) {
        SequencedMap<String, Shape> shapes = Views.inputs(inv.input("images").shape(), m);
        Map<String, Value> in = new LinkedHashMap<>();
        shapes.forEach((k, s) -> in.put(k, b.input(k, s)));
        return Views.of(in, m);
    }

    private static void geoAdapter(Graph.Builder b, Aggregator a, Views views) {
        Aggregator.Embedding e = a.embed(b.scope(), views);
        b.output("tokens_before_block0", e.tokens());
        for (int k = 0; k < e.cameras().injected().size(); k++) {
            b.output("camera_injection." + k, e.cameras().injected().get(k));
        }
        Map<String, Value> taps = new LinkedHashMap<>();
        taps.put("normalized_extrinsics", e.cameras().normalized());
        taps.put("pose_encoding", e.cameras().encoding());
        taps.put("depth_input", e.depths().input());
        taps.put("depth_tokens", e.depths().own());
        taps.forEach((k, v) -> {
            if (v != null) {
                b.output(k, v);
            }
        });
    }

    private static void dptHead(Graph.Builder b, Invocation inv) {
        Config c = inv.config();
        DptHead head = DptHead.of(c, 2048, 14, 2, "inv_log");
        long[] hw = c.integers("image_size_hw");
        Map<Integer, Value> tokens = new HashMap<>();
        head.reads().forEach(i -> tokens.put(i, input(b, inv, "aggregated_tokens." + i)));
        DptHead.Maps maps = head.build(b.scope(), tokens, c.integer("patch_start_idx", 5), (int) hw[0], (int) hw[1]);
        Value confidence = maps.confidence();
        if (confidence == null) {
            b.output("features", maps.predictions());
        } else {
            b.output("preds", maps.predictions());
            b.output("conf", confidence);
        }
    }
}
