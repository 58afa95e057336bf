package org.armature.training.guidance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.train.Reproduction;
import org.armature.train.Trainer;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * A network of 48 fully connected layers of 128 with batch normalisation, trained four epochs on the first 5000 images of
 * Fashion-MNIST: alone, and guided by a small convolutional network that is random, or trained, or there for 100 steps only.
 */
@Component(property = {"armature.id=guidance", "armature.kind=reproduction"})
public final class GuidanceReproduction implements Reproduction {
    private static final String ALONE = "no guide";
    private static final String RANDOM = "untrained guide";
    private static final String TRAINED = "trained guide";
    private static final String FIRST = "untrained guide, first 100 steps only";
    private static final String ACCURACY = "test accuracy %";
    private static final int DEPTH = 48;
    private static final int WIDTH = 128;
    private static final double POINTS = 8;

    /** Each layer of the guide that is matched carries a gradient into the target from where it is. */
    private static final int[] GUIDE_CHANNELS = {8, 8, 16, 16, 16, 16, 32, 32};

    private static final int[] GUIDE_STRIDES = {2, 1, 2, 1, 2, 1, 1, 1};

    private final Trainer trainer;

    @Activate
    public GuidanceReproduction(@Reference(target = "(armature.id=gradient)") Trainer trainer) {
        this.trainer = trainer;
    }

    @Override
    public String id() {
        return "guidance";
    }

    @Override
    public String title() {
        return "48 fully connected layers of 128 with batch normalisation, Fashion-MNIST's first 5000 images, 4 epochs of batch"
                + " 128, Adam 1e-3; guide: eight convolutions; CKA before batch normalisation, alpha 1";
    }

    @Override
    public List<String> arms() {
        return List.of(ALONE, RANDOM, TRAINED, FIRST);
    }

    @Override
    public List<Claim> claims() {
        return arms().stream()
                .skip(1)
                .map(arm -> new Claim(
                        arm + " gains at least 8 points over no guide",
                        f -> f.mean(arm, ACCURACY) - f.mean(ALONE, ACCURACY) - POINTS))
                .toList();
    }

    @Override
    public Map<String, Double> measure(String arm, long seed, Run run) throws IOException {
        Map<String, Object> config = new LinkedHashMap<>(Map.of(
                "seed", seed,
                "dataset", dataset(),
                "model", deep(),
                "initializer", torch(),
                "optimizer", adam(),
                "schedule", Map.of("rate", 1e-3),
                "batch", 128,
                "epochs", 4));
        if (!arm.equals(ALONE)) {
            Map<String, Object> objective = new LinkedHashMap<>(Map.of("type", "guidance", "guide", guide()));
            if (arm.equals(FIRST)) {
                objective.put("steps", 100);
            }
            config.put("objective", objective);
        }
        if (arm.equals(TRAINED)) {
            config.put("weights", List.of(Map.of("file", trainedGuide(seed, run).toString(), "into", "guide.")));
        }
        Map<String, Double> results =
                run.train(trainer, config, run.folder(), arm, 0, 1).results();
        return Map.of(ACCURACY, 100 * results.getOrDefault("test.accuracy", Double.NaN));
    }

    private Path trainedGuide(long seed, Run run) throws IOException {
        return run.trained(
                trainer,
                Map.of(
                        "seed", seed,
                        "dataset", dataset(),
                        "model", guide(),
                        "initializer", torch(),
                        "optimizer", adam(),
                        "schedule", Map.of("rate", 1e-3),
                        "batch", 128,
                        "epochs", 3),
                run.shared().resolve("guide"),
                "the guide",
                0,
                1);
    }

    private static Map<String, Object> dataset() {
        return Map.of("type", "fashion-mnist", "first", 5000);
    }

    private static Map<String, Object> adam() {
        return Map.of("type", "adamw", "weight_decay", 0);
    }

    private static Map<String, Object> torch() {
        return Map.of("type", "torch");
    }

    private static Map<String, Object> deep() {
        List<Object> layers = new ArrayList<>(List.of(Map.of("type", "flatten")));
        for (int i = 0; i < DEPTH; i++) {
            layers.add(Map.of("type", "linear", "features", WIDTH));
            layers.add(Map.of("type", "batch-norm"));
            layers.add(Map.of("type", "relu"));
        }
        layers.add(Map.of("type", "linear", "features", 10));
        return Map.of("type", "sequential", "input", List.of(1, 28, 28), "layers", layers);
    }

    private static Map<String, Object> guide() {
        List<Object> layers = new ArrayList<>();
        for (int i = 0; i < GUIDE_CHANNELS.length; i++) {
            layers.add(Map.of("type", "conv", "channels", GUIDE_CHANNELS[i], "padding", 1, "stride", GUIDE_STRIDES[i]));
            layers.add(Map.of("type", "relu"));
        }
        layers.add(Map.of("type", "flatten"));
        layers.add(Map.of("type", "linear", "features", 10));
        return Map.of("type", "sequential", "input", List.of(1, 28, 28), "layers", layers);
    }
}
