package org.armature.compute.opencl.lower;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.armature.compute.opencl.ir.Formula;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.graph.Attribute;
import org.armature.graph.DType;
import org.armature.graph.Node;
import org.armature.graph.Value;

/**
 * The elementwise operators, one line each: OpenCL C on the operands {@code x}, {@code y}, {@code z}. Literals of the
 * operands' type end in {@code t}; <code>{alpha=0.01}</code> is an attribute and its default.
 */
final class Elementwise {
    private static final Pattern ATTRIBUTE = Pattern.compile("\\{(\\w+)=([^}]*)}");

    private Elementwise() {}

    static void rules(Map<String, Rule> r) {
        // Arithmetic.
        put(r, "Add", "x + y");
        put(r, "Sub", "x - y");
        put(r, "Mul", "x * y");
        put(r, "Div", "x / y", "y == 0 ? 0 : y == -1 ? -x : x / y", "y == 0 ? 0 : x / y");
        put(r, "Neg", "-x");
        put(r, "Abs", "fabs(x)", "x < 0 ? -x : x", "x");
        put(r, "Sign", "x > 0t ? 1t : x < 0t ? -1t : x", "(x > 0) - (x < 0)", "x > 0");
        put(r, "Reciprocal", "1t / x");
        put(r, "Floor", "floor(x)");
        put(r, "Ceil", "ceil(x)");
        put(r, "Round", "rint(x)");
        put(r, "Sqrt", "sqrt(x)");
        put(r, "PRelu", "x < 0 ? x * y : x");
        put(r, "BitwiseAnd", "x & y");
        put(r, "BitwiseOr", "x | y");
        put(r, "BitwiseXor", "x ^ y");
        put(r, "BitwiseNot", "~x");
        // Transcendental functions.
        put(r, "Exp", "exp(x)");
        put(r, "Log", "log(x)");
        put(r, "Sin", "sin(x)");
        put(r, "Cos", "cos(x)");
        put(r, "Tan", "tan(x)");
        put(r, "Asin", "asin(x)");
        put(r, "Acos", "acos(x)");
        put(r, "Atan", "atan(x)");
        put(r, "Sinh", "sinh(x)");
        put(r, "Cosh", "cosh(x)");
        put(r, "Tanh", "tanh(x)");
        put(r, "Asinh", "asinh(x)");
        put(r, "Acosh", "acosh(x)");
        put(r, "Atanh", "atanh(x)");
        put(r, "Erf", "erf(x)");
        // Activations.
        put(r, "Relu", "x < 0 ? 0 : x");
        put(r, "LeakyRelu", "x < 0t ? {alpha=0.01} * x : x");
        put(r, "ThresholdedRelu", "x > {alpha=1} ? x : 0t");
        put(r, "Elu", "x > 0t ? x : {alpha=1} * expm1(x)");
        put(r, "Celu", "x > 0t ? x : {alpha=1} * expm1(x / {alpha=1})");
        put(r, "Selu", "{gamma=1.0507009873554805} * (x > 0t ? x : {alpha=1.6732632423543772} * expm1(x))");
        put(r, "Sigmoid", "1t / (1t + exp(-x))");
        put(r, "HardSigmoid", "fmin(fmax({alpha=0.2} * x + {beta=0.5}, 0t), 1t)");
        put(r, "HardSwish", "x * fmin(fmax(x / 6t + 0.5t, 0t), 1t)");
        put(r, "Softplus", "fmax(x, 0t) + log1p(exp(-fabs(x)))");
        put(r, "Softsign", "x / (1t + fabs(x))");
        put(r, "Mish", "x * tanh(fmax(x, 0t) + log1p(exp(-fabs(x))))");
        put(r, "Swish", "x / (1t + exp(-{alpha=1} * x))");
        put(r, "com.microsoft.QuickGelu", "x / (1t + exp(-{alpha=1.702} * x))");
        put(r, "com.microsoft.Gelu", "0.5t * x * (1t + erf(x * 0.70710678118654752t))");
        put(r, "Shrink", "x < -{lambd=0.5} ? x + {bias=0} : x > {lambd=0.5} ? x - {bias=0} : 0t");
        // Comparisons and logic.
        test(r, "Equal", "x == y");
        test(r, "Less", "x < y");
        test(r, "Greater", "x > y");
        test(r, "LessOrEqual", "x <= y");
        test(r, "GreaterOrEqual", "x >= y");
        test(r, "And", "x && y");
        test(r, "Or", "x || y");
        test(r, "Xor", "x != y");
        test(r, "Not", "!x");
        test(r, "IsNaN", "x != x");
        // With a choice to make.
        r.put("IsInf", (n, l) -> {
            String up = n.integer("detect_positive", 1) != 0 ? "x == INFINITY" : "0";
            String down = n.integer("detect_negative", 1) != 0 ? "x == -INFINITY" : "0";
            return apply(n, l, Formula.of("isinf", up + " || " + down), DType.BOOL);
        });
        r.put(
                "Gelu",
                (n, l) -> apply(
                        n,
                        l,
                        gelu(n.text("approximate", "none").equals("tanh")),
                        n.output().dtype()));
        r.put("com.microsoft.FastGelu", (n, l) -> Lowering.map(n, at -> Lowering.apply(gelu(true), biased(n, l, at))));
        r.put("com.microsoft.BiasGelu", (n, l) -> Lowering.map(n, at -> Lowering.apply(gelu(false), biased(n, l, at))));
        r.put("Max", (n, l) -> fold(n, l, Formula.of("max", "x > y || x != x ? x : y")));
        r.put("Min", (n, l) -> fold(n, l, Formula.of("min", "x < y || x != x ? x : y")));
        r.put("Sum", (n, l) -> fold(n, l, Formula.of("add", "x + y")));
        r.put(
                "Mean",
                (n, l) -> Lowering.map(
                        n,
                        at -> Lowering.multiply(
                                joined(n, l, Formula.of("add", "x + y"), at),
                                Lowering.literal(
                                        n.output().dtype(), 1.0 / n.inputs().size()))));
        r.put(
                "Where",
                (n, l) -> Lowering.map(
                        n,
                        at -> new Scalar.Select(
                                l.spread(n.input(0), at), l.spread(n.input(1), at), l.spread(n.input(2), at))));
        r.put("Identity", (n, l) -> List.of(l.array(n.input(0))));
        r.put("org.armature.StopGradient", (n, l) -> List.of(l.array(n.input(0))));
        r.put(
                "Dropout",
                (n, l) -> List.of(
                        l.array(n.input(0)),
                        Lowering.map(
                                "mask", DType.BOOL, Lowering.sizes(n.output()), at -> Scalar.literal(DType.BOOL, 1L))));
        r.put("Cast", Elementwise::cast);
        r.put("CastLike", Elementwise::cast);
        r.put("Clip", Elementwise::clip);
        r.put("Pow", Elementwise::pow);
        r.put("Mod", Elementwise::mod);
        r.put(
                "BitShift",
                (n, l) -> apply(
                        n,
                        l,
                        Formula.of("shift", n.text("direction", "LEFT").equals("LEFT") ? "x << y" : "x >> y"),
                        n.output().dtype()));
    }

