package org.armature.tabletop;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.armature.pickplace.Chain;
import org.armature.pickplace.PickPlacePolicy;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Simulator.Body;
import org.armature.robot.Simulator.World;
import org.armature.train.Draw;

/**
 * Looks at scene after scene from a few postures, and says where the demonstrator would take hold and let go there: what a
 * policy learns that acts in key poses. The same seed gives the same looks.
 */
final class Glances {
    /** Instructions a scene; scenes that allow fewer within the range are passed over. */
    static final int ERRANDS = 2;
    /** The demonstrator plans once, from home. */
    private static final double ASTRAY = 0.3;
    /** A thing that the arm moved so far, metres, is not where the demonstrator saw it. */
    private static final double MOVED = 2e-3;
    /** Least and greatest height above where the thing is held, metres. */
    static final double LOW = 0.03;

    private static final double HIGH = 0.3;

    /** Takes looks as they come. */
    @FunctionalInterface
    interface Sink {
        /**
         * One look.
         *
         * @param asked {@link #ERRANDS} instructions
         * @param targets of each, {@code [6]}: where to take hold and to let go, metres in the robot's base frame
         */
        void look(int index, Observation seen, List<Errand> asked, List<float[]> targets) throws IOException;
    }

    private final World world;
    private final Perception perception;
    private final Chain chain;
    private final Rollout rollout;

    Glances(World world, Perception perception) {
        this.world = world;
        this.perception = perception;
        chain = new Chain(world.robot());
        rollout = new Rollout(world);
    }

    /** Takes {@code count} looks at scenes from {@code seed} on. */
    void take(long seed, int count, Sink sink) throws IOException {
        int taken = 0;
        for (long scene = seed; taken < count; scene++) {
            taken += scene(scene, taken, count, sink);
        }
    }

    private int scene(long seed, int first, int count, Sink sink) throws IOException {
        Draw draw = Draw.of(seed, "glances");
        rollout.begin(seed);
        List<Body> before = world.bodies();
        List<Errand> possible = new ArrayList<>(Errand.of(before).stream()
                .filter(e -> e.range() == Errand.Range.INSIDE)
                .toList());
        List<Errand> asked = new ArrayList<>();
        List<float[]> targets = new ArrayList<>();
        while (asked.size() < ERRANDS && !possible.isEmpty()) {
            Errand e = possible.remove((int) draw.below(possible.size()));
            demonstrated(rollout.observe(e.words())).ifPresent(t -> {
                asked.add(e);
                targets.add(t);
            });
        }
        if (asked.size() < ERRANDS) {
            return 0;
        }
        int n = 0;
        for (int posture = 0; posture < ERRANDS + 2 && first + n < count; posture++) {
            if (posture == 1) {
                rollout.elsewhere(draw);
            } else if (posture > 1 && !rollout.to(above(targets.get(posture - 2), draw))) {
                continue;
            }
            if (moved(before)) {
                break;
            }
            sink.look(first + n++, rollout.observe(""), asked, targets);
        }
        return n;
    }

    /** Where the demonstrator would close and open the fingers; empty if it does not see how. */
    Optional<float[]> demonstrated(Observation seen) {
        PickPlacePolicy teacher = PickPlacePolicy.teacher(world.robot(), perception, ASTRAY);
        teacher.act(seen);
        return teacher.intent(seen.timeNanos())
                .filter(i -> i.grasp().isPresent() && i.place().isPresent())
                .map(i -> {
                    float[] t = new float[6];
                    for (int k = 0; k < 6; k++) {
                        double[] q = (k < 3 ? i.grasp() : i.place()).orElseThrow();
                        t[k] = (float) chain.tool(q).matrix()[4 * (k % 3) + 3];
                    }
                    return t;
                });
    }

    /** The hand on its way to {@code target}: the lower the nearer. */
    private static Goal above(float[] target, Draw draw) {
        double height = LOW + (HIGH - LOW) * draw.uniform() * draw.uniform();
        double aside = 0.01 + 0.2 * height;
        return new Goal(
                target[0] + aside * draw.normal(),
                target[1] + aside * draw.normal(),
                target[2] + height,
                -Math.PI / 2 + (draw.uniform() - 0.5),
                1);
    }

    private boolean moved(List<Body> before) {
        List<Body> now = world.bodies();
        for (int i = 0; i < now.size(); i++) {
            double[] a = before.get(i).pose().matrix();
            double[] b = now.get(i).pose().matrix();
            boolean thing = now.get(i).name().matches("\\w+ (cube|cylinder|ball|bowl|tray)(/0)?");
            if (thing && Math.hypot(Math.hypot(a[3] - b[3], a[7] - b[7]), a[11] - b[11]) > MOVED) {
                return true;
            }
        }
        return false;
    }
}
