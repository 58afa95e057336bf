package org.armature.compute.opencl.lower;

import static org.armature.compute.opencl.lower.Lowering.apply;
import static org.armature.compute.opencl.lower.Lowering.at;
import static org.armature.compute.opencl.lower.Lowering.map;
import static org.armature.compute.opencl.lower.Lowering.multiply;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Formula;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.graph.DType;
import org.armature.graph.Node;
import org.armature.graph.Value;

/** Linear quantisation. */
final class Quantisation {
    private Quantisation() {}

    static void rules(Map<String, Rule> r) {
        r.put("QuantizeLinear", (n, l) -> {
            Array x = l.array(n.input(0));
            return map(
                    n,
                    at -> quantized(
                            at(x, at),
                            parameter(n, l, 1, x, at),
                            n.input(2).isPresent()
                                    ? parameter(n, l, 2, x, at)
                                    : Scalar.literal(n.output().dtype(), 0L),
                            n.output().dtype()));
        });
        r.put("DequantizeLinear", (n, l) -> {
            Array x = l.array(n.input(0));
            DType t = n.output().dtype();
            return map(
                    n,
                    at -> multiply(
                            n.input(2).isPresent()
                                    ? difference(at(x, at), parameter(n, l, 2, x, at), t)
                                    : Scalar.convert(at(x, at), t),
                            Scalar.convert(parameter(n, l, 1, x, at), t)));
        });
        r.put("DynamicQuantizeLinear", Quantisation::dynamic);
        r.put("MatMulInteger", (n, l) -> {
            Array a = shifted(n, l, 0, 2, DType.INT32, n.input(0).rank() - 2);
            Array b = shifted(n, l, 1, 3, DType.INT32, n.input(1).rank() - 1);
            return List.of(Products.matMul(n.output().name(), DType.INT32, a, b, false, false));
        });
        r.put(
                "ConvInteger",
                (n, l) -> List.of(Products.conv(
                        n, shifted(n, l, 0, 2, DType.INT32, 0), shifted(n, l, 1, 3, DType.INT32, 0), DType.INT32)));
        r.put("QLinearMatMul", (n, l) -> {
            Array a = shifted(n, l, 0, 2, DType.INT32, n.input(0).rank() - 2);
            Array b = shifted(n, l, 3, 5, DType.INT32, n.input(3).rank() - 1);
            Array y = Products.matMul(n.output().name(), DType.INT32, a, b, false, false);
            return requantized(n, l, y, 1, 4, 6, 7, -1);
        });
        r.put("QLinearConv", (n, l) -> {
            Array y = Products.conv(
                    n, shifted(n, l, 0, 2, DType.INT32, 0), shifted(n, l, 3, 5, DType.INT32, 0), DType.INT32);
            Array biased = n.input(8).isPresent()
                    ? map(
                            n.output().name() + ".biased",
                            DType.INT32,
                            y.shape(),
                            at -> Lowering.add(at(y, at), at(l.array(n.input(8)), List.of(at.get(1)))))
                    : y;
            return requantized(n, l, biased, 1, 4, 6, 7, 1);
        });
    }

    /** Scale or zero point for an element: one for all, one per index of an axis, or one per block. */
    private static Scalar parameter(Node n, Lowering l, int input, Array x, List<Index> at) {
        Array p = l.array(n.input(input));
        if (p.size() == 1) {
            return at(p, Index.unravel(Index.ZERO, p.shape()));
        }
        int axis = Math.floorMod((int) n.integer("axis", 1), x.rank());
        long block = n.integer("block_size", 0);
        if (p.rank() == 1 && block == 0) {
            return at(p, List.of(at.get(axis)));
        }
        List<Index> from = new ArrayList<>(at);
        from.set(axis, at.get(axis).div(block));
        return at(p, from);
    }

    private static Scalar quantized(Scalar x, Scalar scale, Scalar zero, DType to) {
        double lo = switch (to) {
            case INT8 -> -128;
            case INT16 -> -32768;
            default -> 0;
        };
        double hi = switch (to) {
            case INT8 -> 127;
            case UINT8 -> 255;
            case INT16 -> 32767;
            default -> 65535;
        };
        Formula f = Formula.of("quantize", "fmin(fmax(rint(x / y) + z, " + lo + "t), " + hi + "t)");
        DType real = x.type().isFloating() ? x.type() : DType.FLOAT;
        return Scalar.convert(
                apply(f, Scalar.convert(x, real), Scalar.convert(scale, real), Scalar.convert(zero, real)), to);
    }

    private static Scalar difference(Scalar x, Scalar zero, DType t) {
        return Scalar.convert(Lowering.subtract(Scalar.convert(x, DType.INT32), Scalar.convert(zero, DType.INT32)), t);
    }

    /** An input minus its zero point, which is one number or a vector along an axis. */
    private static Array shifted(Node n, Lowering l, int input, int zero, DType to, int axis) {
        Array x = l.array(n.input(input));
        Value z = n.input(zero);
        return map(x.name() + ".shifted", to, x.shape(), at -> {
            Scalar v = Scalar.convert(at(x, at), to);
            if (!z.isPresent()) {
                return v;
            }
            Array p = l.array(z);
            Scalar s = p.size() == 1
                    ? at(p, Index.unravel(Index.ZERO, p.shape()))
                    : p.rank() == 1 ? at(p, List.of(at.get(axis))) : Lowering.spread(p, at);
            return Lowering.subtract(v, Scalar.convert(s, to));
        });
    }

    private static List<Array> requantized(
            Node n, Lowering l, Array y, int scaleA, int scaleB, int scaleOut, int zeroOut, int axis) {
        return map(n, at -> {
            Scalar a = Scalar.convert(scalar(l, n, scaleA, at, at.size() - 2), DType.FLOAT);
            Scalar b = Scalar.convert(scalar(l, n, scaleB, at, axis < 0 ? at.size() - 1 : axis), DType.FLOAT);
            Scalar real = multiply(Scalar.convert(at(y, at), DType.FLOAT), multiply(a, b));
            return quantized(
                    real,
                    scalar(l, n, scaleOut, at, axis),
                    scalar(l, n, zeroOut, at, axis),
                    n.output().dtype());
        });
    }

    private static Scalar scalar(Lowering l, Node n, int input, List<Index> at, int axis) {
        Array p = l.array(n.input(input));
        return p.size() == 1
                ? at(p, Index.unravel(Index.ZERO, p.shape()))
                : p.rank() == 1 ? at(p, List.of(at.get(Math.floorMod(axis, at.size())))) : Lowering.spread(p, at);
    }

    private static List<Array> dynamic(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        var all = Lowering.range(0, x.rank());
        Array top = Reductions.fold(x, all, false, "Max");
        Array bottom = Reductions.fold(x, all, false, "Min");
        Array scale = map(
                n.outputs().get(1),
                at -> apply(Formula.of("scale", "(fmax(x, 0t) - fmin(y, 0t)) / 255t"), at(top, at), at(bottom, at)));
        Array zero = map(
                n.outputs().get(2),
                at -> Scalar.convert(
                        apply(
                                Formula.of("zero", "rint(fmin(fmax(-fmin(x, 0t) / y, 0t), 255t))"),
                                at(bottom, at),
                                at(scale, at)),
                        DType.UINT8));
        Array y = map(n.output(), at -> quantized(at(x, at), at(scale, List.of()), at(zero, List.of()), DType.UINT8));
        return List.of(y, scale, zero);
    }
}
