package org.armature.tokenizer;

import static org.armature.graph.Ops.abs;
import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.argMax;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.clip;
import static org.armature.graph.Ops.cumSum;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.equal;
import static org.armature.graph.Ops.exp;
import static org.armature.graph.Ops.gather;
import static org.armature.graph.Ops.log;
import static org.armature.graph.Ops.logSoftmax;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.node;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reduceMax;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.stopGradient;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.where;

import java.util.List;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** The objectives of joint pre-training; every loss is a scalar, of DINOv2 and OpenCLIP where VTP builds on them. */
final class Losses {
    private static final int SINKHORN_ITERATIONS = 3;

    private Losses() {}

    static Value l1(Value a, Value b) {
        return reduceMean(abs(sub(a, b)), false);
    }

    static Value mse(Value a, Value b) {
        Value d = sub(a, b);
        return reduceMean(mul(d, d), false);
    }

    /** Symmetric InfoNCE over pairs {@code [B, D]} of normalised features; {@code scale} is the factor itself, not its log. */
    static Value contrastive(Value image, Value text, Value scale) {
        return contrastive(mul(scale, matMul(image, transpose(text, 1, 0))));
    }

    /** The same of scaled similarities {@code [B, B]}. */
    static Value contrastive(Value logits) {
        return mul(add(matching(logits), matching(transpose(logits, 1, 0))), 0.5);
    }

    /** Cross entropy of each row {@code i} with class {@code i}. */
    private static Value matching(Value logits) {
        Value own = stopGradient(node("EyeLike", logits)); // any batch size
        return neg(reduceMean(reduceSum(mul(logSoftmax(logits, 1), own), false, 1), false));
    }

    /**
     * Teacher targets {@code [N, K]} by Sinkhorn-Knopp: each prototype gets the same share of the batch, each sample sums to
     * one.
     */
    static Value sinkhorn(Value teacher, double temperature) {
        long n = teacher.shape().dim(0);
        long k = teacher.shape().dim(1);
        Value scaled = div(teacher, temperature);
        Value q = exp(sub(scaled, reduceMax(scaled, true))); // the largest cancels in the first normalisation
        q = div(q, reduceSum(q, true));
        for (int i = 0; i < SINKHORN_ITERATIONS; i++) {
            q = div(q, mul(reduceSum(q, true, 0), k));
            q = div(q, mul(reduceSum(q, true, 1), n));
        }
        return stopGradient(mul(q, n));
    }

    /** Teacher targets by subtracting the running centre {@code [1, K]}. */
    static Value centred(Value teacher, Value centre, double temperature) {
        return stopGradient(softmax(div(sub(teacher, centre), temperature), 1));
    }

    /** The running centre after a batch; in effect from the next call on. */
    static Value centre(Value before, Value teacher, double momentum) {
        return add(mul(before, momentum), mul(reduceMean(teacher, true, 0), 1 - momentum));
    }

    /** The sum over all pairs of a student's and a teacher's crop, {@code [B, K]} each, of the mean cross entropy. */
    static Value dino(List<Value> student, List<Value> targets, double temperature) {
        Value total = null;
        for (Value s : student) {
            Value log = logSoftmax(div(s, temperature), 1);
            for (Value t : targets) {
                Value pair = neg(reduceMean(reduceSum(mul(t, log), false, 1), false));
                total = total == null ? pair : add(total, pair);
            }
        }
        if (total == null) {
            throw new IllegalArgumentException("dino loss needs at least one crop of student and teacher");
        }
        return total;
    }

    /**
     * Cross entropy on masked patches {@code [M, K]}: averaged per image, then over all images, unmasked ones included.
     *
     * @param masks INT64 {@code [images, P]}; its ones, in row-major order, are the first rows of {@code student}
     */
    static Value ibot(Value student, Value targets, Value masks, double temperature) {
        long rows = student.shape().dim(0);
        long images = masks.shape().dim(0);
        long n = images * masks.shape().dim(1);
        Value mask = cast(masks, DType.FLOAT);
        Value share = div(mask, clip(reduceSum(mask, true, 1), 1, Float.MAX_VALUE)); // 1 / masked patches of the image
        Value rank = cumSum(reshape(mask, 1, n), 1, true, false); // number of ones before
        Value hit = cast(equal(rank, index(student, rows)), DType.FLOAT); // [M, images P]
        Value weight = reduceSum(mul(hit, reshape(share, 1, n)), false, 1);
        Value per = reduceSum(mul(targets, logSoftmax(div(student, temperature), 1)), false, 1);
        return div(neg(reduceSum(mul(per, weight), false)), images);
    }

    /** KoLeo: minus the mean log distance to the nearest neighbour in {@code x [B, D]}, normalised. */
    static Value koleo(Value x) {
        double epsilon = 1e-8;
        Value y = div(x, clip(reduceL2(x, true, 1), epsilon, Float.MAX_VALUE));
        Value dots = matMul(y, transpose(y, 1, 0));
        Value others = where(cast(eye(x, x.shape().dim(0)), DType.BOOL), neg(like(dots)), dots);
        Value neighbour = gather(y, stopGradient(argMax(others, 1, false)), 0);
        Value distance = reduceL2(add(sub(y, neighbour), epsilon), false, 1);
        return neg(reduceMean(log(add(distance, epsilon)), false));
    }

    private static Value like(Value x) {
        return x.builder().scalar(x.dtype(), 1);
    }

    private static Value eye(Value x, long n) {
        float[] e = new float[Math.toIntExact(n * n)];
        for (int i = 0; i < n; i++) {
            e[i * ((int) n + 1)] = 1;
        }
        return x.builder().constant(Constant.floats(Shape.of(n, n), e));
    }

    private static Value index(Value x, long n) {
        float[] e = new float[Math.toIntExact(n)];
        for (int i = 0; i < n; i++) {
            e[i] = i;
        }
        return x.builder().constant(Constant.floats(Shape.of(n, 1), e));
    }
}
