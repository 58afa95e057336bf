package org.armature.compute.opencl;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.squeeze;
import static org.armature.graph.Ops.tanh;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;
import static org.armature.graph.Ops.where;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.armature.compute.Tensor;
import org.armature.compute.opencl.schedule.Kernel;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Attention without a matrix of queries by keys in memory, against the plain executor; and where it must not be taken. */
class AttentionTest extends OnDevice {
    private static OpenClExecutor gpu;

    @BeforeAll
    static void openGpu() {
        gpu = gpu(cache);
    }

    @AfterAll
    static void closeGpu() {
        gpu.close();
    }

    // ---- taken -----------------------------------------------------------------------------------------------------

    @Test
    void headsOfAProjection() {
        compare(1, 2, block(2, 37, 24, 3, s -> s));
    }

    @Test
    void causal() {
        compare(1, 2, block(1, 150, 32, 2, s -> add(s, mask(s, 0, Double.NEGATIVE_INFINITY))));
    }

    @Test
    void causalWithAFiniteMask() {
        compare(1, 2, block(1, 45, 32, 2, s -> add(s, mask(s, 0, -1e9))));
    }

    @Test
    void causalByChoice() {
        compare(1, 2, block(1, 70, 16, 2, s -> {
            long n = s.shape().dim(-1);
            double[] seen = new double[Math.toIntExact(n * n)];
            for (int i = 0; i < seen.length; i++) {
                seen[i] = i % n <= i / n ? 1 : 0;
            }
            Value mask = s.builder().constant(Constant.of(DType.BOOL, Shape.of(n, n), seen));
            return where(mask, s, s.builder().constant(Constant.scalar(DType.FLOAT, Double.NEGATIVE_INFINITY)));
        }));
    }

    /** Rank 3, other numbers of queries and keys, other widths; a mask handed in that hides whole blocks of keys. */
    @Test
    void crossAttention() {
        Graph.Builder b = Graph.builder("cross");
        Value q = b.input("q", Shape.of(3, 19, 20));
        Value k = b.input("k", Shape.of(3, 1100, 20));
        Value v = b.input("v", Shape.of(3, 1100, 37));
        Value mask = b.input("mask", Shape.of(3, 1, 1100));
        Value s = add(mul(matMul(q, transposeLast(k)), 0.3), mask);
        compare(1, 2, b.output("y", matMul(softmax(s, -1), v)).build());
    }

    @Test
    void oneHead() {
        Graph.Builder b = Graph.builder("one");
        Value q = b.input("q", Shape.of(40, 8));
        Value k = b.input("k", Shape.of(33, 8));
        Value v = b.input("v", Shape.of(33, 8));
        compare(
                1,
                2,
                b.output("y", matMul(softmax(matMul(q, transposeLast(k)), -1), v))
                        .build());
    }

    /** Causal attention over several blocks of keys. */
    @Test
    void longCausal() {
        Graph.Builder b = Graph.builder("long");
        Value q = b.input("q", Shape.of(2, 1, 700, 16));
        Value k = b.input("k", Shape.of(2, 1, 700, 16));
        Value v = b.input("v", Shape.of(2, 1, 700, 16));
        Value s = mul(matMul(q, transposeLast(k)), 0.25);
        Value y = matMul(softmax(add(s, mask(s, 0, Double.NEGATIVE_INFINITY)), -1), v);
        compare(1, 2, b.output("y", y).build());
    }

    /** On GPUs an item has two vectors of the result; with wider values, and for derivatives, there are products. */
    @Test
    void wideValues() {
        check(gpu, 1, wide(128));
        check(gpu, 1, wide(99));
        check(gpu, 0, wide(132));
        check(gpu, 0, Comparison.derived(wide(32), List.of("q", "k", "v")));
    }

    private static Graph wide(long width) {
        Graph.Builder b = Graph.builder("wide");
        Value q = b.input("q", Shape.of(2, 65, 72));
        Value k = b.input("k", Shape.of(2, 130, 72));
        Value v = b.input("v", Shape.of(2, 130, width));
        return b.output("y", matMul(softmax(matMul(q, transposeLast(k)), -1), v))
                .build();
    }

    // ---- not taken -------------------------------------------------------------------------------------------------

