package org.armature.training.guidance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import javax.imageio.ImageIO;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.DType;
import org.armature.graph.Ops;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.train.Dataset;
import org.armature.train.Draw;
import org.armature.train.Objective;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayerComparisonTest {
    private static final OnnxExecutor EXECUTOR = new OnnxExecutor();
    private static final int EXAMPLES = 20;
    private static final int[] WIDTHS = {3, 6, 5, 4};

    @TempDir
    Path dir;

    /** Three layers without biases, {@code tanh} between them. */
    private static final class Net implements Model {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            return new LinkedHashMap<>(Map.of("x", new TensorType(DType.FLOAT, Shape.named("batch", WIDTHS[0]))));
        }

        @Override
        public SequencedMap<String, Value> build(Scope p, Map<String, Value> inputs) {
            Value x = inputs.get("x");
            for (int i = 1; i < WIDTHS.length; i++) {
                Value w = p.at("l" + i).parameter("weight", WIDTHS[i - 1], WIDTHS[i]);
                x = Ops.matMul(i == 1 ? x : Ops.tanh(x), w);
            }
            return new LinkedHashMap<>(Map.of("y", x));
        }
    }

    private static final class Examples implements Dataset {
        @Override
        public long size() {
            return EXAMPLES;
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            return new LinkedHashMap<>(Map.of("x", new TensorType(DType.FLOAT, Shape.of(WIDTHS[0]))));
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            for (int i = 0; i < indices.length; i++) {
                for (int k = 0; k < WIDTHS[0]; k++) {
                    into.get("x")
                            .set(
                                    (long) i * WIDTHS[0] + k,
                                    Draw.of(indices[i], k).normal());
                }
            }
        }
    }

    /** The matrix agrees with CKA's definition in double precision, and what is drawn agrees with the matrix. */
    @Test
    void theFilesShowTheSimilarityOfEveryPairOfLayers() throws IOException {
        Map<String, Tensor> parameters = new LinkedHashMap<>();
        List<double[][]> target = layers(parameters, "");
        List<double[][]> guide = layers(parameters, "guide.");
        Guidance guidance = new Guidance(new Guidance.Services() {
            @Override
            public <T> T find(Class<T> type, String id) {
                assertEquals("net", id);
                return type.cast(new ModelProvider() {
                    @Override
                    public String id() {
                        return "net";
                    }

                    @Override
                    public Model create(Config config) {
                        return new Net();
                    }
                });
            }
        });
        guidance.look(
                new Objective.Moment(new Net(), parameters, new Examples(), EXECUTOR, dir),
                Config.of(Map.of("guide", Map.of("type", "net"))));

        List<String> lines = Files.readAllLines(dir.resolve("cka.matrix.csv"));
        assertTrue(lines.getFirst().endsWith(" 20 test examples,l1,l2,l3"), lines.getFirst());
        String svg = Files.readString(dir.resolve("cka.svg"));
        BufferedImage png = ImageIO.read(dir.resolve("cka.png").toFile());
        int cell = png.getWidth() / 3;
        assertEquals(3 * cell, png.getHeight());
        for (int i = 0; i < 3; i++) {
            String[] row = lines.get(i + 1).split(",");
            assertEquals("guide.l" + (i + 1), row[0]);
            for (int j = 0; j < 3; j++) {
                float v = Float.parseFloat(row[j + 1]);
                assertEquals(cka(guide.get(i), target.get(j)), v, 1e-4, row[0] + " and l" + (j + 1));
                int colour = HeatMap.colour(v);
                assertEquals(colour, png.getRGB(j * cell + cell / 2, i * cell + cell / 2) & 0xffffff);
                String title = String.format(Locale.ROOT, "<title>%s, l%d: %.3f</title>", row[0], j + 1, v);
                assertTrue(svg.contains(String.format("fill=\"#%06x\">%s", colour, title)), title);
            }
        }
    }

    /** Draws weights, and computes what each layer gives: {@code [examples, width]}. */
    private static List<double[][]> layers(Map<String, Tensor> parameters, String prefix) {
        double[][] x = new double[EXAMPLES][WIDTHS[0]];
        for (int i = 0; i < EXAMPLES; i++) {
            for (int k = 0; k < WIDTHS[0]; k++) {
                x[i][k] = Draw.of(i, k).normal();
            }
        }
        List<double[][]> all = new ArrayList<>();
        for (int l = 1; l < WIDTHS.length; l++) {
            Tensor w = Tensor.zeros(DType.FLOAT, Shape.of(WIDTHS[l - 1], WIDTHS[l]));
            String name = prefix + "l" + l + ".weight";
            Draw.of(7, name).normal(w, 0, 1);
            parameters.put(name, w);
            double[][] y = new double[EXAMPLES][WIDTHS[l]];
            for (int i = 0; i < EXAMPLES; i++) {
                for (int o = 0; o < WIDTHS[l]; o++) {
                    for (int k = 0; k < WIDTHS[l - 1]; k++) {
                        double in = l == 1 ? x[i][k] : Math.tanh(x[i][k]);
                        y[i][o] += in * w.get((long) k * WIDTHS[l] + o);
                    }
                }
            }
            all.add(y);
            x = y;
        }
        return all;
    }

    /** {@code |Xc' Yc|^2 / (|Xc' Xc| |Yc' Yc|)}, the columns centred. */
    private static double cka(double[][] x, double[][] y) {
        return cross(x, y) / Math.sqrt(cross(x, x) * cross(y, y));
    }

    private static double cross(double[][] x, double[][] y) {
        double sum = 0;
        for (int a = 0; a < x[0].length; a++) {
            for (int b = 0; b < y[0].length; b++) {
                double product = 0;
                double meanX = 0;
                double meanY = 0;
                for (int i = 0; i < EXAMPLES; i++) {
                    product += x[i][a] * y[i][b];
                    meanX += x[i][a] / EXAMPLES;
                    meanY += y[i][b] / EXAMPLES;
                }
                double c = product - EXAMPLES * meanX * meanY;
                sum += c * c;
            }
        }
        return sum;
    }
}
