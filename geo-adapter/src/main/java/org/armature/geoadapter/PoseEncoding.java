package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.List;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * A camera as nine numbers, {@code absT_quaR_FoV}: translation, quaternion x y z w of the rotation (w >= 0), vertical and
 * horizontal field of view in radians. The principal point is not kept: decoding puts it into the centre.
 */
final class PoseEncoding {
    private PoseEncoding() {}

    /** Extrinsics {@code [..., 3, 4]} and intrinsics {@code [..., 3, 3]} of {@code h x w} pixels to {@code [..., 9]}. */
    static Value encode(Value extrinsics, Value intrinsics, double h, double w) {
        Value t = squeeze(slice(extrinsics, -1, 3, 4), -1);
        Value fy = element(intrinsics, 1, 1);
        Value fx = element(intrinsics, 0, 0);
        return concat(-1, t, quaternion(extrinsics), fieldOfView(fy, h), fieldOfView(fx, w));
    }

    private static Value fieldOfView(Value focal, double size) {
        return mul(atan(div(size / 2, focal)), 2);
    }

    /** Rotation {@code [..., 3, 3 or 4]} to x, y, z, w: of the four ways to write it the one with the largest divisor. */
    static Value quaternion(Value m) {
        Value x = element(m, 0, 0);
        Value y = element(m, 1, 1);
        Value z = element(m, 2, 2);
        Value squares = concat(
                -1,
                add(add(add(x, y), z), 1),
                add(sub(sub(x, y), z), 1),
                add(sub(sub(y, x), z), 1),
                add(sub(sub(z, x), y), 1)); // 4w², 4x², 4y², 4z²
        Value positive = greater(squares, like(squares, 0));
        // The root has no derivative at zero, and a candidate that small is never chosen.
        Value root = where(positive, sqrt(where(positive, squares, like(squares, 1))), like(squares, 0));
        Value a = sub(element(m, 2, 1), element(m, 1, 2));
        Value b = sub(element(m, 0, 2), element(m, 2, 0));
        Value c = sub(element(m, 1, 0), element(m, 0, 1));
        Value d = add(element(m, 1, 0), element(m, 0, 1));
        Value e = add(element(m, 0, 2), element(m, 2, 0));
        Value f = add(element(m, 1, 2), element(m, 2, 1));
        Value square = mul(root, root);
        List<Value> s = split(square, -1, 1, 1, 1, 1);
        Value candidates = concat(
                -2,
                row(a, b, c, s.get(0)),
                row(s.get(1), d, e, a),
                row(d, s.get(2), f, b),
                row(e, f, s.get(3), c)); // [..., 4, 4]
        Value divisor = mul(max(root, like(root, 0.1)), 2);
        Value best = oneHot(argMax(root, -1, false), 4, DType.FLOAT, -1);
        Value q = reduceSum(mul(candidates, unsqueeze(div(best, divisor), -1)), false, -2);
        Value w = slice(q, -1, 3, 4);
        return where(less(w, like(w, 0)), neg(q), q);
    }

    private static Value row(Value... xyzw) {
        return unsqueeze(concat(-1, xyzw), -2);
    }

    /** The camera again: extrinsics {@code [..., 3, 4]}. */
    static Value extrinsics(Value encoding) {
        List<Value> v = split(encoding, -1, 3, 4, 2);
        return concat(-1, rotation(v.get(1)), unsqueeze(v.get(0), -1));
    }

    /** Rotation {@code [..., 3, 3]} of a quaternion of any length. */
    private static Value rotation(Value q) {
        List<Value> c = split(q, -1, 1, 1, 1, 1);
        Value x = c.get(0);
        Value y = c.get(1);
        Value z = c.get(2);
        Value w = c.get(3);
        Value s = div(2, reduceSumSquare(q, true, -1));
        return concat(
                -2,
                row(diagonal(s, y, z), off(s, x, y, neg(z), w), off(s, x, z, y, w)),
                row(off(s, x, y, z, w), diagonal(s, x, z), off(s, y, z, neg(x), w)),
                row(off(s, x, z, neg(y), w), off(s, y, z, x, w), diagonal(s, x, y)));
    }

    private static Value diagonal(Value s, Value a, Value b) {
        return sub(1, mul(s, add(mul(a, a), mul(b, b))));
    }

    private static Value off(Value s, Value a, Value b, Value c, Value w) {
        return mul(s, add(mul(a, b), mul(c, w)));
    }

    /** Intrinsics {@code [..., 3, 3]} for {@code h x w} pixels; a field of view of zero gives an infinite focal length. */
    static Value intrinsics(Value encoding, double h, double w) {
        Value fy = div(h / 2, tan(mul(slice(encoding, -1, 7, 8), 0.5)));
        Value fx = div(w / 2, tan(mul(slice(encoding, -1, 8, 9), 0.5)));
        Shape one = fx.shape();
        Value zero = fx.builder().constant(Constant.full(DType.FLOAT, one, 0));
        return concat(
                -2,
                row(fx, zero, fx.builder().constant(Constant.full(DType.FLOAT, one, w / 2))),
                row(zero, fy, fx.builder().constant(Constant.full(DType.FLOAT, one, h / 2))),
                row(zero, zero, fx.builder().constant(Constant.full(DType.FLOAT, one, 1))));
    }

    /** Element of the last two axes, {@code [..., 1]}. */
    static Value element(Value m, int row, int column) {
        return squeeze(slice(slice(m, -2, row, row + 1L), -1, column, column + 1L), -1);
    }
}
