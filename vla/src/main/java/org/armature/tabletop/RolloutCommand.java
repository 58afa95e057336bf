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
import java.util.stream.Collectors;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
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
    /** Tenths that are recorded once it is done. */
    private static final int AFTERWARDS = 6;
    /** Tenths between two looks of the teacher. */
    private static final int GLANCE = 2;
    /** Pushes a tenth. */
    private static final double PUSHES = 0.02;

    private final Simulator best;
    private final List<Simulator> simulators;
    private final Perception perception;
    private final Executor executor;
    private final CheckpointFormat checkpoints;

    @Parameters(
            paramLabel = "POLICY",
            description =
                    "baseline, learned (the shipped one), or a folder with the runs eyes, grip and hand of training/tabletop-*.json")
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

    @Option(
            names = "--pictures",
            paramLabel = "N",
            description = "with --label: keep what the cameras saw in every Nth frame; 0: never (${DEFAULT-VALUE})")
    int pictures = 4;

    @Option(
            names = "--glances",
            paramLabel = "N",
            description = "with --label: instead of playing, look at each scene from N postures (${DEFAULT-VALUE})")
    int glances = 0;

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
        Recording recording;
        try (World world = simulator.open(seed, 1_000_000)) {
            RobotDescription robot = world.robot();
            recording = new Recording(robot);
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
                            : glances > 0
                                    ? glance(rollout, world, draw, task, recording)
                                    : teach(rollout, world, driver, draw, task, recording);
                    tenths += took < 0 ? TENTHS : took;
                    if (took < 0) {
                        failed.add(seed + e);
                        recording.dropLast();
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
            recording.write(label, checkpoints);
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
            case "learned" -> TabletopPolicy.shipped(robot, executor, checkpoints);
            default ->
                new TabletopNetwork(
                        robot, executor, new Eyes(robot, executor, trained("eyes"), trained("grip")), trained("hand"));
        };
    }

    private org.armature.model.Parameters trained(String run) throws IOException {
        return checkpoints.open(Path.of(policy, run, "model.safetensors"));
    }

    private String said(Draw draw, String task) {
        return words == Words.scene ? task : Phrases.again(draw, task, words == Words.unseen);
    }

    /** The tenths until it was done, or -1; every situation is recorded with what the teacher would do. */
    private int teach(Rollout rollout, World world, Policy driver, Draw draw, String task, Recording recording) {
        PickPlacePolicy teacher = PickPlacePolicy.teacher(world.robot(), perception, ASTRAY);
        List<String> others = Phrases.tasks(world.scoring());
        if (draw.uniform() < 0.5) {
            rollout.elsewhere(draw);
        }
        recording.begin(task);
        boolean learner = draw.uniform() < share;
        int after = 0;
        for (int t = 0; t < TENTHS; t++) {
            if (world.scoring().fulfilled(task) && ++after > AFTERWARDS) {
                return t;
            }
            Observation seen = rollout.observe(task, GLANCE);
            ActionChunk taught = teacher.act(seen);
            recording.frame(seen, teacher.intent(seen.timeNanos()).orElse(null));
            if (pictures > 0 && t % pictures == 0) {
                picture(recording, world, seen, others, draw);
            }
            if (t % 5 == 4) {
                learner = draw.uniform() < share;
            }
            ActionChunk own = policy.equals("baseline") ? taught : driver.act(seen);
            if (!rollout.disturbed() && draw.uniform() < PUSHES) {
                rollout.disturb(draw);
            }
            rollout.follow(learner ? own : taught);
        }
        return -1;
    }

    /** Looks at a scene from a few postures. */
    private int glance(Rollout rollout, World world, Draw draw, String task, Recording recording) {
        List<String> others = Phrases.tasks(world.scoring());
        recording.begin(task);
        for (int k = 0; k < glances; k++) {
            if (k > 0) {
                rollout.elsewhere(draw);
            }
            Observation seen = rollout.observe(task);
            PickPlacePolicy teacher = PickPlacePolicy.teacher(world.robot(), perception, ASTRAY);
            teacher.act(seen);
            recording.frame(seen, teacher.intent(seen.timeNanos()).orElse(null));
            picture(recording, world, seen, others, draw);
        }
        return 0;
    }

    /** What is seen now, and what the teacher would make of other words: one task for each object. */
    private void picture(Recording recording, World world, Observation seen, List<String> tasks, Draw draw) {
        recording.picture(seen);
        Map<String, List<String>> byObject = tasks.stream()
                .collect(Collectors.groupingBy(
                        t -> t.substring(0, t.indexOf(" in ")), LinkedHashMap::new, Collectors.toList()));
        for (List<String> some : byObject.values()) {
            String words = some.get((int) draw.below(some.size()));
            if (!words.equals(seen.instruction())) {
                PickPlacePolicy teacher = PickPlacePolicy.teacher(world.robot(), perception, ASTRAY);
                teacher.act(new Observation(
                        seen.timeNanos(), seen.position(), seen.velocity(), seen.cameras(), words, seen.episode()));
                teacher.intent(seen.timeNanos()).ifPresent(i -> recording.aside(words, i));
            }
        }
    }
}
