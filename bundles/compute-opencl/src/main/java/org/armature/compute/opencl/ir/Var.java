package org.armature.compute.opencl.ir;

/** A loop variable, {@code 0 <= var < size}; told apart by identity. */
public final class Var implements Index.Atom {
    private final String name;
    private final long size;

    public Var(String name, long size) {
        this.name = name;
        this.size = size;
    }

    /** One variable per size, named {@code prefix0}, {@code prefix1}, ... */
    public static java.util.List<Var> each(String prefix, long... sizes) {
        java.util.List<Var> v = new java.util.ArrayList<>(sizes.length);
        for (int i = 0; i < sizes.length; i++) {
            v.add(new Var(prefix + i, sizes[i]));
        }
        return v;
    }

    public String name() {
        return name;
    }

    public long size() {
        return size;
    }

    @Override
    public long min() {
        return 0;
    }

    @Override
    public long max() {
        return Math.max(0, size - 1);
    }

    @Override
    public String toString() {
        return name;
    }
}
