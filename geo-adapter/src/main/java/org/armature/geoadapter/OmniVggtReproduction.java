package org.armature.geoadapter;

import java.io.IOException;
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
 * OmniVGGT's claim in miniature: one model, trained with modalities drawn at random, gains from depth and from cameras, loses
 * little without them, and a model that always had everything is lost without them. Two arms are trained from scratch; two go
 * on, as the paper does, from one model trained on images alone.
 */
@Component(property = {"armature.id=omnivggt", "armature.kind=reproduction"})
public final class OmniVggtReproduction implements Reproduction {
    private static final String STOCHASTIC = "stochastic fusion";
    private static final String ALWAYS = "always everything";
    private static final String PLAIN_ON = "images only, continued";
    private static final String STOCHASTIC_ON = "stochastic fusion, continued";
    private static final String RGB_DEPTH = "AbsRel, images";
    private static final String GIVEN_DEPTH = "AbsRel, +depth";
    private static final String RGB_POSE = "AUC@30, images";
    private static final String GIVEN_POSE = "AUC@30, +cameras";
    private static final int VIEWS = 3;
    private static final int SIDE = 28;
    private static final int STEPS = 650;
    private static final int BASE_STEPS = 420;
    private static final int MORE_STEPS = 300;
    private static final int TRAINING_SCENES = 1500;
    private static final int TEST_SCENES = 200;
    /** All four evaluations of a model are a small part of its time. */
    private static final double TRAINING_SHARE = 0.95;

    private final Trainer trainer;
    private final DatasetProvider scenes;
    private final CheckpointFormat format;
    private final Executor executor;

    @Activate
    public OmniVggtReproduction(
            @Reference Trainer trainer,
            @Reference(target = "(armature.id=rooms)") DatasetProvider scenes,
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
        return "Three views (" + SIDE + " x " + SIDE + ") of rooms, " + TRAINING_SCENES + " scenes; " + STEPS
                + " steps from scratch, or " + BASE_STEPS + " on images alone and " + MORE_STEPS + " more.";
    }

    @Override
    public List<String> arms() {
        return List.of(STOCHASTIC, ALWAYS, PLAIN_ON, STOCHASTIC_ON);
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
                        "on images alone stochastic fusion is within 10 % of the model trained on images only, both continued (AbsRel)",
                        f -> 1.1 * f.mean(PLAIN_ON, RGB_DEPTH) - f.mean(STOCHASTIC_ON, RGB_DEPTH)),
                new Claim(
                        "on images alone a model that always had everything is at least twice as bad (AbsRel)",
                        f -> f.mean(ALWAYS, RGB_DEPTH) - 2 * f.mean(STOCHASTIC, RGB_DEPTH)));
    }

    @Override
    public Map<String, Double> measure(String arm, long seed, Run run) throws IOException {
        String rule = arm.equals(ALWAYS) ? "always" : arm.equals(PLAIN_ON) ? "never" : "instance";
        Path own = run.folder().resolve("model");
        Path trained;
        if (arm.equals(PLAIN_ON) || arm.equals(STOCHASTIC_ON)) {
            double from = TRAINING_SHARE * BASE_STEPS / (BASE_STEPS + MORE_STEPS);
            Path base = run.trained(
                    trainer,
                    config("never", BASE_STEPS, seed, null),
                    run.shared().resolve("base"),
                    "base",
                    0,
                    from);
            trained = run.trained(trainer, config(rule, MORE_STEPS, seed, base), own, rule, from, TRAINING_SHARE);
        } else {
            trained = run.trained(trainer, config(rule, STEPS, seed, null), own, rule, 0, TRAINING_SHARE);
        }
        try (Dataset test = scenes.open("test", Config.of(data(seed)));
                Estimator e =
                        Estimator.of(trained, model(rule), format, executor, CompileOptions.DEFAULT.withThreads(1))) {
            return figures(e, test, !arm.equals(PLAIN_ON));
        }
    }

    /** @param fuses whether the adapters were trained: one of them does not begin at zero, so that before it only disturbs */
    private static Map<String, Double> figures(Estimator e, Dataset test, boolean fuses) {
        int[] all = Fusion.all(VIEWS);
        int[] none = {};
        Map<String, Double> f = new LinkedHashMap<>();
        Evaluation images = of(e, test, none, none);
        f.put(RGB_DEPTH, images.absRel());
        f.put(RGB_POSE, images.auc());
        if (fuses) {
            f.put("AbsRel, +depth of one", of(e, test, none, new int[] {0}).absRel());
            f.put(GIVEN_DEPTH, of(e, test, none, all).absRel());
            f.put("AUC@30, +cameras of two", of(e, test, new int[] {0, 1}, none).auc());
            f.put(GIVEN_POSE, of(e, test, all, none).auc());
            Evaluation both = of(e, test, all, all);
            f.put("AbsRel, +both", both.absRel());
            f.put("AUC@30, +both", both.auc());
        }
        return f;
    }

    private static Evaluation of(Estimator e, Dataset test, int[] cameras, int[] depths) {
        return Evaluation.of(e, test, TEST_SCENES, new Modalities(cameras, depths), false);
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
                "type", "rooms",
                "views", VIEWS,
                "width", SIDE,
                "height", SIDE,
                "size", TRAINING_SCENES,
                "test_size", TEST_SCENES,
                "seed", seed);
    }

    private static Map<String, Object> model(String rule) {
        return section(
                "type",
                "omnivggt",
                "input",
                section("views", VIEWS, "height", SIDE, "width", SIDE),
                "aggregator",
                section(
                        "img_size", SIDE,
                        "patch_size", 7,
                        "embed_dim", 64,
                        "depth", 3,
                        "num_heads", 4,
                        "num_register_tokens", 2,
                        "patch_embed", "conv"),
                "camera_head",
                section("trunk_depth", 1, "num_heads", 4),
                "depth_head",
                section(
                        "features", 24,
                        "out_channels", List.of(24, 24, 48, 48),
                        "intermediate_layer_idx", List.of(0, 1, 2, 2)),
                "point_head",
                null,
                "fusion",
                section("rule", rule, "camera_drop", 0.1, "depth_drop", 0.3));
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
                section("type", "omnivggt", "local_loss", false),
                "initializer",
                section("type", "omnivggt"),
                "optimizer",
                section("type", "adamw", "betas", List.of(0.9, 0.95), "weight_decay", 0.01),
                "schedule",
                section("type", "cosine", "rate", 1.2e-3, "warm_up", 20),
                "clip",
                1.0,
                "batch",
                16,
                "test_batch",
                50,
                "steps",
                steps,
                "evaluate_every",
                10 * steps,
                "checkpoint_every",
                100);
        if (base != null) {
            c.put("weights", List.of(section("file", base.toString())));
        }
        return c;
    }
}
