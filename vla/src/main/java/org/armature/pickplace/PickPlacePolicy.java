package org.armature.pickplace;

import java.util.Optional;
import org.armature.pickplace.Plan.Stage;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Perception.Detection;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The baseline policy: picks up the thing an instruction names and puts it into the container it names, by inverse
 * kinematics and minimum-jerk motion, from camera images and joint readings alone.
 *
 * <p>It looks at every new frame, keeps a plan while the world agrees with it and makes another when it does not: the
 * thing moved before it was held, the gripper shut on nothing, it was dropped, the arm is not where the plan had it. What
 * to do is inferred from what is seen and measured (is something between the fingers, does the thing lie in its
 * container), never from a step counter, so a fresh instance that takes over in mid-motion goes on from there.
 *
 * <p>Chunks are {@code [40, J]} absolute positions, 20 ms apart. An instruction it does not understand makes it hold
 * still and say why in the log.
 */
@Component(
        property = {
            "armature.id=pick-place",
            "armature.kind=policy",
            "armature.paper=none: inverse kinematics and minimum jerk (Flash and Hogan 1985)",
            "service.ranking:Integer=-10"
        })
public final class PickPlacePolicy implements Policy {
    private static final Logger LOG = LoggerFactory.getLogger(PickPlacePolicy.class);
    private static final int HORIZON = 40;
    private static final long PERIOD = 20_000_000L;
    /** An arm joint this far from its plan, rad, is not following it. */
    private static final double ASTRAY = 0.3;
    /** Openings between these shares of the widest mean that something is held. */
    private static final double HELD_FROM = 0.15;

    private static final double HELD_TO = 0.9;
    private static final double NEAR = 0.05;

    private final RobotDescription robot;
    private final Planner planner;
    private final int gripper;
    private final double astray;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    @SuppressWarnings("NullAway.Init")
    volatile @Nullable Perception perception;

    private long episode = -1;
    private String words = "";
    private Instruction task = new Instruction.Nothing();
    private Sight object = new Sight("");
    private Sight container = new Sight("");
    private @Nullable Plan plan;
    private @Nullable Detection aimedAt;
    private int attempts;
    private int looks;
    private int strayed;

    /** Takes the robot in use; perception comes and goes. */
    @Activate
    public PickPlacePolicy(@Reference RobotDescription robot) {
        this(robot, ASTRAY);
    }

    private PickPlacePolicy(RobotDescription robot, double astray) {
        this.astray = astray;
        this.robot = robot;
        this.planner = new Planner(robot);
        this.gripper = robot.gripper();
    }

    PickPlacePolicy(RobotDescription robot, Perception perception) {
        this(robot);
        this.perception = perception;
    }

    /**
     * One that says at any moment what it would do from here, for teaching others that drive: it plans anew as soon as an
     * arm joint is {@code astray} rad from its plan.
     */
    public static PickPlacePolicy teacher(RobotDescription robot, Perception perception, double astray) {
        PickPlacePolicy p = new PickPlacePolicy(robot, astray);
        p.perception = perception;
        return p;
    }

    /**
     * What the demonstrator is about, for those who learn from it. Joint vectors are {@code [J]}.
     *
     * @param stage what it does now, a name of the stages of a motion
     * @param goal where this stage ends
     * @param grasp where the fingers close, if that is still to come
     * @param place where they open, if that is still to come
     */
    public record Intent(String stage, double[] goal, Optional<double[]> grasp, Optional<double[]> place) {}

    /** What the latest chunk is meant for, at robot time {@code nanos}; empty if nothing is asked that it understands. */
    public Optional<Intent> intent(long nanos) {
        Plan p = plan;
        return p == null || !(task instanceof Instruction.Put)
                ? Optional.empty()
                : Optional.of(new Intent(
                        p.stage(nanos).name(),
                        p.goal(nanos),
                        p.goal(Stage.CLOSE, nanos),
                        p.goal(Stage.RELEASE, nanos)));
    }

