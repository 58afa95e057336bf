package org.armature.compute.opencl;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.LongFunction;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops.Window;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;

/** Random graphs and their derivatives against the plain executor. Sixteen minutes with {@code -Darmature.long=true}. */
class RandomGraphsTest extends OnDevice {
    @Test
    void agreeWithTheReference() {
        int n = compare(executor, Boolean.getBoolean("armature.long") ? 600 : 8, RandomGraphsTest::graph);
        System.out.println(n + " random graphs agree");
    }

    /** Windows of every kind, with channels that fill panels and that do not. */
    @Test
    void convolutionsAgreeWithTheReference() {
        int n = compare(executor, Boolean.getBoolean("armature.long") ? 120 : 4, RandomGraphsTest::convolution);
        System.out.println(n + " random convolutions agree");
    }

    /** One after the other, with the kernels for GPUs. */
    @Test
    void agreeOnGpus() {
        try (OpenClExecutor gpu = gpu(cache)) {
            int n = compare(
                    gpu,
                    Boolean.getBoolean("armature.long") ? 240 : 4,
                    seed -> seed % 2 == 0 ? convolution(seed) : graph(seed));
            System.out.println(n + " random graphs agree on GPUs");
        }
    }

    private static int compare(OpenClExecutor executor, long seconds, LongFunction<Graph> graphs) {
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        int n = 0;
        for (long seed = 1; seed == 1 || System.nanoTime() < end; seed++) {
            Comparison.agree(executor, Comparison.derived(graphs.apply(seed), List.of("x", "w")), seed, 2e-4);
            n++;
        }
        return n;
    }

    /** A convolution between elementwise operators. */
    private static Graph convolution(long seed) {
        Random r = new Random(seed);
        Graph.Builder b = Graph.builder("convolution" + seed);
        // Some are such as Winograd's algorithm is for.
        boolean winograd = seed % 3 == 0;
        int rank = winograd ? 2 : 1 + r.nextInt(2);
        long channels =
                winograd ? 16 + r.nextInt(9) : List.of(3L, 8L, 32L, 32L, 64L).get(r.nextInt(5));
        long groups = channels == 64 ? 2 : channels == 8 ? 4 : 1;
        long[] x = new long[rank + 2];
        long[] w = new long[rank + 2];
        x[0] = 1 + r.nextInt(3);
        x[1] = channels;
        w[0] = groups * (1 + r.nextInt(20));
        w[1] = channels / groups;
        long[] strides = new long[rank];
        long[] dilations = new long[rank];
        long[] pads = new long[2 * rank];
        for (int i = 0; i < rank; i++) {
            w[i + 2] = 1 + r.nextInt(4);
            strides[i] = 1 + r.nextInt(2);
            dilations[i] = 1 + r.nextInt(2);
            pads[i] = r.nextInt(3);
            pads[rank + i] = r.nextInt(3);
            x[i + 2] = dilations[i] * (w[i + 2] - 1) + 1 + r.nextInt(rank == 1 ? 150 : 12);
            if (winograd) {
                w[0] = 16 + r.nextInt(9);
                w[i + 2] = 3;
                strides[i] = 1;
                dilations[i] = 1;
                x[i + 2] = 2 * (4 + r.nextInt(6)) - pads[i] - pads[rank + i] + 2;
            }
        }
        Value y = conv(
                tanh(b.input("x", Shape.of(x))),
                b.parameter("w", DType.FLOAT, Shape.of(w)),
                Value.none(),
                Window.of(rank).strides(strides).dilations(dilations).pads(pads).group(groups));
        return b.output("y", mul(tanh(y), 0.5)).build();
    }

    /** A dozen operators on arrays of up to four axes; every value keeps the size of {@code x} or is made to. */
    private static Graph graph(long seed) {
        Random r = new Random(seed);
        Graph.Builder b = Graph.builder("random" + seed);
        int rank = 2 + r.nextInt(3);
        long[] sizes = new long[rank];
        for (int i = 0; i < rank; i++) {
            sizes[i] = 1 + r.nextInt(i == rank - 1 ? 40 : i == rank - 2 ? 20 : 5);
        }
        Shape shape = Shape.of(sizes);
        Value x = b.input("x", shape);
        Value w = b.parameter("w", DType.FLOAT, Shape.of(sizes[rank - 1], sizes[rank - 1]));
        List<Value> values = new ArrayList<>(List.of(x));
        for (int i = 0; i < 12; i++) {
            Value a = values.get(r.nextInt(values.size()));
            Value c = values.get(r.nextInt(values.size()));
            int axis = r.nextInt(rank);
            long last = sizes[rank - 1];
            values.add(
                    switch (r.nextInt(17)) {
                        case 0 -> add(a, c);
                        case 1 -> mul(tanh(a), c);
                        case 2 -> sub(a, tanh(c));
                        case 3 -> gelu(tanh(a));
                        case 4 -> exp(tanh(a));
                        case 5 -> softmax(a, axis);
                        case 6 -> mul(matMul(tanh(a), w), 0.2);
                        case 7 -> sub(a, reduceMean(a, true, axis));
                        case 8 -> add(c, reduceMax(a, true, axis));
                        case 9 -> div(a, add(reduceSumSquare(a, true, -1), 1));
                        case 10 -> back(a, shape, r);
                        case 11 -> reshape(mul(reshape(a, Shape.of(shape.size())), 0.5), shape);
                        case 12 ->
                            concat(rank - 1, slice(a, rank - 1, last / 2, last), slice(tanh(c), rank - 1, 0, last / 2));
                        case 13 -> {
                            long from = r.nextInt(3);
                            yield slice(pad(a, 0.5, pads(rank, axis)), axis, from, from + sizes[axis]);
                        }
                        case 15 -> matMul(softmax(mul(matMul(tanh(a), transposeLast(c)), 0.3), -1), tanh(c));
                        case 14 -> sigmoid(add(a, reduceLogSumExp(c, true, axis)));
                        default -> cumSum(mul(tanh(a), 0.3), axis, r.nextBoolean(), r.nextBoolean());
                    });
        }
        Value y = values.getLast();
        for (Value v : values.subList(values.size() - 4, values.size() - 1)) {
            y = add(y, v);
        }
        return b.output("y", y).build();
    }

    private static long[] pads(int rank, int axis) {
        long[] p = new long[2 * rank];
        p[axis] = 1;
        p[rank + axis] = 1;
        return p;
    }

    /** There and back by different ways. */
    private static Value back(Value a, Shape shape, Random r) {
        int rank = shape.rank();
        long[] perm = new long[rank];
        long[] inverse = new long[rank];
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < rank; i++) {
            order.add(i);
        }
        java.util.Collections.shuffle(order, r);
        for (int i = 0; i < rank; i++) {
            perm[i] = order.get(i);
            inverse[order.get(i)] = i;
        }
        return transpose(tanh(transpose(a, perm)), inverse);
    }
}
