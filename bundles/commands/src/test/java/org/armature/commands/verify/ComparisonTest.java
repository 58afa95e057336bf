package org.armature.commands.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.armature.commands.verify.CaseResult.Status;
import org.armature.compute.Tensor;
import org.junit.jupiter.api.Test;

class ComparisonTest {
    private static Status compare(String name, float[] want, float[] have) {
        Comparison c = new Comparison(1e-4, 1e-5, "");
        c.compare(name, Tensor.of(want, want.length), Tensor.of(have, have.length));
        return c.result("case", "module", "onnx").status();
    }

    @Test
    void aGradientsSmallElementMayCarryTheRoundingOfItsLargest() {
        float[] want = {58.7f, 0.0293f};
        assertEquals(Status.PASS, compare(Comparison.GRADIENT + "w", want, new float[] {58.7f, 0.0293f + 2e-5f}));
        assertEquals(Status.FAIL, compare(Comparison.GRADIENT + "w", want, new float[] {58.7f, 0.0293f + 6e-5f}));
    }

    @Test
    void noOtherTensorMay() {
        assertEquals(Status.FAIL, compare("w", new float[] {58.7f, 0.0293f}, new float[] {58.7f, 0.0293f + 2e-5f}));
    }

    @Test
    void aGradientOfOneSizeKeepsTheCasesTolerance() {
        assertEquals(
                Status.FAIL,
                compare(Comparison.GRADIENT + "w", new float[] {0.03f, 0.02f}, new float[] {0.03f, 0.02f + 1.3e-5f}));
    }
}
