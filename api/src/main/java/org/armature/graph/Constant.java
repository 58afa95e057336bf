package org.armature.graph;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.function.LongToDoubleFunction;

/**
 * The value of a constant in a graph: element type, shape and read-only bytes in little-endian row-major order. Two
 * constants are equal if their types, shapes and bytes are.
 */
public final class Constant {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final DType dtype;
    private final Shape shape;
    private final MemorySegment data;
    private final int hash;

    private Constant(DType dtype, Shape shape, MemorySegment data) {
        long want = Math.multiplyExact(shape.size(), (long) dtype.bytes());
        if (data.byteSize() != want) {
            throw new GraphException("constant " + dtype + shape + " needs " + want + " bytes, not " + data.byteSize());
        }
        this.dtype = dtype;
        this.shape = shape;
        this.data = data.asReadOnly();
        // Large constants are told apart by equals; hashing a few thousand bytes is enough to spread them.
        int h = 31 * dtype.hashCode() + shape.hashCode();
        long step = Math.max(1, want / 4096);
        for (long i = 0; i < want; i += step) {
            h = 31 * h + data.get(ValueLayout.JAVA_BYTE, i);
        }
        this.hash = h;
    }

    /** Over memory that the caller promises not to change; it is not copied and must stay alive as long as the graph. */
    public static Constant of(DType dtype, Shape shape, MemorySegment data) {
        return new Constant(dtype, shape, data);
    }

    /** Elements converted from doubles. */
    public static Constant of(DType dtype, Shape shape, double... values) {
        return fill(dtype, shape, values.length, i -> values[(int) i]);
    }

    /** A vector of 64-bit integers, ONNX's form of shapes, axes and indices. */
    public static Constant longs(long... values) {
        MemorySegment m = Arena.ofAuto().allocate(Math.max(1, 8L * values.length), 64);
        for (int i = 0; i < values.length; i++) {
            m.setAtIndex(LONG, i, values[i]);
        }
        return new Constant(DType.INT64, Shape.of(values.length), m.asSlice(0, 8L * values.length));
    }

    /** 64-bit integers of a given shape. */
    public static Constant longs(Shape shape, long... values) {
        return new Constant(DType.INT64, shape, longs(values).data);
    }

    public static Constant floats(Shape shape, float... values) {
        return fill(DType.FLOAT, shape, values.length, i -> values[(int) i]);
    }

    /** A tensor without dimensions. */
    public static Constant scalar(DType dtype, double value) {
        return of(dtype, Shape.SCALAR, value);
    }

    /** Every element the same. */
    public static Constant full(DType dtype, Shape shape, double value) {
        return fill(dtype, shape, shape.size(), i -> value);
    }

    private static Constant fill(DType dtype, Shape shape, long count, LongToDoubleFunction values) {
        if (shape.size() != count) {
            throw new GraphException("constant of shape " + shape + " needs " + shape.size() + " values, not " + count);
        }
        MemorySegment m = Arena.ofAuto()
                .allocate(Math.max(1, Math.multiplyExact(count, (long) dtype.bytes())), 64)
                .asSlice(0, count * dtype.bytes());
        for (long i = 0; i < count; i++) {
            write(dtype, m, i, values.applyAsDouble(i));
        }
        return new Constant(dtype, shape, m);
    }

    public DType dtype() {
        return dtype;
    }

    public Shape shape() {
        return shape;
    }

    /** The bytes, read-only. */
    public MemorySegment data() {
        return data;
    }

    /** Element {@code i} in row-major order as a double; BOOL gives 0 or 1, UINT64 above 2^63 is rounded. */
    public double get(long i) {
        return read(dtype, data, i);
    }

    /** Element {@code i} of an integer or boolean constant. */
    public long getLong(long i) {
        return readLong(dtype, data, i);
    }

    public double[] toDoubles() {
        double[] v = new double[Math.toIntExact(shape.size())];
        for (int i = 0; i < v.length; i++) {
            v[i] = get(i);
        }
        return v;
    }

    public long[] toLongs() {
        long[] v = new long[Math.toIntExact(shape.size())];
        for (int i = 0; i < v.length; i++) {
            v[i] = getLong(i);
        }
        return v;
    }

