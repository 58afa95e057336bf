package org.armature.tabletop;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.pickplace.Chain;
import org.armature.pickplace.PickPlacePolicy;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Policy;
import org.armature.robot.RobotDescription;
import org.armature.robot.Simulator;
import org.armature.robot.Simulator.World;
import org.armature.train.Draw;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code armature rollout}: table-top episodes faster than real time, to judge a policy or to make demonstrations. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=rollout")
@Command(
        name = "rollout",
        description = "Plays table-top episodes faster than real time: counts successes, or makes demonstrations.")
public final class RolloutCommand implements Callable<Integer> {
    /** What is asked in which words. */
    enum Words {
        scene,
        trained,
        unseen
    }

    /** The teacher plans anew when the arm is this far from its plan, rad. */
    private static final double ASTRAY = 0.06;

    private static final int TENTHS = 200;

    private final Simulator best;
    private final List<Simulator> simulators;
    private final Perception perception;
    private final Executor executor;
    private final CheckpointFormat checkpoints;

    @Parameters(
            paramLabel = "POLICY",
            description = "baseline, learned (the shipped one), or a checkpoint of training/tabletop.json")
    String policy = "";

    @Option(names = "--episodes", description = "how many (${DEFAULT-VALUE})")
    int episodes = 20;

    @Option(names = "--seed", description = "of the first scene; each next takes the next (${DEFAULT-VALUE})")
    long seed = 1;

    @Option(names = "--engine", description = "mujoco or planar (the best there is)")
    String engine = "";

    @Option(names = "--words", description = "scene, trained or unseen ways to say it (${DEFAULT-VALUE})")
    Words words = Words.scene;

    @Option(
            names = "--label",
            paramLabel = "FILE",
            description =
                    "write what the baseline would do in every situation met, from disturbed starts and with pushes;"
                            + " episodes that failed are left out")
    @Nullable
    Path label;

    @Option(
            names = "--share",
            description =
                    "with --label: share of the time that POLICY drives, the baseline the rest (${DEFAULT-VALUE})")
    double share = 1;

    @Option(names = "--json", description = "one object at the end, and nothing else")
    boolean json;

    @Spec
    @Nullable
    CommandSpec spec;

    /** Over what there is to simulate, see and compute. */
    @Activate
    public RolloutCommand(
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Simulator best,
            @Reference List<Simulator> simulators,
            @Reference Perception perception,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat checkpoints) {
        this.best = best;
        this.simulators = List.copyOf(simulators);
        this.perception = perception;
        this.executor = executor;
        this.checkpoints = checkpoints;
    }

