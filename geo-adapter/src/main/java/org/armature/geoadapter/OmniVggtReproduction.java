package org.armature.geoadapter;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Reproduction;
import org.armature.train.Trainer;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * OmniVGGT's claim in miniature: one model, trained with modalities drawn at random, gains from depth and from cameras and
 * loses little without them. As in the paper, all arms go on from one model trained on images alone, for the same number of
 * steps; they differ in what a training scene comes with.
 */
@Component(property = {"armature.id=omnivggt", "armature.kind=reproduction"})
public final class OmniVggtReproduction implements Reproduction {
    private static final String PLAIN = "images only";
    private static final String STOCHASTIC = "stochastic fusion";
    private static final String ALWAYS = "always everything";
    private static final String RGB_DEPTH = "AbsRel, images";
    private static final String GIVEN_DEPTH = "AbsRel, +depth";
    private static final String RGB_POSE = "AUC@30, images";
    private static final String GIVEN_POSE = "AUC@30, +cameras";
    private static final int VIEWS = 2;
    private static final int WIDTH = 32;
    private static final int HEIGHT = 24;
    private static final int BASE_STEPS = 200;
    private static final int STEPS = 250;
    private static final int TRAINING_SCENES = 800;
    private static final int TEST_SCENES = 100;

    private final Trainer trainer;
    private final DatasetProvider scenes;
    private final CheckpointFormat format;
    private final Executor executor;

    @Activate
    public OmniVggtReproduction(
            @Reference Trainer trainer,
            @Reference(target = "(armature.id=tabletop)") DatasetProvider scenes,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor) {
        this.trainer = trainer;
        this.scenes = scenes;
        this.format = format;
        this.executor = executor;
    }

    @Override
    public String id() {
        return "omnivggt";
    }

    @Override
    public String title() {
        return "Two views (" + WIDTH + " x " + HEIGHT + ") of the table-top scene; " + BASE_STEPS
                + " steps on images alone, then " + STEPS + " steps that differ in what is given beside them.";
    }

    @Override
    public List<String> arms() {
        return List.of(PLAIN, STOCHASTIC, ALWAYS);
    }

    @Override
    public List<Claim> claims() {
        return List.of(
                new Claim(
                        "giving depth lowers AbsRel by at least 30 %",
                        f -> 0.7 * f.mean(STOCHASTIC, RGB_DEPTH) - f.mean(STOCHASTIC, GIVEN_DEPTH)),
                new Claim(
                        "giving cameras lifts AUC@30 by at least 0.3",
                        f -> f.mean(STOCHASTIC, GIVEN_POSE) - f.mean(STOCHASTIC, RGB_POSE) - 0.3),
                new Claim(
                        "on images alone stochastic fusion is within 10 % of the model trained on images only (AbsRel)",
                        f -> 1.1 * f.mean(PLAIN, RGB_DEPTH) - f.mean(STOCHASTIC, RGB_DEPTH)),
                new Claim(
                        "on images alone a model that always had everything is at least twice as bad (AbsRel)",
                        f -> f.mean(ALWAYS, RGB_DEPTH) - 2 * f.mean(STOCHASTIC, RGB_DEPTH)));
    }

    @Override
    public Map<String, Double> measure(String arm, long seed, Run run) throws IOException {
        Path base = train(config("never", BASE_STEPS, seed, null), run.shared().resolve("base"), run, "base", 0, 0.3);
        String rule = arm.equals(PLAIN) ? "never" : arm.equals(STOCHASTIC) ? "instance" : "always";
        Path trained = train(config(rule, STEPS, seed, base), run.folder().resolve("model"), run, rule, 0.3, 0.9);
        Map<String, Double> figures = new LinkedHashMap<>();
        int[] all = Fusion.all(VIEWS);
        int[] none = {};
        try (Dataset test = scenes.open("test", Config.of(data(seed)));
                Estimator e = Estimator.of(
                        trained.resolve("model.safetensors"),
                        model(rule),
                        format,
                        executor,
                        CompileOptions.DEFAULT.withThreads(1))) {
            Evaluation images = Evaluation.of(e, test, TEST_SCENES, Modalities.RGB, false);
            figures.put(RGB_DEPTH, images.absRel());
            figures.put(RGB_POSE, images.auc());
            // The adapters of a model that never had them are untrained, and one of them does not begin at zero.
            if (!arm.equals(PLAIN)) {
                Evaluation depth = Evaluation.of(e, test, TEST_SCENES, new Modalities(none, all), false);
                Evaluation cameras = Evaluation.of(e, test, TEST_SCENES, new Modalities(all, none), false);
                Evaluation both = Evaluation.of(e, test, TEST_SCENES, new Modalities(all, all), false);
                figures.put(GIVEN_DEPTH, depth.absRel());
                figures.put(GIVEN_POSE, cameras.auc());
                figures.put("AbsRel, +both", both.absRel());
                figures.put("AUC@30, +both", both.auc());
            }
        }
        return figures;
    }

    /** Trains unless that was done before; returns the folder. */
    private Path train(Map<String, Object> config, Path folder, Run run, String what, double from, double to)
            throws IOException {
        if (!Files.exists(folder.resolve("model.safetensors"))) {
            run.train(trainer, config, folder, what, from, to);
        }
        return folder;
    }

    /** A part of a configuration, in the order written. */
    private static Map<String, Object> section(@Nullable Object... keysAndValues) {
        Map<String, Object> m = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            m.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return m;
    }

    private static Map<String, Object> data(long seed) {
        return section(
                "type", "tabletop",
                "views", VIEWS,
                "width", WIDTH,
                "height", HEIGHT,
                "size", TRAINING_SCENES,
                "test_size", TEST_SCENES,
                "reach", 0.5,
                "seed", seed);
    }

    private static Map<String, Object> model(String rule) {
        return section(
                "type",
                "omnivggt",
                "input",
                section("views", VIEWS, "height", HEIGHT, "width", WIDTH),
                "aggregator",
                section(
                        "img_size", WIDTH,
                        "patch_size", 8,
                        "embed_dim", 64,
                        "depth", 3,
                        "num_heads", 4,
                        "num_register_tokens", 2,
                        "patch_embed", "conv"),
                "camera_head",
                section("trunk_depth", 1, "num_heads", 4),
                "depth_head",
                section(
                        "features", 16,
                        "out_channels", List.of(24, 24, 32, 32),
                        "intermediate_layer_idx", List.of(0, 1, 2, 2)),
                "point_head",
                null,
                "fusion",
                section("rule", rule));
    }

    private static Map<String, Object> config(String rule, int steps, long seed, @Nullable Path base) {
        Map<String, Object> c = section(
                "seed",
                base == null ? seed : seed + 1000,
                "dataset",
                data(seed),
                "model",
                model(rule),
                "objective",
                section("type", "omnivggt"),
                "initializer",
                section("type", "omnivggt", "layer_scale", 0.1),
                "optimizer",
                section("type", "adamw", "weight_decay", 0.01),
                "schedule",
                section("type", "cosine", "rate", 2e-3, "warm_up", 20),
                "clip",
                1.0,
                "batch",
                8,
                "test_batch",
                TEST_SCENES,
                "steps",
                steps,
                "evaluate_every",
                10 * steps,
                "threads",
                1);
        if (base != null) {
            c.put(
                    "weights",
                    List.of(section("file", base.resolve("model.safetensors").toString())));
        }
        return c;
    }
}
