package org.armature.tabletop;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.armature.compute.Executor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ModelProvider;
import org.armature.pickplace.Chain;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.SceneGeometry;
import org.armature.robot.Simulator;
import org.armature.robot.Simulator.World;
import org.armature.train.Draw;
import org.armature.train.Reproduction;
import org.armature.train.Trainer;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * Whether a policy gains from a geometry's tokens, in miniature: a flow-matching policy whose chunk is the two key poses that
 * an instruction asks for, from joints, words and both cameras' images, and nothing more, or a point cloud, or OmniVGGT's tokens
 * (frozen) of images alone, with depth, with depth and cameras. It learns from looks at scenes where object and container lie
 * in a box of the table ({@link Errand.Range}) and drives in other scenes, where they do, and where the object does not; the
 * shipped hand goes where it points.
 */
@Component(property = {"armature.id=omnivggt-vla", "armature.kind=reproduction"})
public final class OmniVggtVlaReproduction implements Reproduction {
    private static final String IMAGES = "images alone";
    private static final String POINTS = "point cloud";
    private static final String TOKENS = "spatial tokens, of images";
    private static final String DEPTH = "spatial tokens, + depth";
    private static final String CAMERAS = "spatial tokens, + depth, cameras";
    private static final String TOLD = "told where";

    private static final String SUCCESS = "success %";
    private static final String GRASP = "grasp off cm";
    private static final String PLACE = "place off cm";
    private static final double BAR = 5;

    /**
     * How much of everything.
     *
     * @param looks to learn from
     * @param steps of training
     * @param episodes to drive, inside and as many outside
     */
    record Size(int looks, int steps, int episodes) {}

    /** Tenths of a robot second that an episode may take. */
    private static final int TENTHS = 120;
    /** Tenths between two pictures. */
    private static final int GLANCE = 3;
    /** Scenes of one seed, from which those of a range are taken; scenes of training and test never meet. */
    private static final long SCENES = 1_000_000;

    private static final double LOOKED = 0.08;
    private static final double TRAINED = 0.8;

    private final Trainer trainer;
    private final ModelProvider flow;
    private final SceneGeometry geometry;
    private final Simulator simulator;
    private final Perception perception;
    private final CheckpointFormat format;
    private final Executor executor;
    private final Size size;
    private final Map<Path, Object> making = new ConcurrentHashMap<>();

    /** Over what trains, sees and simulates; the planar world is quick and the same everywhere. */
    @Activate
    public OmniVggtVlaReproduction(
            @Reference Trainer trainer,
            @Reference(target = "(armature.id=flow)") ModelProvider flow,
            @Reference SceneGeometry geometry,
            @Reference(target = "(engine=planar)") Simulator simulator,
            @Reference Perception perception,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor) {
        this(trainer, flow, geometry, simulator, perception, format, executor, new Size(2000, 800, 40));
    }

    OmniVggtVlaReproduction(
            Trainer trainer,
            ModelProvider flow,
            SceneGeometry geometry,
            Simulator simulator,
            Perception perception,
            CheckpointFormat format,
            Executor executor,
            Size size) {
        this.size = size;
        this.trainer = trainer;
        this.flow = flow;
        this.geometry = geometry;
        this.simulator = simulator;
        this.perception = perception;
        this.format = format;
        this.executor = executor;
    }

    @Override
    public String id() {
        return "omnivggt-vla";
    }

    @Override
    public String title() {
        return "Key poses by flow matching, two cameras, planar table-top; " + size.looks + " looks with "
                + Glances.ERRANDS
                + " instructions each, " + size.steps + " steps; " + size.episodes
                + " episodes inside and outside the training range, driven by the shipped hand.";
    }

    @Override
    public List<String> arms() {
        // those of the claims first: a run may be stopped
        return List.of(IMAGES, DEPTH, CAMERAS, POINTS, TOKENS, TOLD);
    }