    @Override
    public PolicySpec spec() {
        return new PolicySpec(robot.joints().size(), HORIZON, PERIOD, PolicySpec.ActionSpace.ABSOLUTE);
    }

    @Override
    public void reset() {
        episode = -1;
        forget();
        words = "";
        task = new Instruction.Nothing();
    }

    private void forget() {
        plan = null;
        aimedAt = null;
        attempts = 0;
        looks = 0;
        strayed = 0;
    }

    @Override
    public ActionChunk act(Observation seen) {
        if (seen.episode() != episode || !seen.instruction().equals(words)) {
            begin(seen);
        }
        if (task instanceof Instruction.Put) {
            Perception eyes = perception;
            if (eyes != null) {
                object.look(seen, eyes);
                container.look(seen, eyes);
            }
            if (plan == null || !agrees(plan, seen)) {
                plan = decide(seen);
            }
        } else if (plan == null) {
            plan = planner.begin(seen.timeNanos(), seen.position(), seen.velocity());
        }
        return chunk(plan, seen.timeNanos());
    }

    private void begin(Observation seen) {
        forget();
        episode = seen.episode();
        words = seen.instruction();
        task = Instruction.of(words);
        switch (task) {
            case Instruction.Put(String what, String where) -> {
                object = new Sight(what);
                container = new Sight(where);
            }
            case Instruction.Unclear(String sentence) -> LOG.warn(sentence);
            case Instruction.Nothing _ -> {}
        }
    }

    private ActionChunk chunk(Plan p, long nanos) {
        int n = robot.joints().size();
        double[] actions = new double[HORIZON * n];
        for (int k = 0; k < HORIZON; k++) {
            System.arraycopy(p.at(nanos + k * PERIOD), 0, actions, k * n, n);
        }
        return new ActionChunk(nanos, PERIOD, n, actions);
    }

    /** Whether the plan is still right for what is seen and measured. */
    private boolean agrees(Plan p, Observation seen) {
        long t = seen.timeNanos();
        double[] wanted = p.at(t);
        for (int j = 0; j < wanted.length; j++) {
            if (j != gripper && Math.abs(wanted[j] - seen.position()[j]) > astray) {
                plan = null;
                return false;
            }
        }
        Stage stage = p.stage(t);
        Optional<Detection> now = object.now(t);
        return switch (stage) {
            case RAISE, APPROACH, DESCEND -> stillThere(p, seen, stage);
            case CLOSE -> true;
            case LIFT, CARRY, LOWER -> !p.over(t) && stillHeld(seen, now);
            case RELEASE, RETREAT -> true;
            case HOME -> !p.over(t) || now.isEmpty() || inContainer(now.get());
            case LOOK ->
                !p.over(t) && !(object.best().isPresent() && container.best().isPresent());
        };
    }

    /** Before the grasp: the thing is where the plan goes, as far as can be seen. */
    private boolean stillThere(Plan p, Observation seen, Stage stage) {
        Optional<Detection> best = object.best();
        if (aimedAt == null || best.isEmpty()) {
            return true;
        }
        double moved = Sight.apart(best.get().centre(), aimedAt.centre());
        boolean late = stage == Stage.DESCEND || p.stageLeft(seen.timeNanos()) < 0.15;
        return moved < (late ? 0.012 : 0.005);
    }

    /** After the grasp: something keeps the fingers apart, and the thing is not seen lying elsewhere. */
    private boolean stillHeld(Observation seen, Optional<Detection> now) {
        double share = seen.position()[gripper] / robot.limits().upper()[gripper];
        if (share < HELD_FROM) {
            attempts++;
            object.forget();
            return false;
        }
        double[] tool = planner.chain().tool(seen.position()).matrix();
        boolean elsewhere = now.isPresent()
                && now.get().score() > 0.6
                && Math.hypot(
                                Math.hypot(
                                        now.get().centre()[0] - tool[3],
                                        now.get().centre()[1] - tool[7]),
                                now.get().centre()[2] - tool[11])
                        > 2 * NEAR;
        strayed = elsewhere ? strayed + 1 : 0;
        if (strayed > 3) {
            attempts++;
            strayed = 0;
            return false;
        }
        return true;
    }

