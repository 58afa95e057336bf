package org.armature.hypernet;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.armature.train.Reproduction;
import org.armature.train.Trainer;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * A tiny LoGAH, meta-trained on small vision transformers, initialises two that it has not seen: one whose depth lies between
 * theirs, and one deeper than all of them; their widths occur among those. Each is then trained beside one with PyTorch's
 * initialisation; the curves are in the arms' folders.
 */
@Component(property = {"armature.id=logah", "armature.kind=reproduction"})
public final class LogahReproduction implements Reproduction {
    private static final List<Target> TARGETS = List.of(new Target(2, 56), new Target(4, 64));
    private static final int META_STEPS = 600;
    private static final int STEPS = 200;
    private static final int EVERY = 20;

    /** A vision transformer that is not among those of meta-training. */
    private record Target(int layers, int width) {
        String random() {
            return "random init, " + layers + " x " + width;
        }

        String predicted() {
            return "LoGAH init, " + layers + " x " + width;
        }
    }

    private final Trainer trainer;

    @Activate
    public LogahReproduction(@Reference(target = "(armature.id=gradient)") Trainer trainer) {
        this.trainer = trainer;
    }

    @Override
    public String id() {
        return "logah";
    }

    @Override
    public String title() {
        return "Fashion-MNIST averaged to 14 x 14, 6000 images; LoGAH (hidden 16, 2 layers, rank 8) meta-trained 600 steps on six"
                + " ViTs of 1 or 3 layers and width 24 to 64, then ViTs of 2 layers and width 56, and of 4 and 64, trained from"
                + " its prediction; accuracy % on 2000 test images after so many steps of batch 64, AdamW 1e-3.";
    }

    @Override
    public List<String> arms() {
        return TARGETS.stream()
                .flatMap(t -> Stream.of(t.random(), t.predicted()))
                .toList();
    }

    @Override
    public List<Claim> claims() {
        List<Claim> all = new ArrayList<>();
        for (Target t : TARGETS) {
            all.add(new Claim(
                    t.predicted() + ": the accuracy of random init after " + STEPS
                            + " steps is reached in half of them",
                    f -> f.mean(t.predicted(), figure(STEPS / 2)) - f.mean(t.random(), figure(STEPS))));
            all.add(new Claim(
                    t.predicted() + ": after five steps the accuracy is 25 % or more",
                    f -> f.mean(t.predicted(), figure(5)) - 25));
        }
        return all;
    }

    private static String figure(int step) {
        return "step " + step;
    }

    @Override
    public Map<String, Double> measure(String arm, long seed, Run run) throws IOException {
        Target target = TARGETS.stream()
                .filter(t -> arm.equals(t.random()) || arm.equals(t.predicted()))
                .findFirst()
                .orElseThrow();
        Map<String, Object> config = new LinkedHashMap<>(common(seed, STEPS));
        config.put(
                "model",
                Map.of(
                        "type",
                        "vit",
                        "image_size",
                        14,
                        "channels",
                        1,
                        "patch_size",
                        7,
                        "num_layers",
                        target.layers,
                        "num_heads",
                        4,
                        "hidden_dim",
                        target.width,
                        "num_classes",
                        10));
        config.put("schedule", Map.of("rate", 1e-3));
        config.put("evaluate_every", 5);
        if (arm.equals(target.random())) {
            config.put("initializer", Map.of("type", "he", "gain", 1 / Math.sqrt(3)));
        } else {
            config.put(
                    "initializer",
                    Map.of(
                            "type", "logah",
                            "checkpoint", hypernetwork(seed, run).toString(),
                            "ghn", Map.of("max_shape", List.of(256, 256, 16, 16), "num_classes", 10)));
        }
        run.train(trainer, config, run.folder(), arm, 0, 1);
        Map<Long, Double> curve = curve(run.folder());
        Map<String, Double> figures = new LinkedHashMap<>();
        List<Integer> steps = new ArrayList<>(List.of(5));
        for (int s = EVERY; s <= STEPS; s += EVERY) {
            steps.add(s);
        }
        steps.forEach(s -> figures.put(figure(s), 100 * curve.getOrDefault((long) s, Double.NaN)));
        return figures;
    }

    private Path hypernetwork(long seed, Run run) throws IOException {
        Map<String, Object> config = new LinkedHashMap<>(common(seed, META_STEPS));
        config.put(
                "model",
                Map.of(
                        "type",
                        "logah-meta",
                        "seed",
                        seed,
                        "networks",
                        6,
                        "layers",
                        List.of(1, 3),
                        "widths",
                        List.of(24, 32, 40, 48, 56, 64),
                        "image_size",
                        14,
                        "channels",
                        1,
                        "patch_size",
                        7,
                        "ghn",
                        Map.of(
                                "hid",
                                16,
                                "layers",
                                2,
                                "heads",
                                4,
                                "lora_r",
                                8,
                                "max_ck_lora",
                                1024,
                                "max_shape",
                                List.of(256, 256, 16, 16))));
        config.put("objective", Map.of("type", "logah-meta"));
        config.put("initializer", Map.of("type", "logah-fresh"));
        config.put("schedule", Map.of("type", "cosine", "rate", 3e-3, "warm_up", 50));
        config.put("clip", 5);
        config.put("evaluate_every", 300);
        return run.trained(trainer, config, run.shared().resolve("logah"), "meta-training", 0, 1);
    }

    private static Map<String, Object> common(long seed, int steps) {
        return Map.of(
                "seed",
                seed,
                "dataset",
                Map.of("type", "fashion-mnist", "first", 6000, "first_test", 2000, "average", 2),
                "optimizer",
                Map.of("type", "adamw", "weight_decay", 0.01),
                "batch",
                64,
                "steps",
                steps);
    }

    private static Map<Long, Double> curve(Path folder) throws IOException {
        Map<Long, Double> m = new LinkedHashMap<>();
        for (String line : Files.readAllLines(folder.resolve("curve.csv"))) {
            String[] f = line.split(",", 3);
            if (f[1].equals("test.accuracy")) {
                m.put(Long.parseLong(f[0]), Double.parseDouble(f[2]));
            }
        }
        return m;
    }
}