    @Override
    public List<Claim> claims() {
        String outside = figure(SUCCESS, Errand.Range.OUTSIDE);
        return List.of(
                new Claim(
                        "outside the range, spatial tokens with depth beat images alone by at least 5 points of success",
                        f -> f.mean(DEPTH, outside) - f.mean(IMAGES, outside) - BAR),
                new Claim(
                        "outside the range, spatial tokens with depth and cameras beat images alone by at least 5 points",
                        f -> f.mean(CAMERAS, outside) - f.mean(IMAGES, outside) - BAR),
                new Claim(
                        "outside the range, spatial tokens with depth and cameras are as good as the point cloud",
                        f -> f.mean(CAMERAS, outside) - f.mean(POINTS, outside)));
    }

    private static String figure(String name, Errand.Range range) {
        return name + (range == Errand.Range.INSIDE ? ", inside" : ", outside");
    }

    @Override
    public Map<String, Double> measure(String arm, long seed, Run run) throws IOException {
        if (arm.equals(TOLD)) {
            return trial(null, arm, seed, run);
        }
        Path model = run.folder().resolve("policy").resolve("model.safetensors");
        if (!Files.exists(model)) {
            Path looks = run.shared().resolve("looks.safetensors");
            synchronized (making.computeIfAbsent(looks, p -> new Object())) {
                if (!Files.exists(looks)) {
                    look(looks, seed, run);
                }
            }
            Path tokens = run.folder().resolve("tokens.safetensors");
            long[] shape = spatial(arm) ? tokens(tokens, arm, seed, run) : new long[0];
            model = run.trained(
                    trainer, config(arm, seed, looks, tokens, shape), model.getParent(), "policy", LOOKED, TRAINED);
            Files.deleteIfExists(tokens);
        }
        return trial(model, arm, seed, run);
    }

    private static boolean spatial(String arm) {
        return arm.equals(TOKENS) || arm.equals(DEPTH) || arm.equals(CAMERAS);
    }

    private SceneGeometry.Estimate estimate(String arm, Observation seen) {
        return geometry.estimate(Sighting.frames(seen, !arm.equals(TOKENS), arm.equals(CAMERAS)));
    }

    /** What all arms learn from; the file is complete or is not there. */
    private void look(Path file, long seed, Run run) throws IOException {
        try (World world = simulator.open(seed, 1_000_000);
                CheckpointFormat.Draft draft = format.create(file, Errands.layout(size.looks), Map.of())) {
            Features features = new Features(world.robot(), new Chain(world.robot()));
            new Glances(world, perception).take(SCENES * seed, size.looks, (i, seen, asked, targets) -> {
                going(run, "looks", LOOKED * i / size.looks);
                float[] hand = features.hand(seen.position(), seen.velocity());
                Sighting s = Sighting.of(seen, hand);
                put(draft, "state", i, s.state());
                put(draft, "points", i, s.points());
                MemorySegment.copy(
                        s.rgb(),
                        0,
                        draft.get("rgb").data(),
                        ValueLayout.JAVA_BYTE,
                        (long) i * s.rgb().length,
                        s.rgb().length);
                for (int k = 0; k < Glances.ERRANDS; k++) {
                    float[] target = targets.get(k).clone();
                    for (int d = 0; d < target.length; d++) {
                        target[d] -= hand[d % 3];
                    }
                    put(
                            draft,
                            "words",
                            Glances.ERRANDS * i + k,
                            Phrases.encode(asked.get(k).words()));
                    put(draft, "target", Glances.ERRANDS * i + k, target);
                }
            });
            draft.commit();
        }
    }

