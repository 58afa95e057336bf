package org.armature.hypernet;

import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.armature.model.Model;
import org.osgi.service.component.annotations.Component;

/** LoGAH's entry {@code predict}: a target's graph and every parameter a hypernetwork writes for it. */
@Component(
        property = {
            "armature.id=logah",
            "armature.kind=initializer",
            "armature.paper=LoGAH: Predicting 774-Million-Parameter Transformers using Graph HyperNetworks with 1/100"
                    + " Parameters"
        })
public final class LogahModule implements EntryPoint {
    @Override
    public Set<String> entries() {
        return Set.of("predict");
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        return Optional.of(predict(inv, "param."));
    }

    /** Cotangents are called after parameters, not after outputs. */
    @Override
    public Map<String, Tensor> gradients(Invocation inv, Collection<String> names) {
        return inv.gradients(predict(inv, ""), names);
    }

    private static Graph predict(Invocation inv, String prefix) {
        Config c = inv.config();
        NodeGraph net = Tracer.trace(architecture(c), Tracer.Attention.of(c.text("attention", "auto")));
        boolean language = inv.parameters().has("embed.weight")
                && inv.parameters().type("embed.weight").shape().dim(0) > Primitive.VISION;
        GhnConfig config = GhnConfig.of(c.section("ghn"), language);
        Scaling scaling = new Scaling(
                Scaling.Matrices.of(c.text("normalisation", language ? "std" : "fan_in")),
                c.section("architecture").number("initializer_range", 0.02),
                c.section("architecture").integer("n_layer", 1));
        int cutoff = c.integer("ve_cutoff", 50);
        Ghn ghn = new Ghn(config, cutoff, c.flag("predict_class_layers", true), scaling);
        Graph.Builder b = Graph.builder("logah");
        NodeTransformer.Embedded e = ghn.embed(b.scope(), net);
        Value row = inv.inputs().containsKey(Ghn.CLASS_ROW)
                ? b.input(Ghn.CLASS_ROW, inv.input(Ghn.CLASS_ROW).shape())
                : Value.none();
        ghn.predict(b.scope(), net, e.output(), row).forEach((name, v) -> b.output(prefix + name, v));
        if (!prefix.isEmpty()) {
            b.output("node_embedding_input", e.input());
            b.output("node_embedding", e.output());
            describe(b, net, cutoff);
        }
        return b.build();
    }

    private static void describe(Graph.Builder b, NodeGraph net, int cutoff) {
        int n = net.size();
        int[][] d = net.distances(cutoff);
        long[] adjacency = new long[n * n];
        long[] type = new long[n];
        long[] shape = new long[4 * n];
        long[] axes = new long[n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                adjacency[i * n + j] = d[i][j];
            }
            NodeGraph.Node node = net.nodes().get(i);
            type[i] = node.type().ordinal();
            axes[i] = node.shape().length;
            System.arraycopy(node.shape(), 0, shape, 4 * i, node.shape().length);
        }
        b.output("graph.adjacency", b.constant(Constant.longs(Shape.of(n, n), adjacency)));
        b.output("graph.node_type", b.constant(Constant.longs(Shape.of(n), type)));
        b.output("graph.node_shape", b.constant(Constant.longs(Shape.of(n, 4), shape)));
        b.output("graph.node_shape_ndim", b.constant(Constant.longs(Shape.of(n), axes)));
    }

    /** The target of a case, with one example. */
    private static Graph architecture(Config c) {
        Config a = c.section("architecture");
        Model m = switch (a.text("family")) {
            case "vit" -> Vit.of(a);
            case "gpt2" -> Gpt2.of(a);
            case "cnn" -> SmallCnn.of(a);
            default ->
                throw new IllegalArgumentException(
                        "config key architecture.family is \"" + a.text("family") + "\": there are vit, gpt2 and cnn");
        };
        return m.graph("target").bind(Map.of("batch", 1L));
    }
}
