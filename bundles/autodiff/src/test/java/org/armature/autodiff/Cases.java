package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.Op;
import org.armature.graph.Ops.Window;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** A small random graph for every rule. */
final class Cases {
    static final Map<String, Function<Draw, Value>> ALL = new LinkedHashMap<>();

    private Cases() {}

    private static void put(String name, Function<Draw, Value> f) {
        ALL.put(name, f);
    }

    private static void unary(String type, double low, double high, Object... attributes) {
        String name = type + (attributes.length == 0 ? "" : " " + attributes[0]);
        put(name, d -> d.b.node(type, List.of(d.x(low, high, d.shape())), attributes(attributes)));
    }

    private static void binary(String type, double low, double high, Object... attributes) {
        put(type, d -> {
            long[] s = d.shape();
            boolean first = d.coin();
            Value a = d.x(low, high, first ? s : d.narrower(s));
            Value b = d.x(low, high, first ? d.narrower(s) : s);
            return d.b.node(type, List.of(a, b), attributes(attributes));
        });
    }

    private static Value op(Draw d, String type, List<Value> in, Object... attributes) {
        return d.b.node(type, in, attributes(attributes));
    }

    static {
        for (String type : List.of("Add", "Sub", "Mul")) {
            binary(type, -2, 2);
        }
        binary("Div", 0.5, 2);
        binary("Pow", 0.5, 2);
        binary("Mod", 0.6, 3, "fmod", 1);
        put("PRelu", d -> {
            long[] s = d.shape();
            return prelu(d.x(s), d.x(d.narrower(s)));
        });
        for (double e : new double[] {0, 1, 2, 3, 0.5, -0.5, -1, 2.5}) {
            put("Pow " + e, d -> pow(d.x(0.3, 2, d.shape()), e));
        }
        put("Pow of a negative number", d -> pow(d.x(d.shape()), d.of(2.0, 3.0, 4.0)));
        for (String type : List.of("Max", "Min", "Sum", "Mean")) {
            put(type, d -> {
                long[] s = d.shape();
                return op(d, type, List.of(d.x(s), d.x(-1.9, 2.1, d.narrower(s)), d.x(-2.05, 1.8, s)));
            });
        }
        put("Where", d -> {
            long[] s = d.shape();
            return where(greater(d.x(s), d.x(d.narrower(s))), d.x(d.narrower(s)), d.x(s));
        });
        put("Clip", d -> clip(d.x(d.shape()), -0.7, 0.9));
        put("Clip with inputs", d -> clip(d.x(d.shape()), d.x(-1, -0.5), d.x(0.5, 1)));
        put("Clip below only", d -> op(d, "Clip", List.of(d.x(d.shape()), like(d.x(), 0.1))));

        for (String type : List.of(
                "Neg",
                "Abs",
                "Exp",
                "Sin",
                "Cos",
                "Atan",
                "Sinh",
                "Cosh",
                "Tanh",
                "Asinh",
                "Erf",
                "Identity",
                "Sigmoid",
                "Softplus",
                "Softsign",
                "Mish",
                "Relu",
                "Elu",
                "Selu",
                "Celu",
                "LeakyRelu",
                "ThresholdedRelu",
                "HardSigmoid",
                "HardSwish",
                "Gelu",
                "Shrink",
                "Floor",
                "Sign")) {
            unary(type, type.startsWith("Hard") ? -4 : -2, type.startsWith("Hard") ? 4 : 2);
        }
        unary("Gelu", -2, 2, "approximate", "tanh");
        unary("Elu", -2, 2, "alpha", 0.7);
        unary("Celu", -2, 2, "alpha", 1.5);
        for (String type : List.of("Sqrt", "Log", "Reciprocal")) {
            unary(type, 0.3, 3);
        }
        unary("Tan", -1, 1);
        for (String type : List.of("Asin", "Acos", "Atanh")) {
            unary(type, -0.8, 0.8);
        }
        unary("Acosh", 1.3, 3);
        put("Trilu", d -> trilu(d.x(d.shape(d.size(2, 4))), d.coin(), d.size(-2, 2)));
        put("StopGradient", d -> {
            Value x = d.x(d.shape());
            return mul(x, add(mul(x, 0), 1.5));
        });

        for (String type : List.of(
                "ReduceSum",
                "ReduceMean",
                "ReduceMax",
                "ReduceMin",
                "ReduceProd",
                "ReduceL1",
                "ReduceL2",
                "ReduceLogSum",
                "ReduceLogSumExp",
                "ReduceSumSquare")) {
            put(type, d -> {
                long[] s = d.shape();
                double low = type.equals("ReduceLogSum") ? 0.3 : -2;
                Value x = d.x(low, 2, s);
                long[] axes = IntStream.range(0, s.length)
                        .filter(i -> d.coin())
                        .asLongStream()
                        .map(i -> d.coin() ? i : i - s.length)
                        .toArray();
                return reduce(type, x, d.coin(), axes);
            });
        }
        put("ReduceProd with zeros", d -> {
            Value x = d.x(d.shape(3));
            Value holed = where(greater(x, like(x, 1.2)), mul(x, 0), x);
            return reduceProd(holed, d.coin(), d.size(0, 2));
        });
        put("CumSum", d -> cumSum(d.x(d.shape(3)), d.size(-3, 2), d.coin(), d.coin()));
        put("TopK", d -> {
            long[] s = d.shape(2);
            int axis = d.size(0, 1);
            return topK(d.x(s), d.size(1, (int) s[axis]), axis, d.coin()).getFirst();
        });

        put("MatMul", d -> {
            long m = d.size(1, 4), k = d.size(1, 4), n = d.size(1, 4);
            long[] batch = d.shape(d.size(0, 2));
            boolean first = d.coin();
            long[] ab = first ? batch : d.narrower(batch);
            long[] bb = first ? d.narrower(batch) : batch;
            Value a = d.x(d.size(0, 3) == 0 ? new long[] {k} : join(ab, m, k));
            return matMul(a, d.x(d.size(0, 3) == 0 ? new long[] {k} : join(bb, k, n)));
        });
        put("MatMul by a matrix", d -> matMul(d.x(d.size(1, 3), d.size(1, 3), 3), d.x(3, d.size(1, 4))));
        put("Gemm", d -> {
            long m = d.size(1, 4), k = d.size(1, 4), n = d.size(1, 4);
            boolean ta = d.coin(), tb = d.coin();
            Value a = d.x(ta ? new long[] {k, m} : new long[] {m, k});
            Value b = d.x(tb ? new long[] {n, k} : new long[] {k, n});
            Value c = d.coin() ? d.x(d.narrower(m, n)) : Value.none();
            return gemm(a, b, c, d.of(1.0, 0.5), d.of(1.0, -2.0), ta, tb);
        });
        put("FusedMatMul", d -> {
            boolean ta = d.coin(), tb = d.coin();
            return d.b.node(
                            new Op(Op.MICROSOFT, "FusedMatMul"),
                            List.of(
                                    d.x(ta ? new long[] {2, 4, 3} : new long[] {2, 3, 4}),
                                    d.x(tb ? new long[] {5, 4} : new long[] {4, 5})),
                            attributes("alpha", 0.5, "transA", ta, "transB", tb),
                            1)
                    .getFirst();
        });
        for (String e : List.of(
                "bij,bjk->bik",
                "ij,jk->ki",
                "bhqd,bhkd->bhqk",
                "i,j->ij",
                "ijk->kj",
                "ij,ij->",
                "ij->i",
                "bi,io,bo->b",
                "nchw,cd->ndhw")) {
            put("Einsum " + e, d -> {
                Map<Character, Long> sizes = new LinkedHashMap<>();
                e.chars()
                        .filter(Character::isLetter)
                        .forEach(c -> sizes.computeIfAbsent((char) c, k -> (long) d.size(1, 3)));
                Value[] terms = java.util.Arrays.stream(e.split("->")[0].split(","))
                        .map(t -> d.x(
                                t.chars().mapToLong(c -> sizes.get((char) c)).toArray()))
                        .toArray(Value[]::new);
                return einsum(e, terms);
            });
        }

        for (int n = 1; n <= 3; n++) {
            int rank = n;
            put("Conv " + n + "d", d -> drawnConv(d, rank, d.of(1, 1, 2), d.of(1, 2)));
            put("Conv " + n + "d depthwise", d -> drawnConv(d, rank, 0, 1));
            put("Conv " + n + "d depthwise with multiplier", d -> drawnConv(d, rank, 0, 2));
            put("ConvTranspose " + n + "d", d -> convTranspose(d, rank));
            put(
                    "MaxPool " + n + "d",
                    d -> maxPool(
                            d.x(space(d, rank, d.size(1, 2), d.size(1, 2), 4, 6)),
                            drawn(d, rank, 2, 3),
                            window(d, rank)));
            put("AveragePool " + n + "d", d -> {
                Window w = window(d, rank);
                w = d.coin() ? w.countIncludePad() : w;
                return averagePool(
                        d.x(space(d, rank, d.size(1, 2), d.size(1, 2), 4, 6)),
                        drawn(d, rank, 2, 3),
                        d.coin() ? w.ceilMode() : w);
            });
            put(
                    "AveragePool " + n + "d of tiles",
                    d -> averagePool(
                            d.x(space(d, rank, 1, 2, 4, 4)),
                            filled(rank, 2),
                            Window.of(rank).stride(2)));
            put("GlobalPools " + n + "d", d -> {
                Value x = d.x(space(d, rank, 2, 2, 2, 3));
                return add(globalAveragePool(x), globalMaxPool(x));
            });
        }
        put(
                "Conv auto_pad",
                d -> op(
                        d,
                        "Conv",
                        List.of(d.x(1, 2, d.size(3, 6), d.size(3, 6)), d.x(3, 2, 3, 2)),
                        "auto_pad",
                        d.of("SAME_UPPER", "SAME_LOWER", "VALID"),
                        "strides",
                        drawn(d, 2, 1, 2)));
        put("Conv 1x1", d -> conv(d.x(2, 3, 4, 2), d.x(2, 3, 1, 1), d.x(2), Window.of(2)));
        put(
                "Conv padded beyond the kernel",
                d -> conv(
                        d.x(1, 2, 3, 3),
                        d.x(2, 2, 2, 2),
                        Value.none(),
                        Window.of(2).pad(3)));

        put("Softmax", d -> softmax(d.x(d.shape(3)), d.size(-3, 2)));
        put("LogSoftmax", d -> logSoftmax(d.x(d.shape(3)), d.size(-3, 2)));
        put("BatchNormalization", d -> {
            long[] s = d.shape(d.size(2, 4));
            return batchNormalization(d.x(s), d.x(s[1]), d.x(s[1]), d.x(s[1]), d.x(0.5, 2, s[1]), 1e-3);
        });
        put("BatchNormalization training", d -> {
            long[] s = d.shape(d.size(2, 4));
            s[0] = 3;
            List<Value> y = d.b.node(
                    Op.of("BatchNormalization"),
                    List.of(d.x(s), d.x(s[1]), d.x(s[1]), d.x(s[1]), d.x(0.5, 2, s[1])),
                    attributes("epsilon", 0.01, "training_mode", 1, "momentum", 0.8),
                    3);
            return add(
                    reduceSum(y.get(0), false),
                    add(reduceSum(y.get(1), false), reduceSum(mul(y.get(2), y.get(2)), false)));
        });
        put("LayerNormalization", d -> {
            long[] s = d.shape(d.size(2, 3));
            s[s.length - 1] = 4;
            int axis = d.size(1, s.length - 1);
            long[] w = java.util.Arrays.copyOfRange(s, axis, s.length);
            return layerNormalization(d.x(s), d.x(w), d.coin() ? d.x(w) : Value.none(), axis, 1e-2);
        });
        put("RMSNormalization", d -> {
            long[] s = d.shape(3);
            return op(d, "RMSNormalization", List.of(d.x(s), d.x(s[2])), "axis", -1, "epsilon", 0.01);
        });
        put("InstanceNormalization", d -> {
            long[] s = d.shape(4);
            s[3] = 3;
            return instanceNormalization(d.x(s), d.x(s[1]), d.x(s[1]), 1e-2);
        });
        put(
                "GroupNormalization",
                d -> op(
                        d,
                        "GroupNormalization",
                        List.of(d.x(2, 4, 3), d.x(2), d.x(2)),
                        "num_groups",
                        2,
                        "epsilon",
                        0.01));
        put("groupNormalization of PyTorch", d -> groupNormalization(d.x(2, 4, 3, 2), d.x(4), d.x(4), 2, 1e-2));
        put(
                "LpNormalization",
                d -> op(d, "LpNormalization", List.of(d.x(d.shape(3))), "axis", d.size(0, 2), "p", d.size(1, 2)));
        put(
                "MeanVarianceNormalization",
                d -> op(
                        d,
                        "MeanVarianceNormalization",
                        List.of(d.x(2, 2, 3, 2)),
                        "axes",
                        d.of(new long[] {0, 2, 3}, new long[] {2, 3})));

        put("Reshape", d -> reshape(d.x(2, 3, 4), d.of(new long[] {6, 4}, new long[] {0, -1}, new long[] {4, 1, 6})));
        put("Flatten", d -> flatten(d.x(d.shape(3)), d.size(0, 3)));
        put("Squeeze", d -> unsqueeze(squeeze(d.x(2, 1, 3, 1), 1, -1), 0, 2));
        put("Transpose", d -> d.of(transpose(d.x(d.shape(3)), 2, 0, 1), op(d, "Transpose", List.of(d.x(d.shape(3))))));
        put("Expand", d -> {
            long[] s = d.shape();
            return expand(d.x(d.narrower(s)), s);
        });
        put("Tile", d -> tile(d.x(d.shape(3)), d.size(1, 3), d.size(1, 3), d.size(1, 2)));
        put("Concat", d -> {
            int axis = d.size(-2, 1);
            long[] s = d.shape(2);
            long[] t = s.clone();
            t[axis < 0 ? axis + 2 : axis] = d.size(1, 3);
            return concat(axis, d.x(s), d.x(t), d.x(s));
        });
        put("Split", d -> {
            List<Value> parts = split(d.x(2, 6), 1, 1, 3, 2);
            return concat(1, mul(parts.get(0), parts.get(0)), d.coin() ? parts.get(2) : parts.get(1));
        });
        put("Slices side by side", d -> {
            Value x = d.x(6, 2);
            int from = d.size(1, 2); // overlapping or not
            return mul(mul(slice(x, 0, 0, 2), slice(x, 0, from, from + 2)), slice(x, 0, 4, 6));
        });
        put(
                "Slice",
                d -> slice(
                        d.x(5, 6),
                        new long[] {1, 0},
                        new long[] {d.of(-1L, 4L, 100L), d.of(0L, 1L, -4L)},
                        new long[] {d.of(Long.MIN_VALUE, 0L), d.of(5L, 4L, Long.MAX_VALUE)},
                        new long[] {d.of(-1L, -2L), d.of(1L, 2L, 3L)}));
        put("Pad constant", d -> op(d, "Pad", List.of(d.x(4, 3), d.longs(1, -1, 2, 3), d.x()), "mode", "constant"));
        put(
                "Pad one axis",
                d -> op(d, "Pad", List.of(d.x(4, 3), d.longs(2, 1), Value.none(), d.longs(-1)), "mode", "constant"));
        for (String mode : List.of("reflect", "edge", "wrap")) {
            put("Pad " + mode, d -> pad(d.x(3, 4), mode, d.size(0, 2), 1, 2, d.size(0, 3)));
        }
        put(
                "DepthToSpace",
                d -> op(d, "DepthToSpace", List.of(d.x(2, 8, 2, 3)), "blocksize", 2, "mode", d.of("DCR", "CRD")));
        put("SpaceToDepth", d -> op(d, "SpaceToDepth", List.of(d.x(2, 2, 4, 6)), "blocksize", 2));

        put("Gather", d -> {
            long[] s = d.shape(3);
            int axis = d.size(0, 2);
            return gather(d.x(s), d.indices(s[axis], d.shape(d.size(0, 2))), axis);
        });
        put("Selects of every row", d -> {
            Value x = d.x(3, 2, 2);
            return add(mul(select(x, 0, 0), select(x, 0, 1)), select(x, 0, -1));
        });
        put("GatherElements", d -> {
            int axis = d.size(-2, 1);
            return gatherElements(d.x(3, 3), d.indices(3, 2, 3), axis);
        });
        put(
                "GatherND",
                d -> d.of(
                        gatherND(d.x(3, 3, 2), d.indices(3, 4, 2), 0),
                        gatherND(d.x(2, 3, 2), d.indices(3, 2, 1), 1),
                        gatherND(d.x(2, 2, 3), d.indices(3, 2, 2, 2, 1), 2)));
        for (String reduction : List.of("none", "add", "mul", "max", "min")) {
            put("ScatterElements " + reduction, d -> {
                Value at = d.b.constant(Constant.longs(Shape.of(2, 2), 2, 1, 0, -1));
                return scatterElements(d.x(0.5, 2, 3, 2), at, d.x(0.55, 1.9, 2, 2), 0, reduction);
            });
            put("ScatterND " + reduction, d -> {
                Value at = d.b.constant(Constant.longs(Shape.of(2, 1), 2, -3));
                return scatterND(d.x(0.5, 2, 3, 2), at, d.x(0.55, 1.9, 2, 2), reduction);
            });
        }

        for (String mode : List.of("nearest", "linear", "cubic")) {
            put(
                    "Resize " + mode,
                    d -> resize(
                            d.x(1, 2, d.size(2, 4), d.size(2, 4)),
                            new long[] {1, 2, d.size(1, 8), d.size(1, 8)},
                            mode,
                            d.of("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"),
                            attributes(
                                    "nearest_mode", d.of("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"))));
        }
        put("Resize options", d -> {
            boolean cubic = d.coin();
            return resize(
                    d.x(1, 1, 7, 6),
                    new long[] {1, 1, 4, 3},
                    cubic ? "cubic" : "linear",
                    "half_pixel",
                    attributes("antialias", !cubic || d.coin(), "exclude_outside", cubic, "cubic_coeff_a", -0.5));
        });
        put(
                "Resize by whole factors",
                d -> op(
                        d,
                        "Resize",
                        List.of(d.x(1, 2, 3, 2), Value.none(), d.b.constant(Constant.floats(Shape.of(4), 1, 1, 2, 3))),
                        "mode",
                        "nearest",
                        "coordinate_transformation_mode",
                        "asymmetric",
                        "nearest_mode",
                        "floor"));
        put("Resize of channels", d -> resize(d.x(2, 3, 2), new long[] {4, 2, 2}, "linear", "half_pixel", Map.of()));

        put("DFT", d -> dft(d.x(2, d.size(2, 5), d.size(1, 2)), 1, d.of(-1, 3, 4, 6), false, false));
        put("DFT inverse", d -> dft(d.x(2, d.size(2, 5), 2), 1, d.of(-1, 3, 6), true, false));
        put("DFT onesided", d -> dft(d.x(d.size(2, 5), 2, 1), 0, d.of(-1, 3, 4, 6), false, true));
        put("DFT to real", d -> {
            int bins = d.size(2, 4);
            return dft(d.x(2, bins, 2), 1, d.of(-1, 2, 2 * bins - 2, 2 * bins - 1, 9), true, true);
        });
        put("Calls", d -> {
            Graph.Builder body = Graph.builder("cube");
            Value in = body.input("in", d.type, Shape.of(2, 2));
            Graph cube = body.output("out", mul(in, mul(in, in))).build();
            return call(cube, null, d.x(2, 2)).getFirst();
        });
    }

