package org.armature.compute.onnx;

import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.pad;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.transpose;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.armature.graph.Attribute;
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
 * Writes DFT as one matrix product: ONNX Runtime 1.29 loses four digits on lengths that are no power of two. Transforms whose
 * matrix would exceed {@value #LIMIT} elements stay; of these an inverse from half a spectrum, which the runtime does not have,
 * becomes one from a whole spectrum. Look again with a newer one.
 *
 * @param length of the transform
 * @param half one-sided
 */
record Fourier(Node node, Value x, int axis, long length, boolean inverse, boolean half) {
    private static final long LIMIT = 1 << 22;

    static Graph lowered(Graph graph) {
        return graph.nodes().stream().noneMatch(n -> n.is("DFT"))
                ? graph
                : Rewriter.rewrite(graph, (n, r) -> n.is("DFT") && lowered(n, r));
    }

    private static boolean lowered(Node n, Rewriter r) {
        Fourier f = of(n, r);
        if (f == null) {
            return false;
        }
        if (f.hasProduct()) {
            r.replace(n.output(), f.product());
        } else if (f.inverse && f.half) {
            r.replace(n.output(), f.fromWhole(r));
        } else {
            return false;
        }
        return true;
    }

    /** Null if the axis, its size or the length is known at run time only. */
    private static @Nullable Fourier of(Node n, Rewriter r) {
        Value x = r.get(n.input(0));
        Long axis = n.input(2).isPresent()
                ? known(n.input(2))
                : Long.valueOf(n.integer("axis", r.source().opset() >= 20 ? -2 : 1));
        if (axis == null) {
            return null;
        }
        int at = x.shape().axis(axis);
        boolean inverse = n.integer("inverse", 0) != 0;
        boolean half = n.integer("onesided", 0) != 0;
        Dim points = inverse && half ? n.output().shape().at(at) : x.shape().at(at);
        Long length =
                n.input(1).isPresent() ? known(n.input(1)) : points.isKnown() ? Long.valueOf(points.size()) : null;
        return length == null || !x.shape().at(at).isKnown() ? null : new Fourier(n, x, at, length, inverse, half);
    }

    private Shape out() {
        return node.output().shape();
    }

    private boolean hasProduct() {
        if (!x.shape().isStatic() || !out().isStatic()) {
            return false;
        }
        long points = x.shape().dim(axis);
        long outPoints = out().dim(axis);
        return points <= LIMIT && outPoints <= LIMIT && points * x.shape().dim(-1) * outPoints * out().dim(-1) <= LIMIT;
    }

    private Value product() {
        int rank = x.rank();
        int points = (int) x.shape().dim(axis);
        int parts = (int) x.shape().dim(-1);
        int outPoints = (int) out().dim(axis);
        int outParts = (int) out().dim(-1);
        double[] m = DftMatrix.of(points, parts, outPoints, outParts, Math.toIntExact(length), inverse, half);
        Shape shape = Shape.of((long) points * parts, (long) outPoints * outParts);
        Value matrix = x.builder().constant(Constant.of(x.dtype(), shape, m));
        // The axis goes beside the parts, both are multiplied as one, and it goes back.
        long[] there = IntStream.range(0, rank)
                .filter(i -> i != axis && i != rank - 1)
                .asLongStream()
                .toArray();
        long[] perm = append(there, axis, rank - 1);
        long[] outer = Arrays.stream(there).map(a -> x.shape().dim((int) a)).toArray();
        Value rows = reshape(transpose(x, perm), Shape.of(append(outer, shape.dim(0))));
        Value y = reshape(matMul(rows, matrix), Shape.of(append(outer, outPoints, outParts)));
        long[] back = new long[rank];
        for (int i = 0; i < rank; i++) {
            back[(int) perm[i]] = i;
        }
        return transpose(y, back);
    }

    /** The real part of the inverse of the points and the conjugates of those that have a mirror image. */
    private Value fromWhole(Rewriter r) {
        long points = length / 2 + 1;
        Value lower = fit(points);
        double[] signs = x.shape().dim(-1) == 2 ? new double[] {1, -1} : new double[] {1};
        Value conjugate = mul(lower, x.builder().constant(Constant.of(x.dtype(), Shape.of(signs.length), signs)));
        Value whole = concat(axis, lower, slice(conjugate, axis, length - points, 0, -1));
        Map<String, Attribute> attributes = new HashMap<>(node.attributes());
        attributes.put("onesided", Attribute.of(false));
        List<Value> in = new ArrayList<>(node.inputs());
        in.replaceAll(r::get);
        in.set(0, whole);
        return slice(x.builder().node("DFT", in, attributes), -1, 0, 1);
    }

    /** The spectrum cut or zero-padded. */
    private Value fit(long points) {
        long have = x.shape().dim(axis);
        long[] pads = new long[2 * x.rank()];
        pads[x.rank() + axis] = Math.max(0, points - have);
        return have >= points ? slice(x, axis, 0, points) : pad(x, 0.0, pads);
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
