package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Value;

/** Operators that work on each element by itself; {@link Step#add} sums over what was broadcast. */
final class Elementwise {
    private Elementwise() {}

    static void rules(Rules.Table t) {
        t.put("Add", s -> {
            s.add(0, s.dy());
            s.add(1, s.dy());
        });
        t.put("Sub", s -> {
            s.add(0, s.dy());
            s.add(1, neg(s.dy()));
        });
        t.put("Mul", Elementwise::mulRule);
        t.put("Div", Elementwise::divRule);
        t.put("Pow", Elementwise::powRule);
        t.put("Mod", Elementwise::modRule);
        t.put("Sum", s -> each(s, i -> s.add(i, s.dy())));
        t.put(
                "Mean",
                s -> each(s, i -> s.add(i, mul(s.dy(), 1.0 / s.node.inputs().size()))));
        t.put("Max", Elementwise::extremeRule);
        t.put("Min", Elementwise::extremeRule);
        t.put("Where", s -> {
            Value zero = like(s.dy(), 0);
            s.add(1, where(s.x(0), s.dy(), zero));
            s.add(2, where(s.x(0), zero, s.dy()));
        });
        t.put("Clip", Elementwise::clipRule);

        t.put("Neg", s -> s.add(0, neg(s.dy())));
        t.put("Abs", s -> s.add(0, mul(s.dy(), sign(s.x()))));
        t.put("Sqrt", s -> s.add(0, div(mul(s.dy(), 0.5), s.y())));
        t.put("Reciprocal", s -> s.add(0, neg(mul(s.dy(), mul(s.y(), s.y())))));
        t.put("Exp", s -> s.add(0, mul(s.dy(), s.y())));
        t.put("Log", s -> s.add(0, div(s.dy(), s.x())));
        t.put("Sin", s -> s.add(0, mul(s.dy(), cos(s.x()))));
        t.put("Cos", s -> s.add(0, neg(mul(s.dy(), sin(s.x())))));
        t.put("Tan", s -> s.add(0, mul(s.dy(), add(mul(s.y(), s.y()), 1))));
        t.put("Asin", s -> s.add(0, div(s.dy(), sqrt(sub(1, square(s.x()))))));
        t.put("Acos", s -> s.add(0, neg(div(s.dy(), sqrt(sub(1, square(s.x())))))));
        t.put("Atan", s -> s.add(0, div(s.dy(), add(square(s.x()), 1))));
        t.put("Sinh", s -> s.add(0, mul(s.dy(), cosh(s.x()))));
        t.put("Cosh", s -> s.add(0, mul(s.dy(), sinh(s.x()))));
        t.put("Tanh", s -> s.add(0, mul(s.dy(), sub(1, square(s.y())))));
        t.put("Asinh", s -> s.add(0, div(s.dy(), sqrt(add(square(s.x()), 1)))));
        t.put("Acosh", s -> s.add(0, div(s.dy(), sqrt(sub(square(s.x()), 1)))));
        t.put("Atanh", s -> s.add(0, div(s.dy(), sub(1, square(s.x())))));
        t.put("Erf", s -> s.add(0, mul(s.dy(), mul(exp(neg(square(s.x()))), 2 / Math.sqrt(Math.PI)))));
        t.put("Identity", s -> s.add(0, s.dy()));
        t.put("Cast", s -> s.add(0, cast(s.dy(), s.type(0).dtype())));
        t.put("CastLike", s -> s.add(0, cast(s.dy(), s.type(0).dtype())));
        t.put("Dropout", Elementwise::dropoutRule);
        // Steps: flat wherever they have a derivative.
        for (String flat : List.of("Sign", "Floor", "Ceil", "Round", "Hardmax")) {
            t.put(flat, s -> {});
        }

        t.put("Relu", s -> s.add(0, where(greater(s.y(), like(s.y(), 0)), s.dy(), like(s.dy(), 0))));
        t.put("LeakyRelu", s -> s.add(0, slope(s, s.node.real("alpha", 0.01f))));
        t.put("ThresholdedRelu", s -> {
            Value above = greater(s.x(), like(s.x(), s.node.real("alpha", 1)));
            s.add(0, where(above, s.dy(), like(s.dy(), 0)));
        });
        t.put("PRelu", s -> {
            Value positive = greater(s.x(0), like(s.x(0), 0));
            s.add(0, where(positive, s.dy(), mul(s.dy(), s.x(1))));
            s.add(1, where(positive, like(s.dy(), 0), mul(s.dy(), s.x(0))));
        });
        // alpha (e^x - 1) has the derivative y + alpha.
        t.put("Elu", s -> s.add(0, exponentialBranch(s, 1, s.node.real("alpha", 1))));
        t.put("Selu", s -> {
            double gamma = s.node.real("gamma", 1.0507009873554805f);
            s.add(0, exponentialBranch(s, gamma, gamma * s.node.real("alpha", 1.6732632423543772f)));
        });
        t.put("Celu", s -> {
            Value slope = exp(mul(s.x(), 1.0 / s.node.real("alpha", 1)));
            s.add(0, where(greater(s.x(), like(s.x(), 0)), s.dy(), mul(s.dy(), slope)));
        });
        t.put("Sigmoid", s -> s.add(0, mul(s.dy(), mul(s.y(), sub(1, s.y())))));
        t.put("Softplus", s -> s.add(0, mul(s.dy(), sigmoid(s.x()))));
        t.put("Softsign", s -> s.add(0, div(s.dy(), square(add(abs(s.x()), 1)))));
        t.put("HardSigmoid", s -> {
            Value inside = and(greater(s.y(), like(s.y(), 0)), less(s.y(), like(s.y(), 1)));
            s.add(0, where(inside, mul(s.dy(), s.node.real("alpha", 0.2f)), like(s.dy(), 0)));
        });
        t.put("HardSwish", s -> s.add(0, mul(s.dy(), hardSwishSlope(s.x()))));
        t.put("Mish", s -> {
            Value gate = tanh(softplus(s.x()));
            Value slope = mul(mul(s.x(), sigmoid(s.x())), sub(1, square(gate)));
            s.add(0, mul(s.dy(), add(gate, slope)));
        });
        t.put("Swish", s -> s.add(0, mul(s.dy(), swishSlope(s.x(), s.node.real("alpha", 1)))));
        t.put(
                "Gelu",
                s -> s.add(
                        0,
                        mul(
                                s.dy(),
                                geluSlope(
                                        s.x(),
                                        s.node.text("approximate", "none").equals("tanh")))));
        t.put("Shrink", s -> {
            Value away = greater(abs(s.x()), like(s.x(), s.node.real("lambd", 0.5f)));
            s.add(0, where(away, s.dy(), like(s.dy(), 0)));
        });
        t.put("Trilu", s -> {
            List<Value> in = s.has(1) ? List.of(s.dy(), s.x(1)) : List.of(s.dy());
            s.add(0, s.builder().node("Trilu", in, s.node.attributes()));
        });
    }