    static long[] join(long[] a, long... b) {
        return LongStream.concat(java.util.Arrays.stream(a), java.util.Arrays.stream(b))
                .toArray();
    }

    private static long[] filled(int n, long v) {
        return LongStream.range(0, n).map(i -> v).toArray();
    }

    private static long[] drawn(Draw d, int n, int low, int high) {
        return LongStream.range(0, n).map(i -> d.size(low, high)).toArray();
    }

    private static long[] space(Draw d, int rank, long n, long c, int low, int high) {
        return join(new long[] {n, c}, drawn(d, rank, low, rank == 3 ? Math.min(high, 4) : high));
    }

    private static Window window(Draw d, int rank) {
        return Window.of(rank).strides(drawn(d, rank, 1, 2)).pads(drawn(d, 2 * rank, 0, 1));
    }

    /** Group 0 is depthwise with {@code multiplier}. */
    private static Value drawnConv(Draw d, int rank, int group, int multiplier) {
        int g = group == 0 ? d.size(2, 3) : group;
        long c = group == 0 ? 1 : d.size(1, 2);
        long o = group == 0 ? multiplier : d.size(1, 2);
        long[] kernel = drawn(d, rank, 1, rank == 3 ? 2 : 3);
        long[] dilations = drawn(d, rank, 1, 2);
        long[] in = new long[rank];
        java.util.Arrays.setAll(in, i -> (kernel[i] - 1) * dilations[i] + d.size(1, 3));
        Window w = Window.of(rank)
                .strides(drawn(d, rank, 1, 2))
                .pads(drawn(d, 2 * rank, 0, 2))
                .dilations(dilations)
                .group(g);
        Value bias = d.coin() ? d.x(g * o) : Value.none();
        return org.armature.graph.Ops.conv(
                d.x(join(new long[] {d.size(1, 2), g * c}, in)), d.x(join(new long[] {g * o, c}, kernel)), bias, w);
    }

    private static Value convTranspose(Draw d, int rank) {
        int g = d.size(1, 2);
        long[] kernel = drawn(d, rank, 2, 3);
        long[] strides = drawn(d, rank, 1, 2);
        long[] extra = LongStream.of(strides).map(s -> s - 1).toArray();
        Window w =
                Window.of(rank).strides(strides).pads(drawn(d, 2 * rank, 0, 1)).group(g);
        long o = d.size(1, 2);
        return org.armature.graph.Ops.convTranspose(
                d.x(join(new long[] {d.size(1, 2), 2L * g}, drawn(d, rank, 2, 3))),
                d.x(join(new long[] {2L * g, o}, kernel)),
                d.coin() ? d.x(g * o) : Value.none(),
                w,
                extra);
    }
}
