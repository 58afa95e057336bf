package org.armature.graph;

/**
 * The name of an operator and the set it belongs to.
 *
 * @param domain {@code ""} for ONNX itself, {@code com.microsoft} for ONNX Runtime's fused operators, {@code org.armature}
 * @param type e.g. {@code MatMul}
 */
public record Op(String domain, String type) {
    /** ONNX's own operators. */
    public static final String ONNX = "";
    /** Fused operators that only ONNX Runtime has. */
    public static final String MICROSOFT = "com.microsoft";
    /** Ours: {@code StopGradient} and {@code Call}. */
    public static final String ARMATURE = "org.armature";

    public Op {
        domain = domain.equals("ai.onnx") ? ONNX : domain;
    }

    public static Op of(String type) {
        return new Op(ONNX, type);
    }

    @Override
    public String toString() {
        return domain.isEmpty() ? type : domain + "." + type;
    }
}
