package org.armature.hypernet;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.resize;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.tile;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;

import java.util.Arrays;
import java.util.Map;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.hypernet.NodeGraph.Role;

/**
 * Writes parameters from node embeddings: LoGAH's low-rank decoder or GHN-3's. Only what a parameter takes of the decoder's
 * result is computed.
 *
 * <p>Nodes {@code [G, hidden]} whose parameters have one shape are decoded together, to {@code [G, shape...]}.
 */
final class Decoder {
    private final GhnConfig c;
    private final Scope p;
    private final boolean complete;

    /**
     * A decoder.
     *
     * @param p the root of the hypernetwork's parameters
     * @param complete whether to compute all of the low-rank decoder's rows, as the official code does, and read few of them
     */
    Decoder(GhnConfig config, Scope p, boolean complete) {
        this.c = config;
        this.p = p;
        this.complete = complete;
    }

    /** Unscaled parameters of one shape and role. */
    Value decode(Value nodes, Shape shape, Role role, boolean classifier) {
        long[] s = shape.sizes();
        long g = nodes.shape().dim(0);
        if (s.length <= 1) {
            return vector(nodes, s.length == 0 ? 1 : s[0], role == Role.NORM_WEIGHT ? 0 : 1, classifier, shape);
        }
        if (role == Role.POSITION) {
            long side = (long) Math.sqrt(s[1]);
            Value w = kernel(nodes, 1, s[2], side, side, false); // [G, 1, d, side, side]
            Value rows = transpose(reshape(w, g, s[2], side * side), 0, 2, 1);
            return reshape(rows, g, 1, side * side, s[2]);
        }
        long[] four = {s[0], s[1], s.length > 2 ? s[2] : 1, s.length > 3 ? s[3] : 1};
        if (s.length > 4) {
            throw new IllegalArgumentException(
                    "a parameter of shape " + shape + " has too many axes: hypernetworks write up to four");
        }
        return reshape(
                kernel(nodes, four[0], four[1], four[2], four[3], classifier),
                Shape.of(g).concat(shape));
    }

    /** {@code [G, out, in, height, width]}; more channels than the decoder writes at once repeat its block. */
    private Value kernel(Value nodes, long out, long in, long height, long width, boolean classifier) {
        long o = Math.min(out, c.maxShape()[0]);
        long i = Math.min(in, c.maxShape()[1]);
        Value w = c.lowRank()
                ? product(nodes, o, i, height, width)
                : classifier ? classifier(nodes, i) : convolution(nodes, o, i, height, width);
        return repeated(repeated(w, 1, out), 2, in);
    }

    /** The first entries of as many repetitions along an axis as are needed. */
    private static Value repeated(Value w, int axis, long size) {
        long have = w.shape().dim(axis);
        if (have >= size) {
            return have == size ? w : slice(w, axis, 0, size);
        }
        long[] times = new long[w.rank()];
        Arrays.fill(times, 1);
        times[axis] = Math.ceilDiv(size, have);
        Value all = tile(w, times);
        return times[axis] * have == size ? all : slice(all, axis, 0, size);
    }

    // ---- LoGAH -----------------------------------------------------------------------------------------------------

    /** {@code W = A B}, rows {@code (out, height)}, columns {@code (in, width)}. */
    private Value product(Value nodes, long out, long in, long height, long width) {
        Value w = matMul(factor(nodes, 0, out * height), transposeLast(factor(nodes, 1, in * width)));
        Value split = reshape(w, nodes.shape().dim(0), out, height, in, width);
        return transpose(split, 0, 1, 3, 2, 4);
    }

    /**
     * The first rows of one factor, {@code [G, rows, r]}.
     *
     * <p>Officially a perceptron gives {@code [2r, r]}, a layer makes {@code [2r, ck]} of it, and that memory, seen as
     * {@code [2ck, r]}, holds the two factors one after another. So the first {@code n} rows of a factor are the first
     * {@code n r / ck} rows of its half, rounded up, and often a part of a single one: of the perceptron's last layer and of
     * the layer after it only so much is computed.
     */
    private Value factor(Value nodes, int half, long rows) {
        long r = c.rank();
        long span = c.span();
        if (rows > span) {
            throw new IllegalArgumentException(
                    "the decoder writes up to " + span + " rows and columns, and a parameter has " + rows
                            + ": set max_shape so that it is tiled, or use a checkpoint with a larger max_ck_lora");
        }
        long lines = complete ? r : Math.ceilDiv(rows * r, span);
        long columns = complete || lines > 1 ? span : rows * r;
        Scope fc = p.at("decoder.mlp.fc");
        long wide = 8L * c.hidden();
        Value last = fc.at(4).parameter("weight", 2 * r * r, wide);
        Value lastBias = fc.at(4).parameter("bias", 2 * r * r);
        long from = half * r * r;
        Value line =
                linear(wide(nodes), slice(last, 0, from, from + lines * r), slice(lastBias, 0, from, from + lines * r));
        Value h = relu(reshape(line, nodes.shape().dim(0), lines, r));
        Scope l2 = p.at("decoder.l2");
        Value weight = l2.parameter("weight", span, r);
        Value bias = l2.parameter("bias", span);
        if (columns < span) {
            weight = slice(weight, 0, 0, columns);
            bias = slice(bias, 0, 0, columns);
        }
        Value all = reshape(linear(h, weight, bias), nodes.shape().dim(0), lines * columns);
        Value read = lines * columns == rows * r ? all : slice(all, 1, 0, rows * r);
        return reshape(read, nodes.shape().dim(0), rows, r);
    }