    private final List<float[]> hand = new ArrayList<>();
    private final List<float[]> things = new ArrayList<>();
    private final List<float[]> motion = new ArrayList<>();
    private final List<Long> episodeOf = new ArrayList<>();
    private final List<String> asked = new ArrayList<>();

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec == null
                ? new PrintWriter(System.out, true)
                : spec.commandLine().getOut();
        Simulator simulator = engine.isEmpty()
                ? best
                : simulators.stream()
                        .filter(s -> s.engine().equals(engine))
                        .findFirst()
                        .orElseThrow(() -> new IllegalArgumentException("there is no engine '" + engine
                                + "'; there are "
                                + simulators.stream().map(Simulator::engine).toList()));
        List<Long> failed = new ArrayList<>();
        long tenths = 0;
        long begun = System.nanoTime();
        try (World world = simulator.open(seed, 1_000_000)) {
            RobotDescription robot = world.robot();
            Policy driver = policy(robot);
            try {
                Rollout rollout = new Rollout(world);
                for (int e = 0; e < episodes; e++) {
                    Draw draw = Draw.of(seed + e, "rollout");
                    rollout.begin(seed + e);
                    String task = world.scoring().instruction();
                    driver.reset();
                    int took = label == null
                            ? rollout.drive(driver, said(draw, task), task, TENTHS)
                            : teach(rollout, world, driver, draw, task);
                    tenths += took < 0 ? TENTHS : took;
                    if (took < 0) {
                        failed.add(seed + e);
                        dropLast();
                    }
                    if (!json) {
                        out.print(String.format(
                                Locale.ROOT,
                                "\r%d/%d  %d done  %.0f s left   ",
                                e + 1,
                                episodes,
                                e + 1 - failed.size(),
                                (System.nanoTime() - begun) * 1e-9 / (e + 1) * (episodes - e - 1)));
                        out.flush();
                    }
                }
            } finally {
                if (driver instanceof TabletopNetwork n) {
                    n.close();
                }
            }
        }
        if (label != null) {
            write(label);
        }
        int done = episodes - failed.size();
        double wall = (System.nanoTime() - begun) * 1e-9;
        if (json) {
            out.println(String.format(
                    Locale.ROOT,
                    "{\"policy\": \"%s\", \"engine\": \"%s\", \"words\": \"%s\", \"episodes\": %d, \"successes\": %d,"
                            + " \"robot_seconds\": %.1f, \"wall_seconds\": %.1f, \"failed_seeds\": %s}",
                    policy.replaceAll("[\"\\\\]", ""),
                    simulator.engine(),
                    words,
                    episodes,
                    done,
                    tenths / 10.0,
                    wall,
                    failed));
        } else {
            out.println(String.format(
                    Locale.ROOT,
                    "%n%s in %s, %s words: %d of %d done, %.1f robot seconds each, %.1f times real time; failed seeds %s",
                    policy,
                    simulator.engine(),
                    words,
                    done,
                    episodes,
                    tenths / 10.0 / episodes,
                    tenths / 10.0 / wall,
                    failed));
        }
        out.flush();
        return 0;
    }

    private Policy policy(RobotDescription robot) throws IOException {
        return switch (policy) {
            case "baseline" -> PickPlacePolicy.teacher(robot, perception, 0.3);
            case "learned" -> seeing(TabletopPolicy.shipped(robot, executor, checkpoints));
            default -> seeing(new TabletopNetwork(robot, executor, checkpoints.open(Path.of(policy)), Config.empty()));
        };
    }

    private TabletopNetwork seeing(TabletopNetwork n) {
        n.sees(perception);
        return n;
    }

    private String said(Draw draw, String task) {
        String[] w = task.split(" ", -1);
        return words == Words.scene
                ? task
                : Phrases.of(draw, w[2] + " " + w[3], w[6] + " " + w[7], !w[3].equals("cube"), words == Words.unseen);
    }

    /** The tenths until it was done, or -1; every situation goes into the lists with what the teacher would do. */
    private int teach(Rollout rollout, World world, Policy driver, Draw draw, String task) {
        RobotDescription robot = world.robot();
        Chain kinematics = new Chain(robot);
        Features features = new Features(robot, kinematics);
        ToolMotion tool = new ToolMotion(robot, kinematics);
        Things table = new Things();
        PickPlacePolicy teacher = PickPlacePolicy.teacher(robot, perception, ASTRAY);
        if (draw.uniform() < 0.5) {
            rollout.elsewhere(draw);
        }
        long number = asked.size();
        asked.add(task);
        boolean learner = draw.uniform() < share;
        int after = 0;
        for (int t = 0; t < TENTHS; t++) {
            if (world.scoring().fulfilled(task) && ++after > 3) {
                return t;
            }
            Observation seen = rollout.observe(task);
            table.look(seen, perception);
            ActionChunk taught = teacher.act(seen);
            hand.add(features.hand(seen.position(), seen.velocity()));
            things.add(features.things(seen.position(), table, seen.timeNanos()));
            motion.add(tool.of(taught, seen.position()));
            episodeOf.add(number);
            if (t % 5 == 4) {
                learner = draw.uniform() < share;
            }
            ActionChunk own = policy.equals("baseline") ? taught : driver.act(seen);
            if (!rollout.disturbed() && draw.uniform() < 0.03) {
                rollout.disturb(draw);
            }
            rollout.follow(learner ? own : taught);
        }
        return -1;
    }

    /** What led nowhere teaches nothing: a teacher that is stuck says so in every frame. */
    private void dropLast() {
        while (!episodeOf.isEmpty() && episodeOf.getLast() == asked.size() - 1) {
            hand.removeLast();
            things.removeLast();
            motion.removeLast();
            episodeOf.removeLast();
        }
    }

    private void write(Path file) throws IOException {
        int n = episodeOf.size();
        Map<String, Tensor> t = new LinkedHashMap<>();
        t.put("hand", rows(hand));
        t.put("things", rows(things));
        t.put("motion", rows(motion));
        Tensor index = Tensor.zeros(DType.INT64, Shape.of(n));
        for (int i = 0; i < n; i++) {
            index.setLong(i, episodeOf.get(i));
        }
        t.put("episode_index", index);
        try {
            checkpoints.write(file, t, Map.of("instructions", String.join("\n", asked)));
        } finally {
            t.values().forEach(Tensor::close);
        }
    }

    private static Tensor rows(List<float[]> rows) {
        int width = rows.getFirst().length;
        float[] all = new float[rows.size() * width];
        for (int i = 0; i < rows.size(); i++) {
            System.arraycopy(rows.get(i), 0, all, i * width, width);
        }
        return Tensor.of(all, rows.size(), width);
    }
}
