package org.armature.autodiff;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.armature.graph.Op;

/** The table of rules, by operator. */
final class Rules {
    private static final Map<Op, Rule> TABLE = new HashMap<>();

    static {
        Elementwise.rules(Rules::onnx);
        Reductions.rules(Rules::onnx);
        Products.rules(Rules::onnx);
        Layout.rules(Rules::onnx);
        Indexing.rules(Rules::onnx);
        Windows.rules(Rules::onnx);
        Normalizations.rules(Rules::onnx);
        Resampling.rules(Rules::onnx);
        Fourier.rules(Rules::onnx);
        Fused.rules((type, rule) -> TABLE.put(new Op(Op.MICROSOFT, type), rule));
    }

    private Rules() {}

    /** Where a family of operators writes its rules. */
    @FunctionalInterface
    interface Table {
        void put(String type, Rule rule);
    }

    static Optional<Rule> of(Op op) {
        return Optional.ofNullable(TABLE.get(op));
    }

    private static void onnx(String type, Rule rule) {
        TABLE.put(Op.of(type), rule);
    }
}
