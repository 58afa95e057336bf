package org.armature.graph;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The sizes of a tensor, outermost first; immutable. Sizes are numbers or symbols ({@code [batch, 3, 224, 224]}). The rank
 * is always known. Axes may count from the end: {@code dim(-1)} is the last size.
 */
public final class Shape {
    /** No dimension: one element. */
    public static final Shape SCALAR = new Shape(new Dim[0]);

    private final Dim[] dims;

    private Shape(Dim[] dims) {
        this.dims = dims;
    }

    /** Numbers only. Throws {@link GraphException} if one is negative. */
    public static Shape of(long... sizes) {
        Dim[] dims = new Dim[sizes.length];
        for (int i = 0; i < sizes.length; i++) {
            if (sizes[i] < 0) {
                throw new GraphException("shape " + Arrays.toString(sizes) + " has a negative size: use a symbol for a"
                        + " size that is not known yet");
            }
            dims[i] = Dim.of(sizes[i]);
        }
        return new Shape(dims);
    }

    /** Numbers and symbols: {@code Shape.named("batch", 3, 224, 224)}. */
    public static Shape named(Object... sizes) {
        Dim[] dims = new Dim[sizes.length];
        for (int i = 0; i < sizes.length; i++) {
            dims[i] = switch (sizes[i]) {
                case String s -> Dim.named(s);
                case Dim d -> d;
                case Number n when n.longValue() >= 0 -> Dim.of(n.longValue());
                default ->
                    throw new GraphException("size " + sizes[i] + " of shape " + Arrays.toString(sizes)
                            + " is neither a number >= 0 nor a symbol");
            };
        }
        return new Shape(dims);
    }

    public static Shape of(List<Dim> dims) {
        for (Dim d : dims) {
            if (d.isKnown() && d.size() < 0) {
                throw new GraphException("shape " + dims + " has a negative size");
            }
        }
        return new Shape(dims.toArray(Dim[]::new));
    }

    public int rank() {
        return dims.length;
    }

    /** The size of an axis, a number or a symbol. */
    public Dim at(int axis) {
        return dims[axis(axis)];
    }

    /** The size of an axis as a number; throws {@link GraphException} if it is a symbol. */
    public long dim(int axis) {
        Dim d = at(axis);
        if (!d.isKnown()) {
            throw new GraphException("size " + d + " of shape " + this + " has no number yet: call graph.bind(Map.of(\""
                    + d + "\", n)) first");
        }
        return d.size();
    }

    /** True if every size is a number. */
    public boolean isStatic() {
        return Arrays.stream(dims).allMatch(Dim::isKnown);
    }

    /** Number of elements. Throws {@link GraphException} on symbols and on more than 2^63-1 elements. */
    public long size() {
        long n = 1;
        for (int i = 0; i < dims.length; i++) {
            n = multiply(n, dim(i));
        }
        return n;
    }

    private long multiply(long a, long b) {
        try {
            return Math.multiplyExact(a, b);
        } catch (ArithmeticException e) {
            throw new GraphException("shape " + this + " has more elements than fit in 63 bits", e);
        }
    }

    /** Sizes as numbers; throws {@link GraphException} on symbols. */
    public long[] sizes() {
        long[] s = new long[dims.length];
        for (int i = 0; i < s.length; i++) {
            s[i] = dim(i);
        }
        return s;
    }

    public List<Dim> dims() {
        return List.of(dims);
    }

    /** Row-major strides in elements. */
    public long[] strides() {
        long[] s = new long[dims.length];
        long n = 1;
        for (int i = s.length - 1; i >= 0; i--) {
            s[i] = n;
            n = multiply(n, dim(i));
        }
        return s;
    }

    /** An axis counted from the start; throws {@link GraphException} if there is no such axis. */
    public int axis(long axis) {
        long a = axis < 0 ? axis + dims.length : axis;
        if (a < 0 || a >= dims.length) {
            throw new GraphException("axis " + axis + " does not exist in shape " + this);
        }
        return (int) a;
    }

    /** This shape with another size at an axis. */
    public Shape with(int axis, Dim size) {
        Dim[] d = dims.clone();
        d[axis(axis)] = size;
        return new Shape(d);
    }

    public Shape with(int axis, long size) {
        return with(axis, Dim.of(size));
    }

    /** Axes {@code [from, to)}. */
    public Shape slice(int from, int to) {
        return new Shape(Arrays.copyOfRange(dims, from, to));
    }

    public Shape concat(Shape other) {
        Dim[] d = Arrays.copyOf(dims, dims.length + other.dims.length);
        System.arraycopy(other.dims, 0, d, dims.length, other.dims.length);
        return new Shape(d);
    }

    /** NumPy broadcasting; throws {@link GraphException} naming both shapes. */
    public static Shape broadcast(Shape a, Shape b) {
        int rank = Math.max(a.rank(), b.rank());
        Dim[] d = new Dim[rank];
        for (int i = 0; i < rank; i++) {
            int ia = i - rank + a.rank();
            int ib = i - rank + b.rank();
            Dim x = ia < 0 ? Dim.of(1) : a.dims[ia];
            Dim y = ib < 0 ? Dim.of(1) : b.dims[ib];
            if (x.isKnown() && y.isKnown() && x.size() != y.size() && x.size() != 1 && y.size() != 1) {
                throw new GraphException("shapes " + a + " and " + b + " do not broadcast: sizes " + x + " and " + y
                        + " meet at axis " + (i - rank) + " and neither is 1");
            }
            // A symbol beside a number larger than one must turn out to be that number (or one): the number is the
            // answer.
            d[i] = x.is(1) ? y : y.is(1) ? x : x.isKnown() ? x : y.isKnown() ? y : x;
        }
        return new Shape(d);
    }

    /** Whether {@code this} broadcasts to {@code target} without changing it. */
    public boolean broadcastsTo(Shape target) {
        if (rank() > target.rank()) {
            return false;
        }
        for (int i = 1; i <= rank(); i++) {
            Dim d = at(-i);
            if (!d.is(1) && !d.equals(target.at(-i))) {
                return false;
            }
        }
        return true;
    }

    /** Symbols replaced by numbers where the map has them. */
    public Shape bind(Map<String, Long> symbols) {
        Dim[] d = dims.clone();
        for (int i = 0; i < d.length; i++) {
            String s = d[i].symbol();
            Long n = s == null ? null : symbols.get(s);
            if (n != null) {
                d[i] = Dim.of(n);
            }
        }
        return new Shape(d);
    }

    /** Symbols in this shape, in order. */
    public List<String> symbols() {
        List<String> s = new ArrayList<>();
        for (Dim d : dims) {
            String name = d.symbol();
            if (name != null && !s.contains(name)) {
                s.add(name);
            }
        }
        return s;
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof Shape s && Arrays.equals(dims, s.dims);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dims);
    }

    @Override
    public String toString() {
        return Arrays.stream(dims).map(Dim::toString).collect(Collectors.joining(", ", "[", "]"));
    }
}
