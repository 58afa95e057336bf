package org.armature.compute.opencl.codegen;

import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.graph.DType;

/** Element types in OpenCL C. */
final class Types {
    private Types() {}

    /** In memory. */
    static String stored(DType t) {
        return switch (t) {
            case FLOAT -> "float";
            case DOUBLE -> "double";
            case FLOAT16 -> "half";
            case BFLOAT16, UINT16 -> "ushort";
            case BOOL, UINT8 -> "uchar";
            case INT8 -> "char";
            case INT16 -> "short";
            case INT32 -> "int";
            case UINT32 -> "uint";
            case INT64 -> "long";
            case UINT64 -> "ulong";
        };
    }

    /** In registers: truth is an int, short floats are floats. */
    static String computed(DType t) {
        return t == DType.BOOL ? "int" : stored(Scalar.computed(t));
    }

    static String literal(Scalar.Literal l) {
        DType t = l.type();
        if (!t.isFloating()) {
            return switch (t) {
                case BOOL -> l.bits() != 0 ? "1" : "0";
                case INT64 -> l.bits() == Long.MIN_VALUE ? "LONG_MIN" : l.bits() + "L";
                case UINT64 -> Long.toUnsignedString(l.bits()) + "UL";
                case UINT32 -> l.bits() + "U";
                case INT32 -> l.bits() == Integer.MIN_VALUE ? "INT_MIN" : Long.toString(l.bits());
                default -> Long.toString(l.bits());
            };
        }
        double v = l.value();
        if (Double.isNaN(v)) {
            return "NAN";
        }
        if (Double.isInfinite(t == DType.FLOAT ? (float) v : v)) {
            return v > 0 ? "INFINITY" : "-INFINITY";
        }
        return t == DType.FLOAT ? Float.toString((float) v) + "f" : Double.toString(v);
    }

    /** What a fold starts from. */
    static String neutral(Fold fold, DType t) {
        return switch (fold) {
            case SUM -> "0";
            case PRODUCT -> "1";
            case MAX ->
                t.isFloating()
                        ? "-INFINITY"
                        : switch (t) {
                            case INT8 -> "CHAR_MIN";
                            case INT16 -> "SHRT_MIN";
                            case INT32 -> "INT_MIN";
                            case INT64 -> "LONG_MIN";
                            default -> "0";
                        };
            case MIN ->
                t.isFloating()
                        ? "INFINITY"
                        : switch (t) {
                            case INT8 -> "CHAR_MAX";
                            case INT16 -> "SHRT_MAX";
                            case INT32 -> "INT_MAX";
                            case INT64 -> "LONG_MAX";
                            case UINT8 -> "UCHAR_MAX";
                            case UINT16 -> "USHRT_MAX";
                            case UINT32 -> "UINT_MAX";
                            case UINT64 -> "ULONG_MAX";
                            default -> "1";
                        };
        };
    }

    /** Two elements joined; not-a-number wins. */
    static String joined(Fold fold, String a, String b, boolean vector) {
        String or = vector ? "|" : "||";
        return switch (fold) {
            case SUM -> a + " + " + b;
            case PRODUCT -> a + " * " + b;
            case MAX -> "(%s > %s) %s (%s != %s) ? %s : %s".formatted(a, b, or, a, a, a, b);
            case MIN -> "(%s < %s) %s (%s != %s) ? %s : %s".formatted(a, b, or, a, a, a, b);
        };
    }
}