    /** Of floating types; the only form where integers need none of their own. */
    private static void put(Map<String, Rule> rules, String type, String text) {
        put(rules, type, text, text, text);
    }

    private static void put(Map<String, Rule> rules, String type, String floating, String signed, String unsigned) {
        rules.put(type, (n, l) -> {
            DType t = n.output().dtype();
            String text = t.isFloating() ? floating : isSigned(t) ? signed : unsigned;
            return apply(n, l, Formula.of(type.toLowerCase(java.util.Locale.ROOT), attributes(text, n)), t);
        });
    }

    private static void test(Map<String, Rule> rules, String type, String text) {
        rules.put(type, (n, l) -> apply(n, l, Formula.of(type.toLowerCase(java.util.Locale.ROOT), text), DType.BOOL));
    }

    private static boolean isSigned(DType t) {
        return t == DType.INT8 || t == DType.INT16 || t == DType.INT32 || t == DType.INT64;
    }

    private static String attributes(String text, Node n) {
        Matcher m = ATTRIBUTE.matcher(text);
        return m.replaceAll(r -> {
            Attribute a = n.attributes().get(r.group(1));
            String v = a instanceof Attribute.Real f ? Float.toString(f.value()) : r.group(2);
            return "(" + v + (v.contains(".") || v.contains("E") ? "t" : ".0t") + ")";
        });
    }

    private static List<org.armature.compute.opencl.ir.Array> apply(Node n, Lowering l, Formula f, DType type) {
        return Lowering.map(
                n,
                at -> new Scalar.Apply(
                        f, n.inputs().stream().map(v -> l.spread(v, at)).toList(), Scalar.computed(type)));
    }

