package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.List;
import org.armature.graph.Constant;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** Reductions, running sums and selections along axes. {@code wide} brings a reduced tensor back to a broadcastable shape. */
final class Reductions {
    private Reductions() {}

    static void rules(Rules.Table t) {
        t.put("ReduceSum", s -> s.add(0, wide(s, s.dy())));
        t.put("ReduceMean", s -> s.add(0, mul(wide(s, s.dy()), 1 / count(s))));
        t.put("ReduceMax", Reductions::extreme);
        t.put("ReduceMin", Reductions::extreme);
        t.put("ReduceProd", Reductions::product);
        t.put("ReduceL1", s -> s.add(0, mul(wide(s, s.dy()), sign(s.x()))));
        t.put("ReduceL2", Reductions::norm);
        t.put("ReduceSumSquare", s -> s.add(0, mul(mul(wide(s, s.dy()), 2), s.x())));
        t.put("ReduceLogSum", s -> s.add(0, mul(wide(s, s.dy()), exp(neg(wide(s, s.y()))))));
        t.put("ReduceLogSumExp", s -> s.add(0, mul(wide(s, s.dy()), exp(sub(s.x(), wide(s, s.y()))))));
        t.put("CumSum", s -> {
            boolean reverse = s.node.integer("reverse", 0) == 0;
            boolean exclusive = s.node.integer("exclusive", 0) != 0;
            s.add(0, cumSum(s.dy(), s.shape(0).axis(s.longs(1)[0]), exclusive, reverse));
        });
        t.put("TopK", s -> {
            if (s.wants(0) && s.hasDy(0)) {
                s.add(0, scatterElements(s.zeros(0), s.y(1), s.dy(0), s.axis("axis", -1), "add"));
            }
        });
    }

    /** Axes of the reduction, which may be none. */
    private static long[] reducedAxes(Step s) {
        boolean none = s.has(1) ? s.longs(1).length == 0 : s.node.integers("axes").length == 0;
        return none && s.node.integer("noop_with_empty_axes", 0) != 0 ? new long[0] : s.axes(1);
    }

    private static double count(Step s) {
        double n = 1;
        for (long a : reducedAxes(s)) {
            n *= s.shape(0).dim((int) a);
        }
        return n;
    }

    /** With size 1 at the reduced axes. */
    private static Value wide(Step s, Value reduced) {
        Shape kept = s.shape(0);
        for (long a : reducedAxes(s)) {
            kept = kept.with((int) a, 1);
        }
        return reduced.shape().equals(kept) ? reduced : Ops.reshape(reduced, kept);
    }

    /** Elements equal to the result share evenly, as PyTorch's amax. */
    private static void extreme(Step s) {
        Value hit = cast(equal(s.x(), wide(s, s.y())), s.dy().dtype());
        long[] axes = reducedAxes(s);
        Value share = axes.length == 0 ? s.dy() : div(wide(s, s.dy()), reduceSum(hit, true, axes));
        s.add(0, mul(share, hit));
    }

    /** prod / x, but where one factor is zero it alone has a derivative: the product of the others. */
    private static void product(Step s) {
        long[] axes = reducedAxes(s);
        if (axes.length == 0) {
            s.add(0, s.dy());
            return;
        }
        Value x = s.x();
        Value one = like(x, 1);
        Value zero = like(x, 0);
        Value isZero = equal(x, zero);
        Value filled = where(isZero, one, x);
        Value others = productOf(filled, axes, s);
        Value zeros = reduceSum(cast(isZero, x.dtype()), true, axes);
        Value alone = where(equal(zeros, one), others, zero);
        Value usual = where(equal(zeros, zero), div(others, filled), zero);
        s.add(0, mul(wide(s, s.dy()), where(isZero, alone, usual)));
    }

    private static Value productOf(Value x, long[] axes, Step s) {
        boolean asAttribute = s.opset() < 18;
        return asAttribute
                ? s.builder().node("ReduceProd", List.of(x), attributes("axes", axes, "keepdims", true))
                : reduceProd(x, true, axes);
    }

    /** x / |x|, zero at zero. */
    private static void norm(Step s) {
        Value y = wide(s, s.y());
        Value safe = where(equal(y, like(y, 0)), like(y, 1), y);
        s.add(0, mul(div(wide(s, s.dy()), safe), s.x()));
    }

    /** A constant vector {@code 0, 1, ..., n-1}. */
    static Constant range(long n) {
        long[] v = new long[Math.toIntExact(n)];
        java.util.Arrays.setAll(v, i -> i);
        return Constant.longs(v);
    }
}