    private interface Input {
        void accept(int i);
    }

    static void each(Step s, Input f) {
        for (int i = 0; i < s.node.inputs().size(); i++) {
            if (s.wants(i)) {
                f.accept(i);
            }
        }
    }

    static Value square(Value x) {
        return mul(x, x);
    }

    private static void mulRule(Step s) {
        if (s.wants(0)) {
            s.add(0, mul(s.dy(), s.x(1)));
        }
        if (s.wants(1)) {
            s.add(1, mul(s.dy(), s.x(0)));
        }
    }

    private static void divRule(Step s) {
        if (s.wants(0)) {
            s.add(0, div(s.dy(), s.x(1)));
        }
        if (s.wants(1)) {
            s.add(1, neg(div(mul(s.dy(), s.y()), s.x(1))));
        }
    }

    private static void powRule(Step s) {
        DType type = s.type(0).dtype();
        if (s.wants(0)) {
            Optional<Constant> c = s.type(1).constant().filter(k -> k.shape().size() == 1);
            s.add(0, mul(s.dy(), c.isPresent() ? powSlope(s.x(0), s.y(), c.get().get(0)) : powSlope(s, type)));
        }
        if (s.wants(1)) {
            // 0^b does not move with b > 0.
            Value zero = equal(s.x(0), like(s.x(0), 0));
            Value log = log(where(zero, like(s.x(0), 1), s.x(0)));
            s.add(1, cast(mul(mul(s.dy(), s.y()), log), s.type(1).dtype()));
        }
    }

    private static Value powSlope(Step s, DType type) {
        Value b = cast(s.x(1), type);
        return mul(b, pow(s.x(0), sub(b, 1)));
    }

