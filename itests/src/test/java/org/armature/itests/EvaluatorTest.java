package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import javax.imageio.ImageIO;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.ModelFormat;
import org.armature.model.Parameters;
import org.armature.train.Draw;
import org.armature.train.Evaluator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tokenizer measured on a folder of images, by a feature network of the user's too. */
@InFramework
class EvaluatorTest {
    private static final int IMAGES = 12;

    @TempDir
    Path dir;

    /** Warm squares and cold ones, in a folder each; and a file that is no image. */
    @BeforeEach
    void draw() throws IOException {
        Draw draw = Draw.of(5);
        for (int i = 0; i < IMAGES; i++) {
            BufferedImage image = new BufferedImage(80, 64, BufferedImage.TYPE_INT_RGB);
            Graphics2D g = image.createGraphics();
            g.setColor(new Color(120, 120, 120));
            g.fillRect(0, 0, 80, 64);
            int level = 120 + (int) draw.below(120);
            g.setColor(i % 2 == 0 ? new Color(level, 40, 20) : new Color(20, 40, level));
            g.fillRect(10 + (int) draw.below(20), 5 + (int) draw.below(20), 30, 30);
            g.dispose();
            Path file = dir.resolve(i % 2 == 0 ? "images/warm" : "images/cold").resolve(i + ".png");
            Files.createDirectories(file.getParent());
            ImageIO.write(image, "png", file.toFile());
        }
        Files.writeString(dir.resolve("images/cold/broken.png"), "no image");
    }

    private Evaluator.Request request(Path data, Map<String, Object> options) throws IOException {
        Path out = Files.createDirectories(dir.resolve("out"));
        return new Evaluator.Request(data, Optional.empty(), 100, 2, out, Config.of(options), share -> {});
    }

    @Test
    void whatTheTokenizerKeepsIsMeasured(
            @Service("(armature.id=vtp)") Evaluator evaluator, @Service("(armature.id=onnx)") ModelFormat onnx)
            throws IOException {
        Path features = dir.resolve("features.onnx");
        Graph.Builder b = Graph.builder("features");
        Value x = b.input("pixels", DType.FLOAT, Shape.named("batch", 3, 32, 32));
        Value y = Ops.conv(
                x,
                b.parameter("weight", DType.FLOAT, Shape.of(4, 3, 8, 8)),
                Value.none(),
                Ops.Window.of(2).stride(8));
        Graph net =
                b.output("features", Ops.reduceMean(Ops.relu(y), false, 2, 3)).build();
        try (Tensor w = Tensor.zeros(DType.FLOAT, Shape.of(4, 3, 8, 8))) {
            Draw.of(1).normal(w, 0, 0.2);
            onnx.write(features, net, Parameters.of(Map.of("weight", w)));
        }
        SequencedMap<String, Double> f = evaluator
                .evaluate(request(dir.resolve("images"), Map.of("features", features.toString())))
                .get("all");
        assertEquals(IMAGES, f.get("images"));
        assertTrue(f.get("L1") > 0 && f.get("L1") < 0.2, f.toString());
        assertTrue(f.get("PSNR") > 12 && f.get("PSNR") < 60, f.toString());
        assertTrue(f.get("SSIM") > 0.2 && f.get("SSIM") < 1, f.toString());
        assertTrue(f.get("rFID") > 0 && Double.isFinite(f.get("rFID")), f.toString());
        assertEquals(1, f.get("probe"), "warm and cold are told apart: " + f);
        BufferedImage drawn = ImageIO.read(dir.resolve("out/image-1.png").toFile());
        assertEquals(2 * drawn.getHeight(), drawn.getWidth(), "given and restored side by side");
    }

    @Test
    void badDataAndOptionsAreNamed(@Service("(armature.id=vtp)") Evaluator evaluator) throws IOException {
        Path none = Files.createDirectories(dir.resolve("empty"));
        assertTrue(assertThrows(IOException.class, () -> evaluator.evaluate(request(none, Map.of())))
                .getMessage()
                .contains("no image"));
        Path missing = dir.resolve("missing");
        assertTrue(assertThrows(IOException.class, () -> evaluator.evaluate(request(missing, Map.of())))
                .getMessage()
                .contains("no folder"));
        Map<String, Object> wrong = Map.of("features_mean", List.of(1, 2));
        assertTrue(assertThrows(
                        IllegalArgumentException.class, () -> evaluator.evaluate(request(dir.resolve("images"), wrong)))
                .getMessage()
                .contains("features_mean"));
    }
}
