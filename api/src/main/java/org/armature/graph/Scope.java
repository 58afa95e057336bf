package org.armature.graph;

/**
 * A place in the tree of parameter names. {@code p.at("blocks", i).at("attn.qkv").parameter("weight", shape)} makes
 * {@code blocks.3.attn.qkv.weight}, the name the official {@code state_dict} uses, so that its checkpoints load without a
 * table of names.
 */
public final class Scope {
    private final Graph.Builder builder;
    private final String path;

    Scope(Graph.Builder builder, String path) {
        this.builder = builder;
        this.path = path;
    }

    /** A place below this one. */
    public Scope at(String name) {
        return new Scope(builder, full(name));
    }

    /** Element {@code index} of a list below this place: {@code blocks.3}. */
    public Scope at(String name, int index) {
        return at(name + "." + index);
    }

    /** Element {@code index} of this place, where the place itself is the list: {@code layers.3}. */
    public Scope at(int index) {
        return at(Integer.toString(index));
    }

    /** A 32-bit floating parameter of this place. */
    public Value parameter(String name, long... sizes) {
        return parameter(name, DType.FLOAT, Shape.of(sizes));
    }

    public Value parameter(String name, Shape shape) {
        return parameter(name, DType.FLOAT, shape);
    }

    /** A parameter of this place; the same name gives the same value again (tied weights). */
    public Value parameter(String name, DType dtype, Shape shape) {
        builder.standAt(path);
        return builder.parameter(full(name), dtype, shape);
    }

    /** The name something called {@code name} has at this place. */
    public String full(String name) {
        return path.isEmpty() ? name : name.isEmpty() ? path : path + "." + name;
    }

    /** This place, e.g. {@code blocks.3.attn}; empty at the root. */
    public String path() {
        return path;
    }

    public Graph.Builder builder() {
        return builder;
    }

    @Override
    public String toString() {
        return path;
    }
}
