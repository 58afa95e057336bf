package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.annotation.Annotation;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.armature.robot.ActionChunk;
import org.armature.robot.CameraFrame;
import org.armature.robot.LoopMonitor.State;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.armature.robot.PolicySpec.ActionSpace;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;
import org.armature.robot.Sensor;
import org.armature.robot.Simulator;
import org.junit.jupiter.api.Test;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceRegistration;

/** Scene after scene in a world of one joint that follows at once, at ten times the speed of the wall. */
class EpisodeTest {
    private final List<Object> registered = Collections.synchronizedList(new ArrayList<>());

    @Test
    void scenesFollowOneAnotherAndTheCommandStaysContinuous() throws Exception {
        Toy toy = new Toy();
        SimulatorDriver driver = new SimulatorDriver(context(), config(Map.of("seed", 7L, "speed", 10.0)), toy);
        LoopClock clock = new LoopClock(10);
        LoopRecord record = new LoopRecord(1000);
        Hub hub = new Hub(record, "");
        Swaps swaps = new Swaps();
        DeckSettings bounds = DeckSettings.standard();
        PerceptionDeck perceptions = new PerceptionDeck(hub, swaps, bounds, offered -> {});
        PolicyDeck deck = new PolicyDeck(hub, clock, record, swaps, bounds, perceptions);
        EpisodeJudge judge = new EpisodeJudge(hub, clock, record, deck, "", 15);
        driver.timedBy(clock);
        driver.connect();
        registered.stream().filter(Sensor.class::isInstance).forEach(s -> hub.add((Sensor) s));
        ActionSchedule schedule = new ActionSchedule(driver.describe(), Blending.RTC, 10, Schedule.Interpolation.CUBIC);
        ControlLoop loop = new ControlLoop(
                driver, driver.describe(), schedule, LoopSettings.standard().at(1000, 10), clock, record, true);
        loop.arm();
        loop.start();
        judge.opened(driver, loop);
        judge.start();
        deck.robot(loop);
        try {
            deck.added(new Module<>("reach", "policy", "1", 0, 1, new Reach()));
            until("three episodes", () -> judge.score().episodes() >= 3);
            var score = judge.score();
            assertEquals(score.episodes(), score.successes());
            assertTrue(judge.score().seed() >= 9, "seed " + judge.score().seed());
            assertTrue(toy.seeds.containsAll(List.of(7L, 8L, 9L)), "scenes of " + toy.seeds);
            assertTrue(toy.worstJump <= 2.0 / 1000 + 1e-9, "the scene was set with the arm at " + toy.worstJump);
            assertTrue(record.stats().maxCommandStep()[0] <= 2.0 / 1000 + 1e-9);
            assertEquals(0, record.stats().faults());
            judge.wording((task, seed) -> task + ", said in the way of " + seed);
            until(
                    "other words",
                    () -> judge.score()
                            .instruction()
                            .endsWith("said in the way of " + judge.score().seed()));
            long done = judge.score().successes();
            until("done as the scene judges its own words", () -> judge.score().successes() > done + 1);
            judge.wording(null);
            hub.instruct("reach the moon");
            long failed = judge.score().episodes() - judge.score().successes();
            until("a failed one", () -> judge.score().episodes() - judge.score().successes() > failed);
            long seed = judge.score().seed();
            judge.skip();
            until("skipped", () -> judge.score().seed() > seed);
            assertNotEquals(State.FAULT, record.state());
        } finally {
            judge.close();
            deck.close();
            perceptions.close();
            assertTrue(loop.leave(3000));
            driver.close();
        }
        assertTrue(toy.closed, "the world is closed");
    }

    private static void until(String what, BooleanSupplier reached) throws InterruptedException {
        long end = System.nanoTime() + 20_000_000_000L;
        while (!reached.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, what + " did not come within 20 s");
            Thread.sleep(5);
        }
    }

    /** Goes to 0.5. */
    private static final class Reach implements Policy {
        @Override
        public PolicySpec spec() {
            return new PolicySpec(1, 50, 20_000_000, ActionSpace.ABSOLUTE);
        }

        @Override
        public ActionChunk act(Observation o) {
            double[] a = new double[50];
            double goal = o.instruction().startsWith("reach 0.5") ? 0.5 : 0;
            for (int k = 0; k < 50; k++) {
                a[k] = o.position()[0] + (goal - o.position()[0]) * k / 49;
            }
            return new ActionChunk(o.timeNanos(), 20_000_000, 1, a);
        }
    }

    private static final class Toy implements Simulator, Simulator.World, Simulator.Scoring {
        final List<Long> seeds = Collections.synchronizedList(new ArrayList<>());
        private volatile double q;
        private double last;
        private volatile boolean checked;
        volatile double worstJump;
        volatile boolean closed;

        @Override
        public String engine() {
            return "toy";
        }

        @Override
        public Simulator.World open(long seed, long stepNanos) {
            return this;
        }

        @Override
        public RobotDescription robot() {
            return new FakeDriver(1, 0, 0, 1).describe();
        }

        @Override
        public List<String> cameras() {
            return List.of("front");
        }

        @Override
        public void reset(long seed) {
            if (checked) {
                worstJump = Math.max(worstJump, Math.abs(q));
            }
            checked = true;
            seeds.add(seed);
            q = 0;
        }

        @Override
        public void step(double[] command) {
            q = command[0];
        }

        @Override
        public void joints(double[] position, double[] velocity) {
            position[0] = q;
            velocity[0] = (q - last) * 1000;
            last = q;
        }

        @Override
        public long steps() {
            return 0;
        }

        @Override
        public CameraFrame render(String camera, int width, int height, long timeNanos) {
            return new CameraFrame(
                    camera, timeNanos, width, height, new byte[3 * width * height], null, null, Pose.identity());
        }

        @Override
        public Scoring scoring() {
            return this;
        }

        @Override
        public String instruction() {
            return "reach 0.5";
        }

        @Override
        public boolean fulfilled(String instruction) {
            if (!instruction.equals("reach 0.5")) {
                throw new IllegalArgumentException("this scene has no " + instruction);
            }
            return Math.abs(q - 0.5) < 0.01;
        }

        @Override
        public List<Body> bodies() {
            return List.of();
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    private BundleContext context() {
        return (BundleContext) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {BundleContext.class}, (proxy, method, args) -> {
                    if (!method.getName().equals("registerService")) {
                        throw new UnsupportedOperationException(method.toString());
                    }
                    registered.add(args[1]);
                    return Proxy.newProxyInstance(
                            getClass().getClassLoader(), new Class<?>[] {ServiceRegistration.class}, (p, m, a) -> null);
                });
    }

    /** The defaults of the annotation, but for these. */
    static ControlConfig config(Map<String, Object> but) {
        return (ControlConfig) Proxy.newProxyInstance(
                EpisodeTest.class.getClassLoader(),
                new Class<?>[] {ControlConfig.class, Annotation.class},
                (proxy, method, args) -> but.getOrDefault(method.getName(), method.getDefaultValue()));
    }
}
