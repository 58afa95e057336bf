package org.armature.terminator;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.like;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.max;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sin;
import static org.armature.graph.Ops.stopGradient;
import static org.armature.graph.Ops.transposeLast;

import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.terminator.TerminatorConfig.Slow;
import org.jspecify.annotations.Nullable;

/**
 * The slow network: coordinates in, a kernel out (paper, section 3.2). A multiplicative net of sines,
 * {@code h_0 = s_0, h_i = s_i (W_i h_{i-1} + b_i) + P}, kept as matrices {@code [hidden, points]} because it has no batch.
 */
final class SlowNet {
    /** S-renormalisation: the share that carries the derivative. */
    private static final double UNIT_SHARE = 0.1;

    private static final double EPSILON = 1e-12;

    private final Scope p;
    private final Slow size;
    private final int axes;
    private final long points;
    private final long[] grid;
    private final Value coordinates;

    private SlowNet(Scope p, Slow size, long... grid) {
        this.p = p.at("Kernel");
        this.size = size;
        this.grid = grid;
        axes = grid.length;
        points = Shape.of(grid).size();
        coordinates = coordinates(p.builder(), grid);
    }

    /** A kernel over the image: {@code [1, channels, side, side]}. */
    static Value global(Scope p, Slow size, int channels, int side) {
        SlowNet n = new SlowNet(p, size, side, side);
        return reshape(n.out(n.hidden("bias_p", null), channels), 1, channels, side, side);
    }

    /** A number per channel: {@code [1, 1, channels]}. */
    static Value overChannels(Scope p, Slow size, int channels) {
        SlowNet n = new SlowNet(p, size, channels);
        return reshape(n.out(n.hidden("bias_p", null), 1), 1, 1, channels);
    }

    /**
     * One depth-wise kernel for the whole batch, which depends on it: {@code [channels, 1, k, k]}.
     *
     * @param context mean over the batch of the input, pooled to {@code k x k}, {@code [channels, k * k]}
     */
    static Value local(Scope p, Slow size, int channels, int k, Value context) {
        SlowNet n = new SlowNet(p, size, k, k);
        return reshape(n.out(n.hidden("bias_pk", n.digest(context, channels)), channels), channels, 1, k, k);
    }

    /** Mean over the batch, averaged to {@code k x k} cells as adaptive pooling does: {@code [N, C, H, W] -> [C, k * k]}. */
    static Value context(Value x, int k) {
        Value mean = reduceMean(x, false, 0);
        Graph.Builder b = x.builder();
        Value rows = b.constant(cells(k, (int) x.shape().dim(2)));
        Value columns = b.constant(cells(k, (int) x.shape().dim(3)));
        Value pooled = matMul(matMul(rows, mean), transposeLast(columns));
        return reshape(pooled, x.shape().dim(1), (long) k * k);
    }

    /** {@code [k, n]}: row i averages entries {@code floor(i n / k)} to {@code ceil((i + 1) n / k)}. */
    private static Constant cells(int k, int n) {
        float[] m = new float[k * n];
        for (int i = 0; i < k; i++) {
            int from = i * n / k;
            int to = Math.ceilDiv((i + 1) * n, k);
            for (int j = from; j < to; j++) {
                m[i * n + j] = 1f / (to - from);
            }
        }
        return Constant.floats(Shape.of(k, n), m);
    }

    /** {@code [axes, points]}: from -1 to 1 along each axis, the row axis first. */
    private static Value coordinates(Graph.Builder b, long[] grid) {
        int points = (int) Shape.of(grid).size();
        float[] m = new float[grid.length * points];
        long[] strides = Shape.of(grid).strides();
        for (int a = 0; a < grid.length; a++) {
            float[] line = line((int) grid[a]);
            for (int i = 0; i < points; i++) {
                m[a * points + i] = line[(int) (i / strides[a] % grid[a])];
            }
        }
        return b.constant(Constant.floats(Shape.of(grid.length, points), m));
    }

    /** As {@code torch.linspace(-1, 1, n)} computes it in single precision: each half from its own end. */
    private static float[] line(int n) {
        float[] v = new float[n];
        float step = n > 1 ? 2f / (n - 1) : 0;
        for (int i = 0; i < n; i++) {
            v[i] = i < n / 2 ? -1 + step * i : n == 1 ? -1 : 1 - step * (n - 1 - i);
        }
        return v;
    }

    private Value hidden(String place, @Nullable Value digest) {
        Value at = reshape(p.parameter(place, Shape.of(1, 1).concat(Shape.of(grid))), 1, points);
        Value h = wave(0);
        for (int i = 1; i <= size.layers(); i++) {
            h = add(mul(wave(i), pointwise(p.at("linears", i - 1), h, size.hidden(), axes)), at);
            if (digest != null) {
                h = mul(renormalized(h), pointwise(p.at("fast_linears_x", i - 1), digest, size.hidden(), axes));
            }
        }
        return h;
    }

    private Value wave(int i) {
        return sin(pointwise(p.at("filters", i).at("linear"), coordinates, size.hidden(), axes));
    }

    private Value out(Value h, int channels) {
        return pointwise(p.at("output_linear"), h, channels, axes);
    }

    /** {@code [channels, points] -> [hidden, points]}. */
    private Value digest(Value context, int channels) {
        Value reduced = pointwise(p.at("fast_reduce"), context, size.hidden(), axes);
        return gelu(pointwise(p.at("fast_fc1"), reduced, size.hidden(), axes));
    }

    private static Value renormalized(Value h) {
        Value norm = reduceL2(h, true, 1);
        return add(stopGradient(h), mul(div(h, max(norm, like(norm, EPSILON))), UNIT_SHARE));
    }

    /** A one-by-one convolution on {@code [in, points]}; its weight is stored with as many spatial axes as the kernel has. */
    private static Value pointwise(Scope p, Value x, int out, int axes) {
        long in = x.shape().dim(0);
        long[] sizes = new long[2 + axes];
        java.util.Arrays.fill(sizes, 1);
        sizes[0] = out;
        sizes[1] = in;
        Value weight = reshape(p.parameter("weight", sizes), out, in);
        return add(matMul(weight, x), reshape(p.parameter("bias", out), out, 1));
    }
}