    /** True if every element is {@code value}. */
    public boolean isAll(double value) {
        long n = shape.size();
        for (long i = 0; i < n; i++) {
            if (get(i) != value) {
                return false;
            }
        }
        return true;
    }

    /** Reads element {@code i} of memory that holds elements of a type. */
    public static double read(DType dtype, MemorySegment m, long i) {
        return switch (dtype) {
            case FLOAT -> m.getAtIndex(FLOAT, i);
            case DOUBLE -> m.getAtIndex(DOUBLE, i);
            case FLOAT16 -> Float.float16ToFloat(m.getAtIndex(SHORT, i));
            case BFLOAT16 -> Float.intBitsToFloat(m.getAtIndex(SHORT, i) << 16);
            case UINT64 -> {
                long v = m.getAtIndex(LONG, i);
                yield v >= 0 ? v : ((v >>> 1) | (v & 1)) * 2.0;
            }
            default -> readLong(dtype, m, i);
        };
    }

    /** Reads an integer element; floating elements are truncated. */
    public static long readLong(DType dtype, MemorySegment m, long i) {
        return switch (dtype) {
            case BOOL, INT8 -> m.get(ValueLayout.JAVA_BYTE, i);
            case UINT8 -> m.get(ValueLayout.JAVA_BYTE, i) & 0xFF;
            case INT16 -> m.getAtIndex(SHORT, i);
            case UINT16 -> m.getAtIndex(SHORT, i) & 0xFFFF;
            case INT32 -> m.getAtIndex(INT, i);
            case UINT32 -> m.getAtIndex(INT, i) & 0xFFFF_FFFFL;
            case INT64, UINT64 -> m.getAtIndex(LONG, i);
            default -> (long) read(dtype, m, i);
        };
    }

    /** Writes element {@code i}; rounds to the nearest even number for the short floating types. */
    public static void write(DType dtype, MemorySegment m, long i, double v) {
        switch (dtype) {
            case FLOAT -> m.setAtIndex(FLOAT, i, (float) v);
            case DOUBLE -> m.setAtIndex(DOUBLE, i, v);
            case FLOAT16 -> m.setAtIndex(SHORT, i, Float.floatToFloat16((float) v));
            case BFLOAT16 -> m.setAtIndex(SHORT, i, bfloat16((float) v));
            case BOOL -> m.set(ValueLayout.JAVA_BYTE, i, (byte) (v != 0 ? 1 : 0));
            case UINT64 -> writeLong(dtype, m, i, v < 0x1p63 ? (long) v : (long) (v - 0x1p63) ^ Long.MIN_VALUE);
            default -> writeLong(dtype, m, i, (long) v);
        }
    }

    /** Writes an integer element, keeping the low bits; floating types are converted. */
    public static void writeLong(DType dtype, MemorySegment m, long i, long v) {
        switch (dtype) {
            case BOOL -> m.set(ValueLayout.JAVA_BYTE, i, (byte) (v != 0 ? 1 : 0));
            case INT8, UINT8 -> m.set(ValueLayout.JAVA_BYTE, i, (byte) v);
            case INT16, UINT16 -> m.setAtIndex(SHORT, i, (short) v);
            case INT32, UINT32 -> m.setAtIndex(INT, i, (int) v);
            case INT64, UINT64 -> m.setAtIndex(LONG, i, v);
            default -> write(dtype, m, i, v);
        }
    }

    private static short bfloat16(float v) {
        int bits = Float.floatToRawIntBits(v);
        return Float.isNaN(v) ? (short) 0x7FC0 : (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
    }

    @Override
    public boolean equals(Object o) {
        return this == o
                || o instanceof Constant c
                        && hash == c.hash
                        && dtype == c.dtype
                        && shape.equals(c.shape)
                        && data.mismatch(c.data) < 0;
    }

    @Override
    public int hashCode() {
        return hash;
    }

    @Override
    public String toString() {
        if (shape.size() > 8) {
            return dtype + shape.toString() + "{...}";
        }
        StringBuilder s = new StringBuilder(dtype.toString());
        if (shape.rank() > 0) {
            s.append(shape);
        }
        s.append('{');
        for (long i = 0; i < shape.size(); i++) {
            s.append(i > 0 ? ", " : "")
                    .append(dtype.isFloating() ? Double.toString(get(i)) : Long.toString(getLong(i)));
        }
        return s.append('}').toString();
    }
}
