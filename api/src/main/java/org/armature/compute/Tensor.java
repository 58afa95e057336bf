package org.armature.compute;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Cleaner;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.GraphException;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.jspecify.annotations.Nullable;

/**
 * Numbers in native memory: element type, shape, row-major little-endian bytes. Whoever makes one closes it; closing twice
 * is harmless, using a closed one throws {@link IllegalStateException}. A tensor that was forgotten is freed when the
 * garbage collector finds it. Views ({@link #reshape}, {@link #wrap}) own nothing: they must not outlive what they look at.
 */
public final class Tensor implements AutoCloseable {
    private static final Cleaner CLEANER = Cleaner.create();
    private static final long ALIGNMENT = 64;

    private final DType dtype;
    private final Shape shape;
    private final MemorySegment data;
    private final @Nullable Memory memory;
    private final @Nullable Object keep;

    private Tensor(DType dtype, Shape shape, MemorySegment data, @Nullable Memory memory, @Nullable Object keep) {
        this.dtype = dtype;
        this.shape = shape;
        this.data = data;
        this.memory = memory;
        this.keep = keep;
    }

    /**
     * Fresh memory filled with zeros, aligned to 64 bytes.
     *
     * @throws GraphException if the shape has symbols or takes more bytes than memory can have
     * @throws OutOfMemoryError naming type and shape
     */
    @SuppressWarnings("MustBeClosedChecker") // the tensor owns the arena
    public static Tensor zeros(DType dtype, Shape shape) {
        long bytes;
        try {
            bytes = Math.multiplyExact(shape.size(), (long) dtype.bytes());
        } catch (ArithmeticException e) {
            throw new GraphException("tensor " + dtype + shape + " takes more than 2^63 bytes", e);
        }
        Arena arena = Arena.ofShared();
        try {
            MemorySegment m = arena.allocate(Math.max(bytes, 1), ALIGNMENT).asSlice(0, bytes);
            Memory memory = new Memory(arena);
            Tensor t = new Tensor(dtype, shape, m, memory, null);
            CLEANER.register(t, memory);
            return t;
        } catch (OutOfMemoryError | IllegalArgumentException e) {
            arena.close();
            OutOfMemoryError error = new OutOfMemoryError("no memory for tensor " + dtype + shape + " of " + bytes
                    + " bytes: use a smaller batch, or free tensors");
            error.initCause(e);
            throw error;
        }
    }

    public static Tensor zeros(TensorType type) {
        return zeros(type.dtype(), type.shape());
    }

    /**
     * Memory of somebody else, not copied.
     *
     * @param keep reachable as long as the tensor is, e.g. the owner of the memory; may be null
     */
    public static Tensor wrap(DType dtype, Shape shape, MemorySegment data, @Nullable Object keep) {
        long bytes = Math.multiplyExact(shape.size(), (long) dtype.bytes());
        if (data.byteSize() != bytes) {
            throw new GraphException(
                    "tensor " + dtype + shape + " takes " + bytes + " bytes, the memory given has " + data.byteSize());
        }
        return new Tensor(dtype, shape, data, null, keep);
    }

    /** The data of a constant, read-only and shared. */
    public static Tensor of(Constant c) {
        return new Tensor(c.dtype(), c.shape(), c.data(), null, c);
    }

    /** A copy of 32-bit floats. */
    public static Tensor of(float[] values, long... sizes) {
        return copied(DType.FLOAT, MemorySegment.ofArray(values), sizes);
    }

    /** A copy of 64-bit floats, as type DOUBLE. */
    public static Tensor of(double[] values, long... sizes) {
        return copied(DType.DOUBLE, MemorySegment.ofArray(values), sizes);
    }

    public static Tensor of(long[] values, long... sizes) {
        return copied(DType.INT64, MemorySegment.ofArray(values), sizes);
    }

    public static Tensor of(int[] values, long... sizes) {
        return copied(DType.INT32, MemorySegment.ofArray(values), sizes);
    }

    public static Tensor of(byte[] values, DType dtype, long... sizes) {
        return copied(dtype, MemorySegment.ofArray(values), sizes);
    }

    /** Elements converted to a type. */
    public static Tensor of(DType dtype, Shape shape, double[] values) {
        if (values.length != shape.size()) {
            throw new GraphException(
                    "tensor " + dtype + shape + " needs " + shape.size() + " values, not " + values.length);
        }
        Tensor t = zeros(dtype, shape);
        for (int i = 0; i < values.length; i++) {
            t.set(i, values[i]);
        }
        return t;
    }

    public static Tensor scalar(float value) {
        return of(new float[] {value});
    }

