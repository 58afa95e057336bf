package org.armature.graph;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A tensor that flows through a graph: named, typed, shaped. Made by a {@link Graph.Builder} and compared by identity; the
 * graph says who produces it and who consumes it.
 */
public final class Value {
    private static final Value NONE = new Value(null, "", DType.FLOAT, Shape.SCALAR, null, null);

    private final Graph.@Nullable Builder builder;
    private final String name;
    private final DType dtype;
    private final Shape shape;
    private final @Nullable Constant constant;
    private final @Nullable List<Dim> known;

    Value(
            Graph.@Nullable Builder builder,
            String name,
            DType dtype,
            Shape shape,
            @Nullable Constant constant,
            @Nullable List<Dim> known) {
        this.builder = builder;
        this.name = name;
        this.dtype = dtype;
        this.shape = shape;
        this.constant = constant;
        this.known = known;
    }

    /** Stands in the place of an optional input or output that is left out. */
    public static Value none() {
        return NONE;
    }

    /** False only for {@link #none()}. */
    public boolean isPresent() {
        return this != NONE;
    }

    /** Unique within its graph; empty for {@link #none()}. */
    public String name() {
        return name;
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

    /** {@code shape().rank()}. */
    public int rank() {
        return shape.rank();
    }

    /** The builder that made it. */
    public Graph.Builder builder() {
        if (builder == null) {
            throw new GraphException("an absent optional value has no builder: pass the first input that is present");
        }
        return builder;
    }

    /** The data, if the value is a constant of the graph. */
    public Optional<Constant> constant() {
        return Optional.ofNullable(constant);
    }

    /** Integer contents as far as inference knows them (of shapes, axes, indices), row-major. */
    public Optional<List<Dim>> known() {
        return Optional.ofNullable(known);
    }

    @Override
    public String toString() {
        return isPresent() ? name + ": " + dtype + shape : "none";
    }
}
