package org.armature.graph;

/** A graph that cannot be: one sentence that names the node, the shapes or types, and what to do. */
public final class GraphException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    public GraphException(String message) {
        super(message);
    }

    public GraphException(String message, Throwable cause) {
        super(message, cause);
    }
}
