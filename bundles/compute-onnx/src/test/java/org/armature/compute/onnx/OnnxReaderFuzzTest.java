package org.armature.compute.onnx;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.ModelFormat;
import org.armature.model.Parameters;
import org.armature.train.Draw;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model file that was tampered with is read, or refused by one {@link IOException} that names it: nothing else comes out. */
class OnnxReaderFuzzTest {
    private final OnnxModelFormat format = new OnnxModelFormat();

    @TempDir
    Path dir;

    private byte[] valid() throws IOException {
        Graph.Builder b = Graph.builder("fuzzed");
        Value x = b.input("x", Shape.named("batch").concat(Shape.of(3, 8, 8)));
        Value y = relu(conv(x, b.parameter("w", DType.FLOAT, Shape.of(4, 3, 3, 3)), Value.none(), Window.of(2)));
        Value pooled = reduceMean(y, false, 2, 3);
        Value wide = concat(1, pooled, slice(pooled, new long[] {1}, new long[] {0}, new long[] {2}, new long[] {1}));
        Value z = add(gemm(wide, b.parameter("v", DType.FLOAT, Shape.of(6, 5)), Value.none(), 1, 1, false, false), 0.5);
        Value t = transpose(reshape(z, -1, 5, 1), 0, 2, 1);
        b.output("t", softmax(mul(t, b.constant(Constant.floats(Shape.of(2, 1), 1, 2))), -1));
        Graph g = b.build();
        Map<String, Tensor> weights = new LinkedHashMap<>();
        g.parameters().forEach(v -> {
            Tensor w = Tensor.zeros(v.type());
            Draw.of(1, v.name()).normal(w, 0, 1);
            weights.put(v.name(), w);
        });
        Path file = dir.resolve("valid.onnx");
        try (Parameters p = Parameters.of(weights)) {
            format.write(file, g, p);
        }
        return Files.readAllBytes(file);
    }

    private static byte[] broken(byte[] b, Random r) {
        byte[] c = b.clone();
        for (int i = 1 + r.nextInt(3); i > 0; i--) {
            int at = r.nextInt(c.length);
            switch (r.nextInt(5)) {
                case 0 -> c[at] = (byte) r.nextInt();
                case 1 -> c[at] ^= (byte) (1 << r.nextInt(8));
                case 2 -> c[at] = (byte) (r.nextBoolean() ? 0xff : 0);
                case 3 -> c = Arrays.copyOf(c, Math.max(1, at));
                default -> { // a piece again, elsewhere
                    int n = Math.min(r.nextInt(24), c.length - at);
                    System.arraycopy(c, r.nextInt(c.length - n + 1), c, at, n);
                }
            }
        }
        return c;
    }

    @Test
    void aTamperedModelIsReadOrRefused() throws IOException {
        int tries = Boolean.getBoolean("armature.long") ? 100_000 : 3_000;
        byte[] valid = valid();
        Path file = dir.resolve("fuzzed.onnx");
        int read = 0;
        for (int seed = 0; seed < tries; seed++) {
            Files.write(file, broken(valid, new Random(seed)));
            try (ModelFormat.Imported m = format.read(file)) {
                read++;
            } catch (IOException e) {
                assertTrue(e.getMessage().startsWith(file.toString()), "seed " + seed + ": " + e.getMessage());
            } catch (RuntimeException | Error e) {
                throw new AssertionError("seed " + seed + ": " + e, e);
            }
        }
        assertTrue(read > 0 && read < tries, read + " of " + tries + " were read");
    }
}