    /** {@code [G, 8 hidden]}: what the perceptron's last layer reads. */
    private Value wide(Value nodes) {
        Scope fc = p.at("decoder.mlp.fc");
        Value h = relu(NodeTransformer.full(fc.at(0), nodes, 4L * c.hidden()));
        return relu(NodeTransformer.full(fc.at(2), h, 8L * c.hidden()));
    }

    // ---- GHN-3 -----------------------------------------------------------------------------------------------------

    /** {@code [G, out, in, height, width]} by a perceptron at each position of the kernel. */
    private Value convolution(Value nodes, long out, long in, long height, long width) {
        Value w = positions(nodes, out, in, Math.min(height, c.maxShape()[2]), Math.min(width, c.maxShape()[3]));
        if (height == w.shape().dim(3) && width == w.shape().dim(4)) {
            return w;
        }
        long g = nodes.shape().dim(0);
        Value flat = reshape(w, g, out * in, w.shape().dim(3), w.shape().dim(4));
        Value larger = resize(flat, new long[] {g, out * in, height, width}, "linear", "half_pixel", Map.of());
        return reshape(larger, g, out, in, height, width);
    }

    private Value positions(Value nodes, long out, long in, long height, long width) {
        long g = nodes.shape().dim(0);
        long d = c.hidden();
        long sh = c.maxShape()[2];
        long sw = c.maxShape()[3];
        long top = sh / 2 - height / 2;
        long left = sw / 2 - width / 2;
        Scope fc = p.at("decoder.fc.0");
        Value first = reshape(fc.parameter("weight", 4 * d * sh * sw, d), 4 * d, sh, sw, d);
        Value bias = reshape(fc.parameter("bias", 4 * d * sh * sw), 4 * d, sh, sw);
        Value read = reshape(slice(slice(first, 1, top, top + height), 2, left, left + width), -1, d);
        Value readBias = reshape(slice(slice(bias, 1, top, top + height), 2, left, left + width), -1);
        Value h = relu(linear(nodes, read, readBias));
        Value at = transpose(reshape(h, g, 4 * d, height * width), 0, 2, 1); // [G, positions, 4d]
        Scope conv = p.at("decoder.conv");
        Value mid = relu(NodeTransformer.full(conv.at(0), at, 8 * d));
        long c0 = c.maxShape()[0];
        long c1 = c.maxShape()[1];
        Value last = reshape(conv.at(2).parameter("weight", c0 * c1, 8 * d), c0, c1, 8 * d);
        Value lastBias = reshape(conv.at(2).parameter("bias", c0 * c1), c0, c1);
        Value weight = reshape(slice(slice(last, 0, 0, out), 1, 0, in), out * in, 8 * d);
        Value used = reshape(slice(slice(lastBias, 0, 0, out), 1, 0, in), out * in);
        Value w = add(matMul(mid, transpose(weight, 1, 0)), used);
        return reshape(transpose(w, 0, 2, 1), g, out, in, height, width);
    }

    /** {@code [G, classes, in, 1, 1]}: a layer over the output axis of the kernel's centre. */
    private Value classifier(Value nodes, long in) {
        long g = nodes.shape().dim(0);
        Value centre = reshape(positions(nodes, c.maxShape()[0], in, 1, 1), g, c.maxShape()[0], in);
        Scope head = p.at("decoder.class_layer_predictor.1");
        Value w = NodeTransformer.full(head, relu(transposeLast(centre)), c.classes());
        return reshape(transposeLast(w), g, c.classes(), in, 1, 1);
    }

    // ---- vectors ---------------------------------------------------------------------------------------------------

    /** {@code [G, n]}: row 0 of a pair is a norm's weight, row 1 a bias. */
    private Value vector(Value nodes, long n, int row, boolean classifier, Shape shape) {
        Value v = c.vectors() ? ownVector(nodes, row, classifier) : lowRankVector(nodes, n, row);
        return reshape(repeated(v, 1, n), Shape.of(nodes.shape().dim(0)).concat(shape));
    }

    private Value ownVector(Value nodes, int row, boolean classifier) {
        long width = c.vectorWidth();
        Scope fc = p.at("decoder_1d.fc");
        Value pair =
                NodeTransformer.full(fc.at(2), relu(NodeTransformer.full(fc.at(0), nodes, 2L * c.hidden())), 2 * width);
        Value v = slice(pair, 1, row * width, (row + 1) * width);
        return classifier && row == 1 ? NodeTransformer.full(p.at("bias_class.1"), relu(v), c.classes()) : v;
    }

    private Value lowRankVector(Value nodes, long n, int row) {
        long half = c.rounded(n, 0);
        long read = Math.min(n, half);
        Value a = slice(factor(nodes, 0, 2 * half), 1, row * half, row * half + read);
        Value v = matMul(a, transposeLast(factor(nodes, 1, 1)));
        return reshape(v, nodes.shape().dim(0), read);
    }
}