    @Test
    void probabilitiesThatAreAnOutput() {
        Graph.Builder b = Graph.builder("seen");
        Value q = b.input("q", Shape.of(2, 24, 8));
        Value k = b.input("k", Shape.of(2, 24, 8));
        Value v = b.input("v", Shape.of(2, 24, 8));
        Value p = softmax(matMul(q, transposeLast(k)), -1);
        b.output("p", p);
        compare(0, 0, b.output("y", matMul(p, v)).build());
    }

    @Test
    void scoresThatAnotherReads() {
        Graph.Builder b = Graph.builder("shared");
        Value q = b.input("q", Shape.of(2, 24, 8));
        Value k = b.input("k", Shape.of(2, 24, 8));
        Value v = b.input("v", Shape.of(2, 24, 24));
        Value s = matMul(q, transposeLast(k));
        compare(0, 0, b.output("y", add(matMul(softmax(s, -1), v), tanh(s))).build());
    }

    @Test
    void aSoftmaxOverQueries() {
        Graph.Builder b = Graph.builder("across");
        Value q = b.input("q", Shape.of(2, 24, 8));
        Value k = b.input("k", Shape.of(2, 24, 8));
        Value v = b.input("v", Shape.of(2, 24, 8));
        compare(
                0,
                0,
                b.output("y", matMul(softmax(matMul(q, transposeLast(k)), -2), v))
                        .build());
    }

    /** The bias of the scores has a derivative, which is a matrix of queries by keys. */
    @Test
    void aBiasThatLearns() {
        Graph.Builder b = Graph.builder("bias");
        Value q = b.input("q", Shape.of(2, 24, 8));
        Value k = b.input("k", Shape.of(2, 24, 8));
        Value v = b.input("v", Shape.of(2, 24, 8));
        Value bias = b.parameter("bias", DType.FLOAT, Shape.of(24, 24));
        Value s = add(matMul(q, transposeLast(k)), bias);
        compare(1, 0, b.output("y", matMul(softmax(s, -1), v)).build());
    }

    // ---- how -------------------------------------------------------------------------------------------------------

    /** Queries, keys and values from one projection, as transformers have them. */
    static Graph block(long batch, long tokens, long width, long heads, UnaryOperator<Value> masked) {
        Graph.Builder b = Graph.builder("block");
        Value x = b.input("x", Shape.of(batch, tokens, width));
        Value w = b.parameter("w", DType.FLOAT, Shape.of(width, 3 * width));
        Value apart = reshape(matMul(x, w), batch, tokens, 3, heads, width / heads);
        List<Value> qkv = split(transpose(apart, 2, 0, 3, 1, 4), 0, 1, 1, 1).stream()
                .map(v -> squeeze(v, 0))
                .toList();
        Value s = mul(matMul(qkv.get(0), transposeLast(qkv.get(1))), 0.2);
        Value y = matMul(softmax(masked.apply(s), -1), qkv.get(2));
        return b.output("y", reshape(transpose(y, 0, 2, 1, 3), batch, tokens, width))
                .build();
    }

    /** {@code [N, N]}: zero where the key is not after the query, else {@code hidden}. */
    static Value mask(Value s, long offset, double hidden) {
        int n = Math.toIntExact(s.shape().dim(-1));
        double[] mask = new double[n * n];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = i % n <= i / n + offset ? 0 : hidden;
        }
        return s.builder().constant(Constant.of(DType.FLOAT, Shape.of(n, n), mask));
    }

    /** Values alone, on CPUs and GPUs, then with every derivative; each must have so many kernels of attention. */
    private static void compare(int forward, int training, Graph g) {
        check(executor, forward, g);
        check(gpu, forward, g);
        check(
                executor,
                training,
                Comparison.derived(
                        g,
                        Comparison.sources(g)
                                .map(Value::name)
                                .filter(n -> !n.equals("mask"))
                                .toList()));
    }

    private static void check(OpenClExecutor executor, int kernels, Graph g) {
        Random random = new Random(5);
        Map<String, Tensor> given = new HashMap<>();
        Comparison.sources(g).forEach(v -> {
            Tensor t = Tensor.zeros(v.type());
            for (long i = 0; i < t.size(); i++) {
                // The mask hides the first keys of every second batch.
                boolean hidden = i % (2 * t.shape().dim(-1)) < 600;
                t.set(i, !v.name().equals("mask") ? random.nextGaussian() : hidden ? Double.NEGATIVE_INFINITY : 0);
            }
            given.put(v.name(), t);
        });
        Comparison.check(executor, Kernel.Attending.class, kernels, g, given);
    }
}
