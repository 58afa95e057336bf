package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import org.armature.graph.Value;

/** Operators that ONNX Runtime adds, in imported or optimised graphs. */
final class Fused {
    private Fused() {}

    static void rules(Rules.Table t) {
        t.put("FusedMatMul", Fused::matMulRule);
        t.put("TransposeMatMul", Fused::matMulRule);
        t.put("Gelu", s -> s.add(0, mul(s.dy(), Elementwise.geluSlope(s.x(), false))));
        t.put("QuickGelu", s -> s.add(0, mul(s.dy(), Elementwise.swishSlope(s.x(), s.node.real("alpha", 1.702f)))));
        t.put("FastGelu", s -> {
            Value x = s.has(1) ? add(s.x(0), s.x(1)) : s.x(0);
            Value g = mul(s.dy(), Elementwise.geluSlope(x, true));
            s.add(0, g);
            s.add(1, g);
        });
        t.put("BiasGelu", s -> {
            Value g = mul(s.dy(), Elementwise.geluSlope(add(s.x(0), s.x(1)), false));
            s.add(0, g);
            s.add(1, g);
        });
    }

    /** Y = alpha op(A) op(B). */
    private static void matMulRule(Step s) {
        if (s.node.integer("transBatchA", 0) != 0 || s.node.integer("transBatchB", 0) != 0) {
            throw s.fail("transBatchA and transBatchB have no derivative here: differentiate before fusing");
        }
        double alpha = s.node.real("alpha", 1);
        boolean ta = s.node.integer("transA", 0) != 0;
        boolean tb = s.node.integer("transB", 0) != 0;
        Value dy = alpha == 1 ? s.dy() : mul(s.dy(), alpha);
        if (s.wants(0)) {
            s.add(0, ta ? Products.product(s.x(1), tb, dy, true) : Products.product(dy, false, s.x(1), !tb));
        }
        if (s.wants(1)) {
            s.add(1, tb ? Products.product(dy, true, s.x(0), ta) : Products.product(s.x(0), !ta, dy, false));
        }
    }
}
