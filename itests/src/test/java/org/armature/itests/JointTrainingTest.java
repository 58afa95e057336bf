package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.train.Draw;
import org.armature.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A tokenizer trained with all its terms: L1, perceptual, adversarial, student and teacher. */
@InFramework
class JointTrainingTest {
    private static final long[] CHANNELS = {2, 2, 4, 4, 4};
    private static final double MOMENTUM = 0.75;

    @TempDir
    Path dir;

    private Map<String, Object> config(long steps) {
        Map<String, Object> c = new LinkedHashMap<>();
        c.put("seed", 3);
        c.put("threads", 1);
        c.put(
                "dataset",
                Map.of(
                        "type", "crops",
                        "local", 2,
                        "local_size", 8,
                        "patch", 8,
                        "of",
                                Map.of(
                                        "type",
                                        "tabletop",
                                        "engine",
                                        "planar",
                                        "width",
                                        32,
                                        "height",
                                        32,
                                        "size",
                                        16,
                                        "test_size",
                                        4)));
        Map<String, Object> model = new LinkedHashMap<>();
        model.put("type", "vtp");
        model.put("image_size", 32);
        model.put("vision_patch_size", 8);
        for (String tower : List.of("vision", "decoder")) {
            model.put(tower + "_embed_dim", 16);
            model.put(tower + "_depth", 1);
            model.put(tower + "_num_heads", 2);
        }
        model.put("vision_feature_bottleneck", 4);
        model.put("train_clip", false);
        model.put("rope_dtype", "fp32");
        model.put("train_dinov2", true);
        model.put("teacher_momentum", MOMENTUM);
        model.put("dino_head", Map.of("out_dim", 12, "nlayers", 2, "hidden_dim", 16, "bottleneck_dim", 8));
        c.put("model", model);
        c.put("objective", objective(0.5, 0.1));
        c.put("weights", List.of(Map.of("file", dir.resolve("lpips.safetensors").toString(), "into", "lpips.")));
        c.put("initializer", Map.of("type", "vtp"));
        c.put("schedule", Map.of("rate", 2e-3));
        c.put("clip", 1);
        c.put("batch", 4);
        c.put("test_batch", 4);
        c.put("steps", steps);
        return c;
    }

    private static Map<String, Object> objective(double selfSupervision, double adversarial) {
        return Map.of(
                "type",
                "vtp",
                "reconstruction",
                1,
                "contrastive",
                0,
                "perceptual",
                0.1,
                "perceptual_channels",
                Arrays.stream(CHANNELS).boxed().toList(),
                "adversarial",
                adversarial,
                "discriminator_width",
                4,
                "self_supervision",
                selfSupervision);
    }

    @Test
    void theTeacherFollowsAndAllTermsAreMeasured(
            @Service("(armature.id=gradient)") Trainer trainer,
            @Service("(armature.id=safetensors)") CheckpointFormat format)
            throws IOException {
        vgg(format);
        train(trainer, config(1), "one");
        Trainer.Outcome after = train(trainer, config(2), "two");
        assertTrue(
                after.results()
                        .keySet()
                        .containsAll(List.of(
                                "l1",
                                "lpips",
                                "generator",
                                "discriminator",
                                "dino",
                                "ibot",
                                "koleo",
                                "test.l1",
                                "test.lpips")),
                after.results().toString());
        assertTrue(
                after.results().values().stream().allMatch(Double::isFinite),
                after.results().toString());
        assertFalse(after.results().containsKey("test.dino"), "there is no teacher in evaluation");

        try (Checkpoint one = format.open(dir.resolve("one/model.safetensors"));
                Checkpoint two = format.open(dir.resolve("two/model.safetensors"));
                Checkpoint lpips = format.open(dir.resolve("lpips.safetensors"))) {
            int followed = 0;
            for (String teacher : two.names()) {
                if (!teacher.startsWith("teacher_")) {
                    continue;
                }
                String student = teacher.substring("teacher_".length());
                double[] before = one.get(teacher).toDoubles();
                double[] now = two.get(teacher).toDoubles();
                double[] to = one.get(student).toDoubles();
                boolean buffer = teacher.endsWith("periods");
                for (int i = 0; i < now.length; i++) {
                    double expected = buffer ? before[i] : MOMENTUM * before[i] + (1 - MOMENTUM) * to[i];
                    assertEquals(expected, now[i], 1e-6, teacher);
                }
                if (!buffer && !Arrays.equals(before, now)) {
                    followed++;
                }
            }
            assertTrue(followed > 20, followed + " parameters of the teacher moved");
            for (String name : lpips.names()) {
                assertArrayEquals(
                        lpips.get(name).toDoubles(), two.get("lpips." + name).toDoubles(), name + " is not trained");
            }
            assertTrue(two.names().contains("discriminator.0.weight"));
            assertFalse(
                    Arrays.equals(
                            one.get("discriminator.0.weight").toDoubles(),
                            two.get("discriminator.0.weight").toDoubles()),
                    "the discriminator is trained");
        }
    }

