package org.armature.compute.onnx;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.ModelFormat.Imported;
import org.armature.model.Parameters;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnnxModelFormatTest {
    @TempDir
    Path folder;

    private static Graph mlp() {
        Graph.Builder b = Graph.builder("mlp");
        Value x = b.input("x", Shape.named("batch", 3));
        Scope p = b.scope().at("fc");
        Value y = gelu(linear(x, p.parameter("weight", 2, 3), p.parameter("bias", 2)));
        return b.output("y", mul(y, 0.5)).build();
    }

    private static Parameters weights() {
        return Parameters.of(Map.of(
                "fc.weight", Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3),
                "fc.bias", Tensor.of(new float[] {7, 8}, 2)));
    }

    private void roundTrip(OnnxModelFormat format) throws IOException {
        Path file = folder.resolve("mlp.onnx");
        format.write(file, mlp(), weights());
        try (Imported back = format.read(file)) {
            assertEquals(mlp(), back.graph());
            assertArrayEquals(
                    new float[] {1, 2, 3, 4, 5, 6},
                    back.parameters().get("fc.weight").toFloats());
            assertArrayEquals(
                    new float[] {7, 8}, back.parameters().get("fc.bias").toFloats());
        }
    }

    @Test
    void whatIsWrittenReadsBackEqual() throws IOException {
        roundTrip(new OnnxModelFormat());
        assertFalse(Files.exists(folder.resolve("mlp.onnx.data")));
    }

    /** A mask is not learned. */
    @Test
    void aConstantIsNotReadBackAsAWeight() throws IOException {
        Graph.Builder b = Graph.builder("masked");
        Value mask = b.constant(Constant.of(DType.FLOAT, Shape.of(1, 2), Double.NEGATIVE_INFINITY, 0));
        Graph g = b.output("y", add(b.input("x", Shape.of(3, 2)), mask)).build();
        Path file = folder.resolve("masked.onnx");
        new OnnxModelFormat().write(file, g, Parameters.of(Map.of()));
        try (Imported back = new OnnxModelFormat().read(file)) {
            assertEquals(g, back.graph());
            assertEquals(List.of(), back.graph().parameters());
        }
    }

    @Test
    void largeWeightsGoBesideTheModel() throws IOException {
        roundTrip(new OnnxModelFormat(16));
        assertTrue(Files.exists(folder.resolve("mlp.onnx.data")));
    }

    @Test
    void aShortDataFileIsNamedBeforeItIsRead() throws IOException {
        roundTrip(new OnnxModelFormat(16));
        Files.write(folder.resolve("mlp.onnx.data"), new byte[8]);
        String m = assertThrows(IOException.class, () -> new OnnxModelFormat().read(folder.resolve("mlp.onnx")))
                .getMessage();
        assertTrue(m.contains("fc.weight") && m.contains("wants 24 bytes"), m);
    }

    @Test
    void whatIsNoModelSaysSo() throws IOException {
        Path file = Files.write(folder.resolve("broken.onnx"), new byte[] {1, 2, 3});
        assertTrue(assertThrows(IOException.class, () -> new OnnxModelFormat().read(file))
                .getMessage()
                .contains("is not an ONNX model"));
    }
}
