package org.armature.perceptualinit;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.equal;
import static org.armature.graph.Ops.exp;
import static org.armature.graph.Ops.greaterOrEqual;
import static org.armature.graph.Ops.less;
import static org.armature.graph.Ops.like;
import static org.armature.graph.Ops.logSoftmax;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.max;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.round;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transpose;

import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** The losses of the two stages. */
final class Contrast {
    private static final double COSINE_EPSILON = 1e-8;
    private static final double UNIT_EPSILON = 1e-12;

    private Contrast() {}

    /**
     * The judgement of triplets.
     *
     * @param left distance of reference and left candidate, {@code [B]}
     * @param right distance of reference and right candidate, {@code [B]}
     * @param decision 1 where right is nearer, INT64 {@code [B]}; a tie is left
     * @param loss mean of {@code max(0, margin - y (left - right))}, y = 1 where the vote is right, else -1
     * @param accuracy share of votes agreed with
     */
    record Judgement(Value left, Value right, Value decision, Value loss, Value accuracy) {}

    /** Embeddings {@code [B, D]}; {@code vote [B]}, the share of voters who chose right. */
    static Judgement judge(Value reference, Value left, Value right, Value vote, double margin) {
        Value dl = distance(reference, left);
        Value dr = distance(reference, right);
        Value rounded = round(vote); // 0.5 is a vote for left: halves go to the even number
        Value y = sub(mul(cast(equal(rounded, like(vote, 1)), DType.FLOAT), 2.0), 1);
        Value hinge = relu(sub(margin, mul(y, sub(dl, dr))));
        Value rightNearer = less(dr, dl);
        Value agreed = equal(rightNearer, greaterOrEqual(vote, like(vote, 0.5)));
        return new Judgement(
                dl,
                dr,
                cast(rightNearer, DType.INT64),
                reduceMean(hinge, false, 0),
                reduceMean(cast(agreed, DType.FLOAT), false, 0));
    }

    /** {@code 1 - cosine}, each norm at least 1e-8. */
    static Value distance(Value a, Value b) {
        Value dot = reduceSum(mul(a, b), false, 1);
        Value norms =
                mul(atLeast(reduceL2(a, false, 1), COSINE_EPSILON), atLeast(reduceL2(b, false, 1), COSINE_EPSILON));
        return sub(1, div(dot, norms));
    }

    /** Rows of length 1. */
    static Value unit(Value x) {
        return div(x, atLeast(reduceL2(x, true, 1), UNIT_EPSILON));
    }

    private static Value atLeast(Value x, double least) {
        return max(x, like(x, least));
    }

    /** {@code exp(scale) I T^T}, rows are images. */
    static Value logits(Value image, Value text, Value scale) {
        return mul(matMul(image, transpose(text, 1, 0)), exp(scale));
    }

    /** Mean of the cross entropies of rows and columns, the diagonal being right; a scalar. */
    static Value symmetric(Value logits) {
        long n = logits.shape().dim(0);
        float[] eye = new float[(int) (n * n)];
        for (int i = 0; i < n; i++) {
            eye[(int) (i * (n + 1))] = 1;
        }
        Graph.Builder b = logits.builder();
        Value diagonal = b.constant(Constant.floats(Shape.of(n, n), eye));
        Value both = add(logSoftmax(logits, 1), logSoftmax(logits, 0));
        return neg(div(reduceSum(mul(both, diagonal), false, 0, 1), 2.0 * n));
    }
}