    /** The geometry's tokens of the same looks; their number and width. */
    private long[] tokens(Path file, String arm, long seed, Run run) throws IOException {
        try (World world = simulator.open(seed, 1_000_000)) {
            world.reset(SCENES * seed);
            SceneGeometry.Estimate one = estimate(arm, new Rollout(world).observe(""));
            long[] shape = {one.tokens().length / one.tokenWidth(), one.tokenWidth()};
            if (!Files.exists(file)) {
                Shape all = Shape.of(size.looks, shape[0], shape[1]);
                try (CheckpointFormat.Draft draft =
                        format.create(file, Map.of("spatial", new TensorType(DType.FLOAT, all)), Map.of())) {
                    new Glances(world, perception).take(SCENES * seed, size.looks, (i, seen, asked, targets) -> {
                        going(run, "tokens", LOOKED * i / size.looks);
                        put(draft, "spatial", i, estimate(arm, seen).tokens());
                    });
                    draft.commit();
                }
            }
            return shape;
        }
    }

    private static void going(Run run, String what, double share) throws IOException {
        if (run.stopped()) {
            throw new IOException(what + ": stopped, run it again with --resume");
        }
        run.progress(what, share);
    }

    private static void put(CheckpointFormat.Draft draft, String name, int row, float[] values) {
        MemorySegment.copy(
                values,
                0,
                draft.get(name).data(),
                ValueLayout.JAVA_FLOAT_UNALIGNED,
                4L * row * values.length,
                values.length);
    }

    /** A part of a configuration, in the order written. */
    private static Map<String, Object> section(Object... keysAndValues) {
        Map<String, Object> m = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            m.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return m;
    }

    /** @param shape of the tokens of one moment, if the arm has some */
    private static Map<String, Object> model(String arm, long... shape) {
        List<Integer> size = List.of(Sighting.HEIGHT, Sighting.WIDTH);
        Map<String, Object> m = section(
                "type", "flow",
                "state", Sighting.STATE,
                "words", Errands.WORDS,
                "chunk", List.of(2, 3),
                "images", section(Recording.CAMERAS.get(0), size, Recording.CAMERAS.get(1), size),
                "keypoints", 8,
                "width", 64,
                "heads", 4,
                "feed_forward", 128,
                "encoder_layers", 0,
                "expert_layers", 2,
                "draws", 8);
        if (arm.equals(POINTS)) {
            m.put("points", Sighting.POINTS);
        }
        if (spatial(arm)) {
            m.put("spatial", List.of(shape[0], shape[1]));
        }
        return m;
    }

    private Map<String, Object> config(String arm, long seed, Path looks, Path tokens, long... shape) {
        Map<String, Object> data = section("type", "tabletop-errands", "file", looks.toString());
        if (arm.equals(POINTS)) {
            data.put("points", true);
        }
        if (spatial(arm)) {
            data.put("tokens", tokens.toString());
        }
        return section(
                "seed",
                seed,
                "dataset",
                data,
                "model",
                model(arm, shape),
                "objective",
                section("type", "flow"),
                "optimizer",
                section("type", "adamw", "weight_decay", 0.01),
                "schedule",
                section("type", "cosine", "rate", 3e-3, "warm_up", 50),
                "clip",
                1.0,
                "batch",
                16,
                "test_batch",
                25,
                "steps",
                size.steps,
                "evaluate_every",
                size.steps,
                "checkpoint_every",
                250);
    }

    /** @param model the trained policy; null: one that is told what the demonstrator would do at the start */
    private Map<String, Double> trial(@Nullable Path model, String arm, long seed, Run run) throws IOException {
        try (World world = simulator.open(seed, 1_000_000)) {
            Glances glances = new Glances(world, perception);
            KeyPoseEyes own = model == null ? null : eyes(model, arm, world, seed);
            Told told = new Told();
            try (TabletopNetwork policy =
                    TabletopPolicy.shipped(world.robot(), executor, format, own == null ? told : own)) {
                Map<String, Double> figures = new LinkedHashMap<>();
                for (Errand.Range range : List.of(Errand.Range.INSIDE, Errand.Range.OUTSIDE)) {
                    double begin = range == Errand.Range.INSIDE ? TRAINED : (1 + TRAINED) / 2;
                    figures.putAll(drive(world, glances, policy, own, told, range, seed, run, begin));
                }
                return figures;
            }
        }
    }

