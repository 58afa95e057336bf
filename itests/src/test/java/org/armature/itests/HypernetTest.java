package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.model.Config;
import org.armature.model.ModelFormat;
import org.armature.model.ModelProvider;
import org.armature.nn.Initializer;
import org.armature.train.Progress;
import org.armature.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A hypernetwork's meta-training, and what it writes into networks from elsewhere. */
@InFramework
class HypernetTest {
    private static final long STEPS = 6;

    @TempDir
    Path dir;

    private Map<String, Object> metaTraining() throws IOException {
        Path text = dir.resolve("text.txt");
        Files.writeString(text, "a hypernetwork reads the graph of a network and writes its weights. ".repeat(40));
        Map<String, Object> c = new LinkedHashMap<>();
        c.put("seed", 2);
        c.put("dataset", Map.of("type", "text", "file", text.toString(), "length", 8));
        Map<String, Object> model = new LinkedHashMap<>(Map.of(
                "type",
                "logah-meta",
                "family",
                "gpt2",
                "networks",
                2,
                "layers",
                List.of(1),
                "widths",
                List.of(8, 16),
                "heads",
                List.of(2),
                "vocab_size",
                256,
                "n_positions",
                8));
        model.put(
                "ghn",
                Map.of(
                        "hid",
                        8,
                        "layers",
                        1,
                        "heads",
                        2,
                        "lora_r",
                        4,
                        "max_ck_lora",
                        512,
                        "max_shape",
                        List.of(256, 256, 16, 16)));
        c.put("model", model);
        c.put("objective", Map.of("type", "logah-meta"));
        c.put("initializer", Map.of("type", "logah-fresh"));
        c.put("schedule", Map.of("rate", 1e-2));
        c.put("clip", 5);
        c.put("batch", 8);
        c.put("steps", STEPS);
        c.put("threads", 1);
        c.put("evaluate_every", 3);
        return c;
    }

    /** Stopped in the middle and gone on with, it ends with the same bits; it learns; what it has learnt is used. */
    @Test
    void metaTrainingOnTextGoesOnWhereItWasStopped(
            @Service("(armature.id=gradient)") Trainer trainer,
            @Service("(armature.id=gpt2)") ModelProvider gpt2,
            @Service("(armature.id=logah)") Initializer logah)
            throws IOException {
        Progress.Listener quiet = p -> {};
        Config config = Config.of(metaTraining());
        Path whole = dir.resolve("whole");
        assertTrue(trainer.train(config, whole, false, quiet, () -> false).finished());

        Path parts = dir.resolve("parts");
        AtomicLong at = new AtomicLong();
        assertFalse(trainer.train(
                        Config.of(metaTraining()), parts, false, p -> at.set(p.step()), () -> at.get() >= STEPS / 2)
                .finished());
        assertEquals(STEPS / 2, at.get());
        assertTrue(trainer.train(Config.of(metaTraining()), parts, true, quiet, () -> false)
                .finished());
        for (String file : List.of("model.safetensors", "curve.csv")) {
            assertArrayEquals(Files.readAllBytes(whole.resolve(file)), Files.readAllBytes(parts.resolve(file)), file);
        }
        List<Double> losses = Files.readAllLines(whole.resolve("curve.csv")).stream()
                .filter(l -> l.matches("\\d+,loss,.*"))
                .map(l -> Double.parseDouble(l.substring(l.lastIndexOf(',') + 1)))
                .toList();
        assertEquals(STEPS, losses.size());
        assertTrue(losses.getLast() < losses.getFirst(), losses.toString());

        // A deeper and wider network than those, whose matrices get the deviation that language models begin with.
        Graph other = gpt2.create(
                        Config.of(Map.of("vocab_size", 256, "n_positions", 8, "n_embd", 24, "n_layer", 2, "n_head", 2)))
                .graph("other");
        Map<String, Tensor> weights = new LinkedHashMap<>();
        other.parameters().forEach(v -> weights.put(v.name(), Tensor.zeros(v.type())));
        String checkpoint = whole.resolve("model.safetensors").toString();
        assertEquals(
                weights.keySet(),
                logah.initialize(
                        other,
                        weights,
                        Config.of(Map.of(
                                "checkpoint", checkpoint, "ghn", Map.of("max_shape", List.of(256, 256, 16, 16)))),
                        1));
        Tensor w = weights.get("transformer.h.1.mlp.c_fc.weight");
        double mean = Arrays.stream(w.toDoubles()).average().orElseThrow();
        double squares =
                Arrays.stream(w.toDoubles()).map(v -> (v - mean) * (v - mean)).sum();
        assertEquals(0.02, Math.sqrt(squares / (w.size() - 1)), 1e-5);
        weights.values().forEach(Tensor::close);
    }

    /** Files of both of PyTorch's exporters: everything but the class token is written, and the file goes on working. */
    @ParameterizedTest
    @ValueSource(strings = {"vit-dynamo", "vit-torchscript"})
    void aTransformerFromPyTorchIsInitialised(
            String model,
            @Service("(armature.id=onnx)") ModelFormat onnx,
            @Service("(armature.id=logah)") Initializer logah)
            throws IOException {
        Path file = Path.of(System.getProperty("armature.root"))
                .resolve("bundles/training/src/test/resources/onnx")
                .resolve(model)
                .resolve("model.onnx");
        try (ModelFormat.Imported in = onnx.read(file)) {
            Map<String, Tensor> weights = new LinkedHashMap<>();
            in.graph()
                    .parameters()
                    .forEach(v ->
                            weights.put(v.name(), in.parameters().get(v.name()).copy()));
            Set<String> written = logah.initialize(
                    in.graph(), weights, Config.of(Map.of("random", true, "size", "tiny", "language", false)), 3);
            Set<String> kept = new HashSet<>(weights.keySet());
            kept.removeAll(written);
            assertEquals(Set.of("class_token"), kept);
            weights.forEach((name, t) -> {
                double largest = 0;
                boolean changed = false;
                for (long i = 0; i < t.size(); i++) {
                    largest = Math.max(largest, Math.abs(t.get(i)));
                    changed |= t.get(i) != in.parameters().get(name).get(i);
                }
                assertTrue(Double.isFinite(largest) && changed == written.contains(name), name);
            });
            weights.values().forEach(Tensor::close);
        }
    }
}
