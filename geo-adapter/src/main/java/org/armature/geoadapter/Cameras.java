package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** Rigid motions and pinhole cameras as graphs. Extrinsics are world to camera, {@code X_camera = R X_world + t}. */
final class Cameras {
    private Cameras() {}

    /** Inverse {@code [R^T | -R^T t]} of {@code [..., 3, 4]}. */
    static Value inverse(Value extrinsics) {
        Value r = transposeLast(slice(extrinsics, -1, 0, 3));
        return concat(-1, r, neg(matMul(r, slice(extrinsics, -1, 3, 4))));
    }

    /** {@code a b} of {@code [..., 3, 4]} each. */
    static Value compose(Value a, Value b) {
        Value r = slice(a, -1, 0, 3);
        Value turned = matMul(r, b);
        return concat(-1, slice(turned, -1, 0, 3), add(slice(turned, -1, 3, 4), slice(a, -1, 3, 4)));
    }

    /** With the row 0 0 0 1 below: {@code [..., 4, 4]}. */
    static Value homogeneous(Value extrinsics) {
        Graph.Builder b = extrinsics.builder();
        Value last = b.constant(Constant.of(DType.FLOAT, Shape.of(1, 4), 0, 0, 0, 1));
        return concat(-2, extrinsics, expand(last, extrinsics.shape().with(-2, 1)));
    }

    /**
     * World points {@code [..., H, W, 3]} of z-depth {@code [..., H, W, 1]}: {@code X = R^T (((u-cx)/fx, (v-cy)/fy, 1) z - t)}
     * with whole pixel coordinates.
     */
    static Value unproject(Value depth, Value extrinsics, Value intrinsics) {
        int h = (int) depth.shape().dim(-3);
        int w = (int) depth.shape().dim(-2);
        double[] u = new double[h * w];
        double[] v = new double[h * w];
        for (int i = 0; i < h * w; i++) {
            u[i] = i % w;
            v[i] = i / w;
        }
        Graph.Builder b = depth.builder();
        Value us = b.constant(Constant.of(DType.FLOAT, Shape.of((long) h * w, 1), u));
        Value vs = b.constant(Constant.of(DType.FLOAT, Shape.of((long) h * w, 1), v));
        long[] flat = new long[depth.rank() - 1];
        for (int i = 0; i < flat.length - 2; i++) {
            flat[i] = depth.shape().dim(i);
        }
        flat[flat.length - 2] = (long) h * w;
        flat[flat.length - 1] = 1;
        Value z = reshape(depth, flat); // [..., H*W, 1]
        Value x = mul(div(sub(us, entry(intrinsics, 0, 2)), entry(intrinsics, 0, 0)), z);
        Value y = mul(div(sub(vs, entry(intrinsics, 1, 2)), entry(intrinsics, 1, 1)), z);
        // Rows times R are columns times R^T.
        Value centred = sub(concat(-1, x, y, z), transposeLast(slice(extrinsics, -1, 3, 4)));
        return reshape(
                matMul(centred, slice(extrinsics, -1, 0, 3)), depth.shape().with(-1, 3));
    }

    private static Value entry(Value m, int row, int column) {
        return slice(slice(m, -2, row, row + 1L), -1, column, column + 1L);
    }
}