    /** The second stage: an adversary, and a decoder that alone is tuned. */
    @Test
    void theSecondStageTunesTheDecoderAlone(
            @Service("(armature.id=gradient)") Trainer trainer,
            @Service("(armature.id=safetensors)") CheckpointFormat format)
            throws IOException {
        vgg(format);
        train(trainer, config(1), "first");
        Map<String, Object> c = config(2);
        @SuppressWarnings("unchecked")
        Map<String, Object> model = (Map<String, Object>) c.get("model");
        model.put("train_dinov2", false);
        model.remove("teacher_momentum");
        model.remove("dino_head");
        model.put("train_decoder_only", true);
        c.put("objective", objective(0, 0.1));
        String first = dir.resolve("first/model.safetensors").toString();
        c.put(
                "weights",
                List.of(
                        Map.of("file", first, "from", "trunk.", "into", "trunk."),
                        Map.of("file", first, "from", "pixel_decoder.", "into", "pixel_decoder."),
                        Map.of("file", first, "from", "lpips.", "into", "lpips.")));
        train(trainer, c, "second");
        try (Checkpoint one = format.open(dir.resolve("first/model.safetensors"));
                Checkpoint two = format.open(dir.resolve("second/model.safetensors"))) {
            for (String name : two.names()) {
                if (name.startsWith("trunk.")) {
                    assertArrayEquals(one.get(name).toDoubles(), two.get(name).toDoubles(), name);
                }
            }
            String moved = "pixel_decoder.proj_out.weight";
            assertFalse(Arrays.equals(one.get(moved).toDoubles(), two.get(moved).toDoubles()), moved);
        }
    }

    @Test
    void aPerceptualTermWithoutItsNetworkIsRefused(@Service("(armature.id=gradient)") Trainer trainer) {
        Map<String, Object> c = config(1);
        c.remove("weights");
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> train(trainer, c, "none"));
        assertTrue(
                e.getMessage()
                        .matches("objective vtp needs trained weights for lpips\\.\\S+ and \\d+ more: name the file"
                                + " they come from in config key weights"),
                e.getMessage());
    }

    private Trainer.Outcome train(Trainer trainer, Map<String, Object> config, String run) throws IOException {
        return trainer.train(Config.of(config), dir.resolve(run), false, p -> {}, () -> false);
    }

    /** A network of VGG16's structure, narrow and random, in the names of the official file. */
    private void vgg(CheckpointFormat format) throws IOException {
        Map<String, Tensor> t = new LinkedHashMap<>();
        t.put("scaling_layer.shift", Tensor.of(new float[] {-.030f, -.088f, -.188f}, 1, 3, 1, 1));
        t.put("scaling_layer.scale", Tensor.of(new float[] {.458f, .448f, .450f}, 1, 3, 1, 1));
        int[][] stages = {{0, 2}, {5, 7}, {10, 12, 14}, {17, 19, 21}, {24, 26, 28}};
        long inputs = 3;
        for (int i = 0; i < stages.length; i++) {
            for (int layer : stages[i]) {
                String name = "net.slice" + (i + 1) + "." + layer;
                t.put(name + ".weight", random(name, 0.3, CHANNELS[i], inputs, 3, 3));
                t.put(name + ".bias", random(name + "b", 0.1, CHANNELS[i]));
                inputs = CHANNELS[i];
            }
            float[] ones = new float[(int) CHANNELS[i]];
            Arrays.fill(ones, 1);
            t.put("lin" + i + ".model.1.weight", Tensor.of(ones, 1, CHANNELS[i], 1, 1));
        }
        format.write(dir.resolve("lpips.safetensors"), t, Map.of());
        t.values().forEach(Tensor::close);
    }

    private static Tensor random(String name, double deviation, long... sizes) {
        Tensor t = Tensor.zeros(DType.FLOAT, Shape.of(sizes));
        Draw.of(1, name).normal(t, 0, deviation);
        return t;
    }
}
