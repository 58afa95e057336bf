package org.armature.graph;

/** Element type and shape of a tensor. */
public record TensorType(DType dtype, Shape shape) {
    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}
