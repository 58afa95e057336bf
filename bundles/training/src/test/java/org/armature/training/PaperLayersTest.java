package org.armature.training;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.armature.checkpoint.Json;
import org.armature.model.Checkpoint;
import org.armature.train.Trainer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The layers of papers by their ids in a training configuration, as a user writes them. */
class PaperLayersTest {
    private final Bench bench = new Bench();

    @TempDir
    Path dir;

    /** {@code shape} is the example's: images for layers over two axes, four rows of sixteen samples for those over time. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            [1, 8, 8] | {"type": "dcls", "out_channels": 4, "kernel_count": 3, "dilated_kernel_size": 5, "padding": 2}
            [4, 16]   | {"type": "sgconv", "l_max": 16, "kernel_dim": 4}
            [4, 16]   | {"type": "longconv"}
            [4, 4, 4] | {"type": "pflayer", "planes": 2}
            [1, 8, 8] | {"type": "weighted-conv", "out_channels": 4, "kernel_size": 3, "padding": 1, "trainable": true}
            """)
    void oneStepChangesEveryParameterOfTheLayer(String shape, String layer) throws IOException {
        String config = """
                {"seed": 3, "batch": 16, "threads": 1, "dataset": {"type": "corners", "shape": SHAPE},
                 "optimizer": {"type": "sgd"}, "schedule": {"type": "constant", "rate": 0.05}, "steps": STEPS,
                 "model": {"input": SHAPE, "layers": [LAYER, {"type": "flatten"}, {"type": "linear", "features": 4}]}}""".replace("SHAPE", shape).replace("LAYER", layer);
        Checkpoint before = train(config, 1);
        Checkpoint after = train(config, 2);
        List<String> same = new ArrayList<>();
        try (before;
                after) {
            for (String name : before.names()) {
                float[] was = before.get(name).toFloats();
                float[] is = after.get(name).toFloats();
                for (float v : is) {
                    assertTrue(Float.isFinite(v), name);
                }
                if (Arrays.equals(was, is)) {
                    same.add(name);
                }
            }
            assertTrue(before.names().stream().anyMatch(n -> n.startsWith("0.")));
        }
        assertFalse(same.stream().anyMatch(n -> !BUFFERS.contains(n)), same + " did not change");
    }

    /** State of the official layers that no gradient reaches. */
    private static final List<String> BUFFERS = List.of("0.kernel_norm", "0.kernel_norm_initialized", "0.multiplier");

    private Checkpoint train(String config, int steps) throws IOException {
        Path file = Files.writeString(dir.resolve("c.json"), config.replace("STEPS", Integer.toString(steps)));
        Path run = dir.resolve("run-" + steps);
        Trainer.Outcome o = bench.train(new Json().read(file).asMap(), run, false, () -> false);
        assertTrue(o.finished());
        return bench.format.open(run.resolve("model.safetensors"));
    }
}