    /** A new plan from what is seen and measured now. */
    private Plan decide(Observation seen) {
        long t = seen.timeNanos();
        Plan old = plan;
        double[] from = old == null ? seen.position() : old.at(t);
        double[] velocity = old == null ? seen.velocity() : old.velocityAt(t);
        Plan next = planner.begin(t, from, velocity);
        Optional<Detection> thing = object.best();
        Optional<Detection> goal = container.best();
        aimedAt = null;
        if (holding(seen)) {
            from = from.clone();
            velocity = velocity.clone();
            velocity[gripper] = 0;
            if (goal.isPresent()) {
                if (handIn(goal.get(), seen)) {
                    // opens from where the fingers are: what squeezes them together is not worth retracing
                    from[gripper] = seen.position()[gripper];
                    next = planner.begin(t, from, velocity);
                    if (planner.release(next)) {
                        return next;
                    }
                }
                from[gripper] = robot.limits().lower()[gripper];
                next = planner.begin(t, from, velocity);
                if (planner.place(next, goal.get())) {
                    return next;
                }
            }
            from[gripper] = robot.limits().lower()[gripper];
            next = planner.begin(t, from, velocity);
            planner.look(next, looks++, from[gripper]);
            return next;
        }
        double open = robot.limits().upper()[gripper];
        if (thing.isPresent() && inContainer(thing.get())) {
            planner.home(next, Stage.HOME, open);
            return next;
        }
        if (thing.isPresent() && planner.pick(next, thing.get(), attempts)) {
            aimedAt = thing.get();
            Detection there = goal.orElse(null);
            if (there == null || !planner.place(next, there)) {
                planner.home(next, Stage.LIFT, robot.limits().lower()[gripper]);
            }
            return next;
        }
        next = planner.begin(t, from, velocity);
        if (thing.isEmpty() && goal.isPresent() && attempts == 0 && planner.down(seen.position())) {
            // nowhere to be seen while the hand is down: it may well be between the fingers
            planner.close(next);
            if (planner.place(next, goal.get())) {
                return next;
            }
            next = planner.begin(t, from, velocity);
        }
        planner.look(next, looks++, open);
        return next;
    }

    /** Something keeps the resting fingers apart, and the thing asked for is not seen elsewhere. */
    private boolean holding(Observation seen) {
        double share = seen.position()[gripper] / robot.limits().upper()[gripper];
        if (share < HELD_FROM || share > HELD_TO || Math.abs(seen.velocity()[gripper]) > 0.02) {
            return false;
        }
        double[] tool = planner.chain().tool(seen.position()).matrix();
        return object.now(seen.timeNanos())
                .map(d -> Math.hypot(
                                Math.hypot(d.centre()[0] - tool[3], d.centre()[1] - tool[7]), d.centre()[2] - tool[11])
                        < NEAR)
                .orElse(true);
    }

    /** Whether the hand is down in the container, so that opening it lets what it holds fall inside. */
    private boolean handIn(Detection goal, Observation seen) {
        double[] tool = planner.chain().tool(seen.position()).matrix();
        double room = 0.6 * Math.min(goal.halfExtents()[0], goal.halfExtents()[1]);
        return tool[11] < Sight.top(goal) + 0.03 && Sight.apart(new double[] {tool[3], tool[7]}, goal.centre()) < room;
    }

    /** Seen to lie inside the container's outline and not above it. */
    private boolean inContainer(Detection thing) {
        return container
                .best()
                .map(c -> {
                    double half = Math.min(c.halfExtents()[0], c.halfExtents()[1]);
                    return Sight.apart(thing.centre(), c.centre()) < 0.75 * half && Sight.bottom(thing) < Sight.top(c);
                })
                .orElse(false);
    }
}
