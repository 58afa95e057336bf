package org.armature.robot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/**
 * A dense array as numpy clients send it: what policies served over the network take and give.
 *
 * @param dtype numpy's {@code dtype.str}: byte order ({@code < > |}), kind and item size, e.g. {@code <f4}, {@code |u1}
 * @param shape sizes, outermost first; empty for a scalar array
 * @param data C-order bytes, position to limit; never written
 */
public record NdArray(String dtype, long[] shape, ByteBuffer data) {
    /** @throws IllegalArgumentException if the dtype is not one that can be read, or shape and bytes do not fit */
    public NdArray {
        long bytes = (long) itemSize(dtype);
        for (long n : shape) {
            if (n < 0) {
                throw new IllegalArgumentException("array shape " + Arrays.toString(shape) + " has a negative size");
            }
            bytes = n == 0 ? 0 : bytes * n;
            if (bytes > Integer.MAX_VALUE) {
                throw new IllegalArgumentException(
                        "array shape " + Arrays.toString(shape) + " is too large for " + dtype);
            }
        }
        if (data.remaining() < bytes) {
            throw new IllegalArgumentException("array " + dtype + Arrays.toString(shape) + " needs " + bytes
                    + " bytes, but " + data.remaining() + " came");
        }
        data = data.slice(data.position(), (int) bytes).asReadOnlyBuffer();
    }

    /** A float64 array. */
    public static NdArray of(double[] values, long... shape) {
        ByteBuffer b = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
        b.asDoubleBuffer().put(values);
        return new NdArray("<f8", shape, b);
    }

    /** A float32 array. */
    public static NdArray of(float[] values, long... shape) {
        ByteBuffer b = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        b.asFloatBuffer().put(values);
        return new NdArray("<f4", shape, b);
    }

    /** Bytes of one item. */
    public static int itemSize(String dtype) {
        boolean known = dtype.length() >= 3
                && "<>|".indexOf(dtype.charAt(0)) >= 0
                && dtype.length() <= 10
                && dtype.chars().skip(2).allMatch(c -> c >= '0' && c <= '9');
        if (known) {
            int n = Integer.parseInt(dtype.substring(2));
            switch (dtype.charAt(1)) {
                case 'b' -> known = n == 1;
                case 'i', 'u' -> known = n == 1 || n == 2 || n == 4 || n == 8;
                case 'f' -> known = n == 2 || n == 4 || n == 8;
                case 'S' -> known = n <= 1 << 20;
                case 'U' -> {
                    known = n <= 1 << 18;
                    n *= 4;
                }
                default -> known = false;
            }
            if (known) {
                return n;
            }
        }
        throw new IllegalArgumentException(
                "dtype '" + dtype + "' is not taken: send bool, int, uint, float16/32/64, str or bytes arrays");
    }

    /** Number of elements. */
    public int size() {
        int n = 1;
        for (long s : shape) {
            n = Math.toIntExact(n * s);
        }
        return n;
    }

    /**
     * The numbers as doubles, row-major.
     *
     * @throws IllegalArgumentException if these are no numbers
     */
    public double[] doubles() {
        ByteBuffer b = data.duplicate().order(dtype.charAt(0) == '>' ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        IntToDoubleFunction read = switch (dtype.substring(1)) {
            case "b1", "i1" -> b::get;
            case "u1" -> i -> b.get(i) & 0xff;
            case "i2" -> i -> b.getShort(2 * i);
            case "u2" -> i -> b.getShort(2 * i) & 0xffff;
            case "i4" -> i -> b.getInt(4 * i);
            case "u4" -> i -> b.getInt(4 * i) & 0xffffffffL;
            case "i8" -> i -> b.getLong(8 * i);
            case "u8" ->
                i -> {
                    long v = b.getLong(8 * i);
                    return v >= 0 ? v : (v >>> 1 | v & 1) * 2.0;
                };
            case "f2" -> i -> Float.float16ToFloat(b.getShort(2 * i));
            case "f4" -> i -> b.getFloat(4 * i);
            case "f8" -> i -> b.getDouble(8 * i);
            default -> throw new IllegalArgumentException("an array of dtype " + dtype + " holds no numbers");
        };
        double[] out = new double[size()];
        Arrays.setAll(out, read);
        return out;
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof NdArray a && dtype.equals(a.dtype) && Arrays.equals(shape, a.shape) && data.equals(a.data);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * dtype.hashCode() + Arrays.hashCode(shape)) + data.hashCode();
    }

    @Override
    public String toString() {
        return dtype + Arrays.toString(shape);
    }
}
