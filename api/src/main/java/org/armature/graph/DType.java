package org.armature.graph;

import java.util.Locale;

/** Element types, with ONNX's codes, their size in memory and their name in safetensors files. */
public enum DType {
    FLOAT(1, 4, "F32"),
    UINT8(2, 1, "U8"),
    INT8(3, 1, "I8"),
    UINT16(4, 2, "U16"),
    INT16(5, 2, "I16"),
    INT32(6, 4, "I32"),
    INT64(7, 8, "I64"),
    BOOL(9, 1, "BOOL"),
    FLOAT16(10, 2, "F16"),
    DOUBLE(11, 8, "F64"),
    UINT32(12, 4, "U32"),
    UINT64(13, 8, "U64"),
    BFLOAT16(16, 2, "BF16");

    private final int onnx;
    private final int bytes;
    private final String safetensors;

    DType(int onnx, int bytes, String safetensors) {
        this.onnx = onnx;
        this.bytes = bytes;
        this.safetensors = safetensors;
    }

    /** The code of {@code TensorProto.DataType}. */
    public int onnx() {
        return onnx;
    }

    /** Bytes an element takes. */
    public int bytes() {
        return bytes;
    }

    /** The name in a safetensors header, e.g. {@code F32}. */
    public String safetensors() {
        return safetensors;
    }

    public boolean isFloating() {
        return this == FLOAT || this == DOUBLE || this == FLOAT16 || this == BFLOAT16;
    }

    public boolean isInteger() {
        return !isFloating() && this != BOOL;
    }

    /** The type of an ONNX code; throws {@link GraphException} for strings, complex numbers and sub-byte types. */
    public static DType ofOnnx(int code) {
        for (DType t : values()) {
            if (t.onnx == code) {
                return t;
            }
        }
        throw new GraphException("ONNX element type " + code + " is not supported: use one of FLOAT, DOUBLE, FLOAT16,"
                + " BFLOAT16, BOOL and the 8 to 64 bit integers");
    }

    /** The type of a safetensors name; throws {@link GraphException} for one that is not known. */
    public static DType ofSafetensors(String name) {
        for (DType t : values()) {
            if (t.safetensors.equals(name)) {
                return t;
            }
        }
        throw new GraphException(
                "safetensors type " + name + " is not supported: convert the file to F32, F16 or BF16");
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
