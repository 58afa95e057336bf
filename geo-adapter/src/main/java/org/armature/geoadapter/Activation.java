package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.armature.graph.Value;

/** What the heads apply to their numbers, by the names the configuration uses. */
enum Activation {
    LINEAR,
    RELU,
    EXP,
    SIGMOID,
    INV_LOG,
    NORM,
    NORM_EXP,
    XY_INV_LOG,
    /** 1 + exp, for confidences. */
    EXPP1,
    /** exp, for confidences. */
    EXPP0;

    static Activation of(String key, String name) {
        return Arrays.stream(values())
                .filter(a -> a.name().toLowerCase(Locale.ROOT).equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(key + " is \"" + name + "\": choose one of "
                        + Arrays.toString(values()).toLowerCase(Locale.ROOT)));
    }

    /** Vectors lie along the last axis. */
    Value apply(Value x) {
        return switch (this) {
            case LINEAR -> x;
            case RELU -> relu(x);
            case EXP, EXPP0 -> exp(x);
            case EXPP1 -> add(exp(x), 1);
            case SIGMOID -> sigmoid(x);
            case INV_LOG -> signedExpm1(x);
            case NORM -> div(x, reduceL2(x, true, -1));
            case NORM_EXP -> {
                Value d = reduceL2(x, true, -1);
                d = max(d, like(d, 1e-8));
                yield mul(div(x, d), signedExpm1(d));
            }
            case XY_INV_LOG -> {
                List<Value> v = split(x, -1, x.shape().dim(-1) - 1, 1);
                Value z = signedExpm1(v.get(1));
                yield concat(-1, mul(v.get(0), z), z);
            }
        };
    }

    /** {@code sign(x) (e^|x| - 1) = 2 e^(|x|/2) sinh(x/2)}, which loses nothing near zero. */
    private static Value signedExpm1(Value x) {
        Value half = mul(x, 0.5);
        return mul(mul(exp(abs(half)), sinh(half)), 2);
    }
}