    private static Tensor copied(DType dtype, MemorySegment values, long... sizes) {
        Shape shape = Shape.of(sizes);
        if (values.byteSize() != Math.multiplyExact(shape.size(), (long) dtype.bytes())) {
            throw new GraphException("tensor " + dtype + shape + " needs " + shape.size() + " values, not "
                    + values.byteSize() / dtype.bytes());
        }
        Tensor t = zeros(dtype, shape);
        t.data.copyFrom(values);
        return t;
    }

    public DType dtype() {
        return dtype;
    }

    public Shape shape() {
        return shape;
    }

    public TensorType type() {
        return new TensorType(dtype, shape);
    }

    /** Number of elements. */
    public long size() {
        return data.byteSize() / dtype.bytes();
    }

    /** The bytes; native unless the tensor wraps something else. */
    public MemorySegment data() {
        return data;
    }

    /** Element {@code i} in row-major order. */
    public double get(long i) {
        return Constant.read(dtype, data, i);
    }

    /** Element {@code i} of an integer or boolean tensor; exact. */
    public long getLong(long i) {
        return Constant.readLong(dtype, data, i);
    }

    public void set(long i, double value) {
        Constant.write(dtype, data, i, value);
    }

    public void setLong(long i, long value) {
        Constant.writeLong(dtype, data, i, value);
    }

    /** All elements as floats; up to 2^31-1 of them. */
    public float[] toFloats() {
        if (dtype == DType.FLOAT) {
            return data.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        }
        float[] v = new float[Math.toIntExact(size())];
        for (int i = 0; i < v.length; i++) {
            v[i] = (float) get(i);
        }
        return v;
    }

    public double[] toDoubles() {
        double[] v = new double[Math.toIntExact(size())];
        for (int i = 0; i < v.length; i++) {
            v[i] = get(i);
        }
        return v;
    }

    public long[] toLongs() {
        long[] v = new long[Math.toIntExact(size())];
        for (int i = 0; i < v.length; i++) {
            v[i] = getLong(i);
        }
        return v;
    }

    /** Copies the elements of a tensor of the same type and shape into this one. */
    public void copyFrom(Tensor other) {
        if (dtype != other.dtype || !shape.equals(other.shape)) {
            throw new GraphException("cannot copy " + other + " into " + this);
        }
        data.copyFrom(other.data);
    }

    /** A copy in fresh memory. */
    public Tensor copy() {
        Tensor t = zeros(dtype, shape);
        t.data.copyFrom(data);
        return t;
    }

    /** A copy converted to another type. */
    public Tensor cast(DType to) {
        if (to == dtype) {
            return copy();
        }
        Tensor t = zeros(to, shape);
        boolean exact = !dtype.isFloating() && !to.isFloating();
        for (long i = 0; i < size(); i++) {
            if (exact) {
                t.setLong(i, getLong(i));
            } else {
                t.set(i, get(i));
            }
        }
        return t;
    }

    /** The same memory seen in another shape of as many elements. */
    public Tensor reshape(Shape to) {
        if (to.size() != size()) {
            throw new GraphException(
                    "tensor " + this + " has " + size() + " elements, shape " + to + " has " + to.size());
        }
        return new Tensor(dtype, to, data, null, this);
    }

    /** Entries {@code [from, to)} of the first axis, the same memory. */
    public Tensor slice(long from, long to) {
        long row = shape.slice(1, shape.rank()).size() * dtype.bytes();
        return new Tensor(dtype, shape.with(0, to - from), data.asSlice(from * row, (to - from) * row), null, this);
    }

    /** The elements as a constant of a graph, copied. */
    public Constant toConstant() {
        MemorySegment m = Arena.ofAuto().allocate(Math.max(1, data.byteSize()), ALIGNMENT);
        m.copyFrom(data);
        return Constant.of(dtype, shape, m.asSlice(0, data.byteSize()));
    }

    public boolean isClosed() {
        return !data.scope().isAlive();
    }

    /** Frees the memory if this tensor owns it. */
    @Override
    public void close() {
        if (memory != null) {
            memory.run();
        }
    }

    @Override
    public String toString() {
        if (isClosed() || size() > 8) {
            return dtype + shape.toString();
        }
        return dtype + shape.toString() + Arrays.toString(toDoubles());
    }

    private record Memory(Arena arena, AtomicBoolean closed) implements Runnable {
        Memory(Arena arena) {
            this(arena, new AtomicBoolean());
        }

        @Override
        public void run() {
            if (closed.compareAndSet(false, true)) {
                arena.close();
            }
        }
    }
}