    private static Scalar joined(Node n, Lowering l, Formula f, List<Index> at) {
        Scalar r = l.spread(n.input(0), at);
        for (Value v : n.inputs().subList(1, n.inputs().size())) {
            r = Lowering.apply(f, r, l.spread(v, at));
        }
        return r;
    }

    private static List<org.armature.compute.opencl.ir.Array> fold(Node n, Lowering l, Formula f) {
        return Lowering.map(n, at -> joined(n, l, f, at));
    }

    private static Scalar biased(Node n, Lowering l, List<Index> at) {
        return joined(n, l, Formula.of("add", "x + y"), at);
    }

    private static Formula gelu(boolean tanh) {
        return tanh
                ? Formula.of("gelu", "0.5t * x * (1t + tanh(0.79788456080286536t * (x + 0.044715t * x * x * x)))")
                : Formula.of("gelu", "0.5t * x * (1t + erf(x * 0.70710678118654752t))");
    }

    private static List<org.armature.compute.opencl.ir.Array> cast(Node n, Lowering l) {
        DType to = n.output().dtype();
        return Lowering.map(n, at -> {
            Scalar x = Scalar.convert(l.spread(n.input(0), at), to);
            // Kept in 32 bits from here on, but with the digits that the short types have.
            return to == n.input(0).dtype() || (to != DType.FLOAT16 && to != DType.BFLOAT16)
                    ? x
                    : Lowering.apply(
                            to == DType.FLOAT16
                                    ? Formula.of("half", "to_half_and_back(x)")
                                    : Formula.of("bfloat", "to_bfloat_and_back(x)"),
                            x);
        });
    }

    private static List<org.armature.compute.opencl.ir.Array> clip(Node n, Lowering l) {
        DType t = n.output().dtype();
        return Lowering.map(n, at -> {
            Scalar x = l.spread(n.input(0), at);
            if (n.input(1).isPresent()) {
                x = Lowering.apply(Formula.of("atleast", "x < y ? y : x"), x, l.spread(n.input(1), at));
            } else if (n.attribute("min").isPresent()) {
                x = Lowering.apply(Formula.of("atleast", "x < y ? y : x"), x, Lowering.literal(t, n.real("min", 0)));
            }
            if (n.input(2).isPresent()) {
                x = Lowering.apply(Formula.of("atmost", "x > y ? y : x"), x, l.spread(n.input(2), at));
            } else if (n.attribute("max").isPresent()) {
                x = Lowering.apply(Formula.of("atmost", "x > y ? y : x"), x, Lowering.literal(t, n.real("max", 0)));
            }
            return x;
        });
    }

    private static List<org.armature.compute.opencl.ir.Array> pow(Node n, Lowering l) {
        DType t = n.output().dtype();
        DType work = t.isFloating() ? Scalar.computed(t) : DType.DOUBLE;
        return Lowering.map(n, at -> {
            Scalar x = Scalar.convert(l.spread(n.input(0), at), work);
            Scalar y = Scalar.convert(l.spread(n.input(1), at), work);
            Scalar r = y instanceof Scalar.Literal e
                    ? switch ((int) (e.value() * 2)) {
                        case 4 -> Lowering.multiply(x, x);
                        case 6 -> Lowering.multiply(Lowering.multiply(x, x), x);
                        case 2 -> x;
                        default -> Lowering.apply(Formula.of("pow", "pow(x, y)"), x, y);
                    }
                    : Lowering.apply(Formula.of("pow", "pow(x, y)"), x, y);
            return Scalar.convert(
                    y instanceof Scalar.Literal e && e.value() * 2 != Math.rint(e.value() * 2)
                            ? Lowering.apply(Formula.of("pow", "pow(x, y)"), x, y)
                            : r,
                    t);
        });
    }

    private static List<org.armature.compute.opencl.ir.Array> mod(Node n, Lowering l) {
        DType t = n.output().dtype();
        boolean c = n.integer("fmod", 0) != 0;
        String text = t.isFloating()
                ? c ? "fmod(x, y)" : "fmod(x, y) + (fmod(x, y) != 0 && (x < 0) != (y < 0) ? y : 0)"
                : !isSigned(t)
                        ? "y == 0 ? 0 : x % y"
                        : c
                                ? "y == 0 || y == -1 ? 0 : x % y"
                                : "y == 0 || y == -1 ? 0 : x % y + (x % y != 0 && (x < 0) != (y < 0) ? y : 0)";
        return apply(n, l, Formula.of("mod", text), t);
    }
}
