package org.armature.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import javax.imageio.ImageIO;
import org.armature.checkpoint.Json;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.Value;
import org.armature.model.Checkpoint;
import org.armature.model.Config;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class CommandsTest {
    private static final String CONFIG = """
            {"image_size": 32, "vision_patch_size": 16, "vision_embed_dim": 16, "vision_depth": 1, "vision_num_heads": 2,
             "vision_feature_bottleneck": 4, "decoder_embed_dim": 16, "decoder_depth": 1, "decoder_num_heads": 2,
             "text_context_length": 16, "text_embed_dim": 16, "text_num_heads": 2, "text_depth": 1, "rope_dtype": "fp32"}
            """;

    @TempDir
    static Path dir;

    static Path checkpoint;
    static final Executor EXECUTOR = new OnnxExecutor();

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @BeforeAll
    static void randomWeights() throws IOException {
        checkpoint = Files.createDirectory(dir.resolve("checkpoint"));
        Path config = Files.writeString(checkpoint.resolve("config.json"), CONFIG);
        Config c = new Json().read(config);
        Random random = new Random(1);
        Map<String, Tensor> weights = new HashMap<>();
        for (Value v : new Vtp(VtpConfig.of(c)).graph("vtp").parameters()) {
            Tensor t = Tensor.zeros(v.type());
            for (long i = 0; i < t.size(); i++) {
                t.set(i, random.nextGaussian() * 0.3);
            }
            weights.put(v.name(), t);
        }
        new SafetensorsFormat().write(checkpoint.resolve("model.safetensors"), weights, Map.of());
        weights.values().forEach(Tensor::close);
    }

    private int run(String command, Object... arguments) {
        Object c = switch (command) {
            case "encode" -> new EncodeCommand(new Json(), new SafetensorsFormat(), List.of(EXECUTOR));
            case "decode" -> new DecodeCommand(new Json(), new SafetensorsFormat(), List.of(EXECUTOR));
            default -> new ClassifyCommand(new Json(), new SafetensorsFormat(), List.of(EXECUTOR));
        };
        List<String> all = new ArrayList<>(List.of("--checkpoint", checkpoint.toString()));
        for (Object a : arguments) {
            all.add(a.toString());
        }
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        return new CommandLine(c)
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(all.toArray(String[]::new));
    }

    private static Path image(Path file, int seed, int width, int height) throws IOException {
        BufferedImage i = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Random random = new Random(seed);
        int base = random.nextInt();
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                i.setRGB(x, y, base + x * 3 + (y * 5 << 8) + ((x ^ y) << 16));
            }
        }
        ImageIO.write(i, "png", file.toFile());
        return file;
    }

    @Test
    void ofAThousandImagesThreeBrokenOnesAreNamedAndTheOthersEncoded() throws IOException {
        Path folder = Files.createDirectories(dir.resolve("thousand/deeper")).getParent();
        for (int i = 0; i < 997; i++) {
            image(folder.resolve((i % 2 == 0 ? "" : "deeper/") + i + ".png"), i, 20 + i % 7, 30);
        }
        Path text = Files.writeString(folder.resolve("text.png"), "no image");
        Path empty = Files.createFile(folder.resolve("empty.jpg"));
        byte[] whole = Files.readAllBytes(folder.resolve("0.png"));
        Path cut = Files.write(folder.resolve("deeper/cut.png"), java.util.Arrays.copyOf(whole, whole.length / 2));
        Files.writeString(folder.resolve("notes.txt"), "not asked for");

        assertEquals(1, run("encode", folder, "--strict", "--batch", 64));
        assertTrue(out.toString().startsWith("997 encoded, 3 broken"), out.toString());
        for (Path broken : List.of(text, empty, cut)) {
            assertTrue(err.toString().contains(broken.toString()), err.toString());
        }
        Path latents = dir.resolve("thousand.latents");
        try (var files = Files.walk(latents)) {
            assertEquals(997 + 1, files.filter(Files::isRegularFile).count(), "one file an image, and the statistics");
        }
        assertEquals(0, run("encode", folder), "without --strict broken images are named, and that is all");
        assertTrue(out.toString().startsWith("0 encoded, 997 there already, 3 broken"), out.toString());
    }

    @Test
    void aBatchGivesTheLatentsOfEachAlone() throws IOException {
        Path folder = Files.createDirectory(dir.resolve("few"));
        for (int i = 0; i < 5; i++) {
            image(folder.resolve(i + ".png"), i, 40, 50);
        }
        assertEquals(0, run("encode", folder, "--batch", 3));
        assertEquals(0, run("encode", folder.resolve("4.png"), "--out", dir.resolve("alone.safetensors")));
        SafetensorsFormat format = new SafetensorsFormat();
        try (Checkpoint batch = format.open(dir.resolve("few.latents/4.png.safetensors"));
                Checkpoint alone = format.open(dir.resolve("alone.safetensors"));
                Checkpoint statistics = format.open(dir.resolve("few.latents/" + EncodeCommand.STATISTICS))) {
            float[] a = batch.get("latents").toFloats();
            float[] b = alone.get("latents").toFloats();
            assertEquals(4 * 2 * 2, a.length);
            for (int i = 0; i < a.length; i++) {
                assertEquals(b[i], a[i], 1e-5);
            }
            double sum = 0;
            for (int i = 0; i < 5; i++) {
                try (Checkpoint c = format.open(dir.resolve("few.latents/" + i + ".png.safetensors"))) {
                    float[] z = c.get("latents").toFloats();
                    sum += z[0] + z[1] + z[2] + z[3];
                }
            }
            assertEquals(sum / 20, statistics.get("mean").get(0), 1e-5);
            assertEquals(4, statistics.get("std").size());
        }
    }

    @Test
    void whatIsEncodedDecodesToAPictureOfThatSize() throws IOException {
        Path latents = dir.resolve("round.safetensors");
        assertEquals(0, run("encode", image(dir.resolve("round.png"), 3, 70, 45), "--out", latents));
        Path png = dir.resolve("restored.png");
        assertEquals(0, run("decode", latents, "--out", png, "--json"));
        assertEquals("{\"width\": 32, \"height\": 32}", out.toString().strip());
        assertEquals(32, Images.read(png).width());
    }

    @Test
    void latentsOfAnotherModelAreRefused() throws IOException {
        Path file = dir.resolve("other.safetensors");
        try (Tensor z = Tensor.of(new float[3 * 4], 1, 3, 2, 2)) {
            new SafetensorsFormat().write(file, Map.of("latents", z), Map.of());
        }
        assertEquals(1, run("decode", file));
        assertTrue(err.toString().contains("this checkpoint decodes float[B, 4, h, w]"), err.toString());
    }

    @Test
    void labelsGetProbabilities() throws IOException {
        Path merges = dir.resolve("merges.txt.gz");
        Path picture = image(dir.resolve("picture.png"), 9, 40, 40);
        assertEquals(1, run("classify", picture, "--labels", "a cat,a dog"));
        assertTrue(err.toString().contains("merges file"), err.toString());
        try (var gz = new GZIPOutputStream(Files.newOutputStream(merges))) {
            StringBuilder s = new StringBuilder("version\n");
            for (int i = 0; i < 48_894; i++) { // merges that no text meets: every letter stays its own symbol
                s.append((char) (0x4E00 + i % 20_000))
                        .append(' ')
                        .append((char) (0x4E00 + i / 20_000))
                        .append('\n');
            }
            gz.write(s.toString().getBytes(StandardCharsets.UTF_8));
        }
        assertEquals(
                0,
                run(
                        "classify",
                        picture,
                        "--labels",
                        "a cat,a dog",
                        "--merges",
                        merges,
                        "--template",
                        "see {}",
                        "--json"));
        assertTrue(
                out.toString().matches("(?s)\\{\"a (cat|dog)\": 0\\.\\d+, \"a (cat|dog)\": 0\\.\\d+}\\s*"),
                out.toString());
    }

    @Test
    void whatIsMissingIsOneSentence() {
        assertEquals(2, run("encode", dir.resolve("nowhere.png")));
        assertFalse(err.toString().contains("Exception"), err.toString());
        assertEquals(
                1,
                new CommandLine(new DecodeCommand(new Json(), new SafetensorsFormat(), List.of(EXECUTOR)))
                        .setErr(new PrintWriter(err, true))
                        .execute("--checkpoint", dir.toString(), "x"));
        assertTrue(err.toString().contains("there is no VTP checkpoint in " + dir), err.toString());
    }

    @AfterAll
    static void close() throws Exception {
        if (EXECUTOR instanceof AutoCloseable c) {
            c.close();
        }
    }
}
