package org.armature.terminator;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.armature.model.Config;
import org.armature.train.Reproduction;
import org.armature.train.Trainer;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * A small Terminator and a plain convolutional network of about as many parameters, the first of three epochs on 3000 images
 * of Fashion-MNIST averaged to 14 x 14. The optimiser is part of the effect, so the plain network runs with both.
 */
@Component(property = {"armature.id=terminator", "armature.kind=reproduction"})
public final class TerminatorReproduction implements Reproduction {
    private static final String OURS = "Terminator, Kar3";
    private static final String PLAIN = "plain CNN, Kar3";
    private static final String ADAM = "plain CNN, Adam";
    private static final String FIRST = "test accuracy % after epoch 1";
    private static final String LOSS = "test loss";
    private static final int BATCH = 64;
    private static final int IMAGES = 3000;
    private static final int EPOCH = IMAGES / BATCH;

    private final Trainer trainer;

    @Activate
    public TerminatorReproduction(@Reference(target = "(armature.id=gradient)") Trainer trainer) {
        this.trainer = trainer;
    }

    @Override
    public String id() {
        return "terminator";
    }

    @Override
    public String title() {
        return "Fashion-MNIST averaged to 14 x 14, 3000 images, batch 64, the first epoch of a schedule for three: a Terminator"
                + " of five blocks (144,275 parameters) and a plain network of seven 3 x 3 convolutions with batch"
                + " normalisation (142,504).";
    }

    @Override
    public List<String> arms() {
        return List.of(OURS, PLAIN, ADAM);
    }

    @Override
    public List<Claim> claims() {
        return List.of(
                new Claim(
                        "after one epoch Terminator is at least 10 points ahead of the plain network with Kar3",
                        f -> f.mean(OURS, FIRST) - f.mean(PLAIN, FIRST) - 10),
                new Claim(
                        "after one epoch Terminator is at least 10 points ahead of the plain network with Adam",
                        f -> f.mean(OURS, FIRST) - f.mean(ADAM, FIRST) - 10));
    }

    @Override
    public Map<String, Double> measure(String arm, long seed, Run run) throws IOException {
        boolean ours = arm.equals(OURS);
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("seed", seed);
        config.put("dataset", Map.of("type", "fashion-mnist", "first", IMAGES, "first_test", 1000, "average", 2));
        config.put("model", ours ? terminator() : plain());
        config.put("initializer", ours ? Map.of("type", "terminator", "omega_0", 2000) : Map.of("type", "he"));
        config.put(
                "objective",
                ours ? Map.of("type", "terminator") : Map.of("type", "cross-entropy", "label_smoothing", 0.1));
        config.put("optimizer", arm.equals(ADAM) ? Map.of("type", "adamw", "weight_decay", 0) : Map.of("type", "kar3"));
        double rate = arm.equals(ADAM) ? 2e-3 : 1e-3;
        config.put("schedule", Map.of("type", "cosine", "rate", rate, "warm_up", 20));
        config.put("batch", BATCH);
        config.put("test_batch", BATCH);
        config.put("epochs", 3);
        config.put("threads", 1);
        Path folder = run.folder();
        // What comes after the first epoch is trained by nobody, but the rate falls as if it were.
        AtomicLong reached = new AtomicLong();
        Optional<Map<String, Double>> found = figures(folder);
        if (found.isEmpty()) {
            trainer.train(
                    Config.of(config),
                    folder,
                    Files.exists(folder.resolve("checkpoint.safetensors")),
                    p -> {
                        reached.set(p.step());
                        run.progress(arm, (double) p.step() / EPOCH);
                    },
                    () -> run.stopped() || reached.get() >= EPOCH);
            found = figures(folder);
        }
        return found.orElseThrow(
                () -> new IOException(arm + " was stopped at step " + reached + ": run it again with --resume"));
    }

    /** What a run's curve has at the end of the first epoch, once it is there. */
    private static Optional<Map<String, Double>> figures(Path folder) throws IOException {
        Path curve = folder.resolve("curve.csv");
        Map<String, Double> figures = new LinkedHashMap<>();
        if (Files.exists(curve)) {
            for (String line : Files.readAllLines(curve)) {
                String[] f = line.split(",", 3);
                if (f[0].equals(Integer.toString(EPOCH)) && f[1].equals("test.accuracy")) {
                    figures.put(FIRST, 100 * Double.parseDouble(f[2]));
                } else if (f[0].equals(Integer.toString(EPOCH)) && f[1].equals("test.loss")) {
                    figures.put(LOSS, Double.parseDouble(f[2]));
                }
            }
        }
        return Optional.of(figures).filter(m -> m.size() == 2);
    }

    private static Map<String, Object> terminator() {
        return Map.of(
                "type", "terminator",
                "classes", 10,
                "image_size", 14,
                "net",
                        Map.of(
                                "dropout", Collections.nCopies(5, 0),
                                "block",
                                        Map.of(
                                                "in_channel", List.of(1, 12, 24, 24, 48),
                                                "bottleneck_factors", List.of(12, 2, 1, 2, 1),
                                                "num_concat_pre", List.of(0, 0, 1, 1, 2))),
                "kernel_g", Map.of("no_hidden", 16, "num_layers_list", List.of(2, 1, 1, 1, 1)),
                "kernel_l", Map.of("no_hidden", 8, "num_layers", 1, "sizes", List.of(3, 7, 5, 5)),
                "kernel_gc", Map.of("no_hidden", 8, "num_layers", 1),
                "kernel_gc_hi", Map.of("no_hidden", 8, "num_layers", 1),
                "kernel_gs_hi", Map.of("no_hidden", 64, "num_layers", 1));
    }

    private static Map<String, Object> plain() {
        List<Object> layers = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            layers.add(Map.of("type", "conv", "channels", 51, "kernel", 3, "padding", 1));
            layers.add(Map.of("type", "batch-norm"));
            layers.add(Map.of("type", "gelu"));
        }
        layers.add(Map.of("type", "global-average-pool"));
        layers.add(Map.of("type", "flatten"));
        layers.add(Map.of("type", "linear", "features", 10));
        return Map.of("type", "sequential", "input", List.of(1, 14, 14), "layers", layers);
    }
}