    private static Value powSlope(Value x, Value y, double b) {
        if (b == 2) {
            return mul(x, 2);
        }
        if (b == 0 || b == 1) {
            return like(x, b);
        }
        if (b == 0.5 || b == -0.5 || b == -1) {
            return mul(div(y, x), b);
        }
        return b == 3 ? mul(square(x), 3) : mul(pow(x, b - 1), b);
    }

    /** x - y trunc(x/y) with fmod, x - y floor(x/y) without: the quotient is (x - mod) / y either way. */
    private static void modRule(Step s) {
        s.add(0, s.dy());
        if (s.wants(1)) {
            s.add(1, neg(mul(s.dy(), div(sub(s.x(0), s.y()), s.x(1)))));
        }
    }

    /** Those that are equal to the result share the cotangent evenly. */
    private static void extremeRule(Step s) {
        DType type = s.dy().dtype();
        List<Value> hits = new ArrayList<>();
        for (int i = 0; i < s.node.inputs().size(); i++) {
            hits.add(cast(equal(s.x(i), s.y()), type));
        }
        Value total = hits.size() == 1 ? hits.getFirst() : sum(hits.toArray(Value[]::new));
        Value share = div(s.dy(), total);
        each(s, i -> s.add(i, mul(share, hits.get(i))));
    }

    /** Bounds belong to the inside, as in PyTorch. */
    private static void clipRule(Step s) {
        Value g = s.dy();
        Value zero = like(g, 0);
        if (s.opset() < 11) {
            Value low = like(s.x(), s.node.real("min", -Float.MAX_VALUE));
            Value high = like(s.x(), s.node.real("max", Float.MAX_VALUE));
            s.add(0, where(and(greaterOrEqual(s.x(), low), lessOrEqual(s.x(), high)), g, zero));
            return;
        }
        Value inside = g;
        if (s.has(1)) {
            Value below = less(s.x(0), s.x(1));
            inside = where(below, zero, inside);
            s.add(1, where(below, g, zero));
        }
        if (s.has(2)) {
            Value above = greater(s.x(0), s.x(2));
            inside = where(above, zero, inside);
            s.add(2, where(above, g, zero));
        }
        s.add(0, inside);
    }

    private static void dropoutRule(Step s) {
        if (!s.has(2) || s.type(2).constant().map(c -> c.get(0) == 0).orElse(false)) {
            s.add(0, s.dy());
            return;
        }
        throw s.fail("dropout with training_mode is random: feed the mask as an input and multiply with it");
    }

    private static Value slope(Step s, double negative) {
        return where(greater(s.x(), like(s.x(), 0)), s.dy(), mul(s.dy(), negative));
    }

    private static Value exponentialBranch(Step s, double positive, double shift) {
        Value above = greater(s.y(), like(s.y(), 0));
        return mul(s.dy(), where(above, like(s.y(), positive), add(s.y(), shift)));
    }

    /** x max(0, min(1, x/6 + 1/2)). */
    private static Value hardSwishSlope(Value x) {
        Value rising = add(mul(x, 1 / 3.0), 0.5);
        Value low = lessOrEqual(x, like(x, -3));
        Value high = greaterOrEqual(x, like(x, 3));
        return where(low, like(x, 0), where(high, like(x, 1), rising));
    }

    /** x sigmoid(a x). */
    static Value swishSlope(Value x, double alpha) {
        Value ax = alpha == 1 ? x : mul(x, alpha);
        Value gate = sigmoid(ax);
        return mul(gate, add(mul(ax, sub(1, gate)), 1));
    }

    /** Phi(x) + x phi(x), or the derivative of 0.5 x (1 + tanh u) with u = k (x + 0.044715 x^3). */
    static Value geluSlope(Value x, boolean tanh) {
        if (!tanh) {
            // Few passes over memory: HardSigmoid is 0.5 erf + 0.5 in one, its bounds are those of erf.
            Value root = mul(x, Math.sqrt(0.5));
            Value cdf = hardSigmoid(erf(root), 0.5, 0.5);
            Value pdf = exp(sub(-0.5 * Math.log(2 * Math.PI), square(root)));
            return add(cdf, mul(x, pdf));
        }
        double k = Math.sqrt(2 / Math.PI);
        Value xx = square(x);
        Value th = tanh(mul(x, add(mul(xx, k * 0.044715), k)));
        Value du = add(mul(xx, 3 * k * 0.044715), k);
        Value rise = mul(mul(x, sub(1, square(th))), du);
        return mul(add(add(th, 1), rise), 0.5);
    }
}
