package org.armature.compute.onnx;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.sub;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Rewriter;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * Writes batch normalisation with the batch's own statistics ({@code training_mode = 1}) as reductions: ONNX Runtime's CPU
 * package has no kernel for it.
 */
final class BatchStatistics {
    private BatchStatistics() {}

    static Graph asReductions(Graph graph) {
        return graph.nodes().stream().noneMatch(BatchStatistics::trains)
                ? graph
                : Rewriter.rewrite(graph, (n, r) -> trains(n) && reduced(n, r));
    }

    private static boolean trains(Node n) {
        return n.is("BatchNormalization")
                && n.integer("training_mode", 0) != 0
                && n.input(0).shape().at(1).isKnown();
    }

    /** {@code y = (x - mean) gamma / sqrt(var + eps) + beta}; running statistics move by {@code 1 - momentum}. */
    private static boolean reduced(Node n, Rewriter r) {
        Value x = r.get(n.input(0));
        int rank = x.rank();
        long channels = x.shape().dim(1);
        long[] axes = LongStream.range(0, rank).filter(a -> a != 1).toArray();
        long[] sizes = new long[rank - 1];
        Arrays.fill(sizes, 1);
        sizes[0] = channels;
        Shape wide = Shape.of(sizes);
        Value mean = reduceMean(x, true, axes);
        Value centred = sub(x, mean);
        Value variance = reduceMean(mul(centred, centred), true, axes);
        Value deviation = sqrt(add(variance, n.real("epsilon", 1e-5f)));
        Value scale = div(reshape(r.get(n.input(1)), wide), deviation);
        r.replace(n.output(), add(mul(centred, scale), reshape(r.get(n.input(2)), wide)));
        double momentum = n.real("momentum", 0.9f);
        Value[] now = {mean, variance};
        for (int i = 1; i < n.outputs().size() && i <= 2; i++) {
            Value old = r.get(n.input(2 + i));
            r.replace(n.outputs().get(i), add(mul(old, momentum), mul(reshape(now[i - 1], channels), 1 - momentum)));
        }
        return true;
    }
}