    private Map<String, Double> drive(
            World world,
            Glances glances,
            TabletopNetwork policy,
            @Nullable KeyPoseEyes own,
            Told told,
            Errand.Range range,
            long seed,
            Run run,
            double begin)
            throws IOException {
        Rollout rollout = new Rollout(world);
        Features features = new Features(world.robot(), new Chain(world.robot()));
        double grasp = 0;
        double place = 0;
        int done = 0;
        int n = 0;
        for (long scene = SCENES * seed + SCENES / 2; n < size.episodes; scene++) {
            going(run, "episodes " + range, begin + (1 - TRAINED) / 2 * n / size.episodes);
            rollout.begin(scene);
            List<Errand> possible = new ArrayList<>(Errand.of(world.bodies()).stream()
                    .filter(e -> e.range() == range)
                    .toList());
            if (possible.isEmpty()) {
                continue;
            }
            String words = possible.get((int) Draw.of(scene, "errand").below(possible.size()))
                    .words();
            Observation seen = rollout.observe(words);
            float[] truth = glances.demonstrated(seen).orElse(null);
            if (truth == null) {
                continue;
            }
            n++;
            told.about(truth);
            policy.reset();
            if (own != null) {
                float[] said = own.poses(seen, features.hand(seen.position(), seen.velocity()));
                grasp += Math.hypot(said[0] - truth[0], said[1] - truth[1]);
                place += Math.hypot(said[3] - truth[3], said[4] - truth[4]);
            }
            done += rollout.drive(policy, words, words, TENTHS, GLANCE) >= 0 ? 1 : 0;
        }
        Map<String, Double> f = new LinkedHashMap<>();
        f.put(figure(SUCCESS, range), 100.0 * done / n);
        f.put(figure(GRASP, range), 100 * grasp / n);
        f.put(figure(PLACE, range), 100 * place / n);
        return f;
    }

    private KeyPoseEyes eyes(Path model, String arm, World world, long seed) throws IOException {
        long[] shape = new long[0];
        if (spatial(arm)) {
            world.reset(SCENES * seed);
            SceneGeometry.Estimate one = estimate(arm, new Rollout(world).observe(""));
            shape = new long[] {one.tokens().length / one.tokenWidth(), one.tokenWidth()};
        }
        Map<String, Object> config = model(arm, shape);
        config.remove("type");
        return new KeyPoseEyes(
                Net.of(flow.create(Config.of(config)), "policy", executor, format.open(model)),
                arm.equals(POINTS),
                spatial(arm) ? seen -> estimate(arm, seen).tokens() : null);
    }

    /** Knows where the demonstrator would take hold and let go, and what it holds: what the hand makes of perfect eyes. */
    static final class Told implements Pointer {
        private float[] grasp = new float[5];
        private float[] place = new float[3];
        private boolean held;

        void about(float[] poses) {
            grasp = new float[] {poses[0], poses[1], poses[2], 0, 0};
            place = new float[] {poses[3], poses[4], poses[5]};
        }

        @Override
        public void forget() {
            held = false;
        }

        @Override
        public void look(Observation seen, float[] words, float[] hand, double rested) {
            boolean near =
                    Math.hypot(Math.hypot(hand[0] - grasp[0], hand[1] - grasp[1]), hand[2] - grasp[2]) < Eyes.AT_HAND;
            held = Eyes.holds(hand, near, rested, held);
            if (held) {
                System.arraycopy(hand, 0, grasp, 0, 3);
            }
        }

        @Override
        public float[] grasp() {
            return grasp;
        }

        @Override
        public float[] place() {
            return place;
        }

        @Override
        public void close() {}
    }
}
