package org.armature.compute.onnx;

import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.transpose;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.armature.graph.Constant;
import org.armature.graph.DftMatrix;
import org.armature.graph.Dim;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Rewriter;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.jspecify.annotations.Nullable;

/**
 * Writes DFT as one matrix product. ONNX Runtime 1.29 loses four digits on lengths that are no power of two, and has no
 * one-sided inverse; look again with a newer one. Transforms whose matrix would exceed {@value #LIMIT} elements stay.
 */
final class Fourier {
    private static final long LIMIT = 1 << 22;

    private Fourier() {}

    static Graph asProducts(Graph graph) {
        return graph.nodes().stream().noneMatch(n -> n.is("DFT"))
                ? graph
                : Rewriter.rewrite(graph, (n, r) -> n.is("DFT") && product(n, r));
    }

    private static boolean product(Node n, Rewriter r) {
        Value x = r.get(n.input(0));
        int rank = x.rank();
        Long given = known(n.input(1));
        Long axisInput = known(n.input(2));
        if (!x.shape().isStatic()
                || !n.output().shape().isStatic()
                || (n.input(1).isPresent() && given == null)
                || (n.input(2).isPresent() && axisInput == null)) {
            return false;
        }
        int axis = x.shape().axis(axisInput != null ? axisInput : r.source().opset() >= 20 ? -2 : n.integer("axis", 1));
        boolean inverse = n.integer("inverse", 0) != 0;
        boolean half = n.integer("onesided", 0) != 0;
        long points = x.shape().dim(axis);
        long parts = x.shape().dim(-1);
        long outPoints = n.output().shape().dim(axis);
        long outParts = n.output().shape().dim(-1);
        if (points > LIMIT || outPoints > LIMIT || points * parts * outPoints * outParts > LIMIT) {
            return false;
        }
        int length = Math.toIntExact(given != null ? given : inverse && half ? outPoints : points);
        double[] m = DftMatrix.of((int) points, (int) parts, (int) outPoints, (int) outParts, length, inverse, half);
        Value matrix = x.builder().constant(Constant.of(x.dtype(), Shape.of(points * parts, outPoints * outParts), m));
        // The axis goes beside the parts, both are multiplied as one, and it goes back.
        long[] there = IntStream.range(0, rank)
                .filter(i -> i != axis && i != rank - 1)
                .asLongStream()
                .toArray();
        long[] perm = append(there, axis, rank - 1);
        long[] outer = Arrays.stream(there).map(a -> x.shape().dim((int) a)).toArray();
        Value rows = reshape(transpose(x, perm), Shape.of(append(outer, points * parts)));
        Value y = reshape(matMul(rows, matrix), Shape.of(append(outer, outPoints, outParts)));
        long[] back = new long[rank];
        for (int i = 0; i < rank; i++) {
            back[(int) perm[i]] = i;
        }
        r.replace(n.output(), transpose(y, back));
        return true;
    }

    private static @Nullable Long known(Value v) {
        List<Dim> d = v.known().orElse(List.of());
        return d.size() == 1 && d.getFirst().isKnown() ? d.getFirst().size() : null;
    }

    private static long[] append(long[] a, long... b) {
        long[] c = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, c, a.length, b.length);
        return c;
    }
}
