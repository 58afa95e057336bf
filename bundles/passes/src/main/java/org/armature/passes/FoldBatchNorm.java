package org.armature.passes;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.armature.compute.GraphPass;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Ops;
import org.armature.graph.Rewriter;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.osgi.service.component.annotations.Component;

/**
 * A batch normalisation with running statistics after a convolution becomes part of its weights:
 * {@code w' = w s / sqrt(var + eps)}, {@code b' = (b - mean) s / sqrt(var + eps) + bias}. Weights that are parameters are
 * scaled when the graph runs, which costs a pass over the weights instead of one over the activations; frozen or constant
 * ones cost nothing.
 */
@Component(property = {"armature.id=fold-batchnorm", "armature.kind=pass"})
public final class FoldBatchNorm implements GraphPass {
    @Override
    public String id() {
        return "fold-batchnorm";
    }

    @Override
    public Graph apply(Graph graph) {
        return Match.untilStable(graph, FoldBatchNorm::rule);
    }

    private static boolean rule(Node n, Rewriter r) {
        if (!n.is("BatchNormalization")
                || n.integer("training_mode", 0) != 0
                || n.outputs().size() > 1) {
            return false;
        }
        Graph g = r.source();
        Optional<Node> found = g.producer(n.input(0))
                .filter(c -> c.is("Conv") || (c.is("ConvTranspose") && c.integer("group", 1) == 1))
                .filter(c -> Match.single(g, c.output()));
        if (found.isEmpty()) {
            return false;
        }
        Node c = found.get();
        Value factor = div(r.get(n.input(1)), sqrt(add(r.get(n.input(4)), n.real("epsilon", 1e-5f))));
        Value bias = c.input(2).isPresent() ? sub(r.get(c.input(2)), r.get(n.input(3))) : neg(r.get(n.input(3)));
        Value shifted = add(mul(bias, factor), r.get(n.input(2)));
        Value w = r.get(c.input(1));
        List<Value> in = new ArrayList<>(List.of(
                r.get(c.input(0)), mul(w, along(factor, w.rank(), c.is("Conv") ? 0 : 1)), shifted));
        r.replace(
                n.output(),
                r.builder()
                        .node(
                                c.op(),
                                c.name(),
                                in,
                                c.attributes(),
                                1,
                                List.of(n.output().type()))
                        .getFirst());
        return true;
    }

    /** A vector as a tensor of a rank, its elements along one axis. */
    private static Value along(Value v, int rank, int axis) {
        Shape s = Shape.of(ones(rank)).with(axis, v.shape().at(0));
        return Ops.reshape(v, s);
    }

    private static long[] ones(int n) {
        long[] v = new long[n];
        java.util.Arrays.fill(v, 1);
        return v;
    }
}
