package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.armature.robot.ActionChunk;
import org.armature.robot.CameraFrame;
import org.armature.robot.LoopMonitor.State;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.armature.robot.PolicySpec.ActionSpace;
import org.armature.robot.Replacement.Outcome;
import org.armature.robot.Replacement.Swap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Policies come and go beside a running loop at 1 kHz. */
class PolicyDeckTest {
    static final int J = 8;

    private final FakeDriver driver = new FakeDriver(J, 1, 0, 1);
    private final LoopClock clock = new LoopClock(1);
    private final LoopRecord record = new LoopRecord(1000);
    private final Hub hub = new Hub(record, "wave");
    private final Swaps swaps = new Swaps();
    private final DeckSettings bounds = new DeckSettings(400, 300, 64 << 20, 500, 0.5, 50, false);
    private final PerceptionDeck perceptions = new PerceptionDeck(hub, swaps, bounds, offered -> {});
    private final PolicyDeck deck = new PolicyDeck(hub, clock, record, swaps, bounds, perceptions);
    private final Watchdog watchdog = new Watchdog(() -> this.loop, deck, 3000);
    private ControlLoop loop;
    private long order;

    @BeforeEach
    void running() {
        WarmUp.started().join();
        driver.connect();
        ActionSchedule schedule = new ActionSchedule(driver.describe(), Blending.RTC, 10, Schedule.Interpolation.CUBIC);
        loop = new ControlLoop(driver, driver.describe(), schedule, LoopSettings.standard(), clock, record, true);
        loop.arm();
        loop.start();
        watchdog.start();
        deck.robot(loop);
    }

    @AfterEach
    void leaves() {
        watchdog.close();
        deck.close();
        perceptions.close();
        assertTrue(loop.leave(2000));
    }

    @Test
    void theFirstPolicyDrivesAndABetterOneTakesOver() {
        add("first", 0, new Wave());
        until("running", () -> record.state() == State.RUNNING);
        add("second", 5, new Wave());
        until("second drives", () -> outcomes().size() == 2);
        assertEquals("second", deck.driving());
        assertEquals(List.of(Outcome.CUT_OVER, Outcome.CUT_OVER), outcomes());
        assertTrue(swaps.history().getLast().reason().contains("takes over from first"));
    }

    @Test
    void aLowerRankingOneStandsBy() throws InterruptedException {
        add("first", 5, new Wave());
        until("running", () -> deck.driving().equals("first"));
        add("second", 0, new Wave());
        Thread.sleep(50);
        assertEquals("first", deck.driving());
    }

    @Test
    void misfitsAreRefusedWithTheReasonAndTheOldOneGoesOn() {
        add("good", 0, new Wave());
        until("running", () -> record.state() == State.RUNNING);
        refused(
                "throws",
                o -> {
                    throw new IllegalStateException("no weights");
                },
                "no weights");
        refused(
                "dies",
                o -> {
                    throw new StackOverflowError();
                },
                "StackOverflowError");
        refused("nan", o -> with(o, 3, Double.NaN), "action 0 of joint joint4 is NaN");
        refused("far", o -> with(o, 2, 17), "joint3 is 17.0, outside its limits -3.0 to 3.0");
        refused("jumps", o -> jumping(o), "asks for a speed of");
        refused("null", o -> null, "answered null");
        refused("narrow", o -> new ActionChunk(o.timeNanos(), 20_000_000, 2, new double[20]), "for 2 joints");
        refused("hangs", o -> hang(), "did not answer within 400 ms");
        refused("hoards", o -> hoard(), "MiB without an answer");
        assertEquals("good", deck.driving());
        assertEquals(State.RUNNING, record.state());
    }

    @Test
    void tenTimesSlowerIsRefused() {
        add("quick", 0, new Wave());
        until("running", () -> record.state() == State.RUNNING);
        refused("slow", o -> sleepThen(60, new Wave().act(o)), "more than 10 times");
    }

    /** What starts beside it makes a policy slow for a while. */
    @Test
    void whoWasOnlySlowIsTriedAgain() {
        add("quick", 0, new Wave());
        until("running", () -> record.state() == State.RUNNING);
        int[] calls = new int[1];
        add("cold", 10, new Made(o -> ++calls[0] <= 3 ? sleepThen(60, new Wave().act(o)) : new Wave().act(o)));
        until("driving", () -> deck.driving().equals("cold"));
        assertTrue(outcomes().contains(Outcome.REFUSED));
    }

    @Test
    void onePolicyThatTurnsBadIsRolledBackToTheOneBefore() {
        add("good", 0, new Wave());
        until("running", () -> record.state() == State.RUNNING);
        int[] calls = new int[1];
        add("turns", 1, new Made(o -> ++calls[0] > 5 ? with(o, 1, Double.NaN) : new Wave().act(o)));
        until("rolled back", () -> outcomes().contains(Outcome.ROLLED_BACK));
        Swap last = swaps.history().getLast();
        assertEquals("turns", last.id());
        assertTrue(last.reason().contains("joint2 is NaN") && last.reason().contains("good"), last.reason());
        assertEquals("good", deck.driving());
    }

    @Test
    void anEndlessLoopAfterTheCutOverIsRolledBackAndTheEmergencyStopWorksMeanwhile() {
        int[] calls = new int[1];
        add("loops", 1, new Made(o -> ++calls[0] > 4 ? hang() : new Wave().act(o)));
        until("hanging", () -> calls[0] > 4);
        long tick = record.stats().ticks();
        loop.emergencyStop("test");
        until("stopped", () -> record.state() == State.ESTOP);
        assertTrue(record.stats().ticks() > tick);
        loop.arm();
        until("rolled back", () -> outcomes().contains(Outcome.ROLLED_BACK));
        assertTrue(swaps.history().getLast().reason().contains("the robot holds"));
        until("holding", () -> record.state() != State.RUNNING);
        add("good", 0, new Wave());
        until("goes on", () -> record.state() == State.RUNNING);
    }

    @Test
    void theOnlyPolicyIsTriedAgainAfterItWasLate() {
        int[] calls = {0};
        add("slow once", 0, new Made(o -> ++calls[0] == 4 ? hang() : new Wave().act(o)));
        until("late", () -> outcomes().contains(Outcome.ROLLED_BACK));
        until("holding", () -> record.state() != State.RUNNING);
        until("back", () -> deck.driving().equals("slow once"));
        until("running", () -> record.state() == State.RUNNING);
        assertTrue(
                swaps.history().get(1).reason().contains("tried again in 1 s"),
                swaps.history().toString());
    }

    @Test
    void withoutAPolicyTheRobotHoldsAndTheNextOneGoesOn() {
        Policy only = new Wave();
        add("only", 0, only);
        until("running", () -> record.state() == State.RUNNING);
        deck.removed(only);
        until("holding", () -> record.state() == State.HOLDING);
        add("next", 0, new Wave());
        until("goes on", () -> record.state() == State.RUNNING);
    }

    @Test
    void afterTheOnlyPolicyLeftNoneIsTooSlow() {
        Policy only = new Wave();
        add("only", 0, only);
        until("running", () -> record.state() == State.RUNNING);
        deck.removed(only);
        until("holding", () -> record.state() == State.HOLDING);
        add("slow", 0, new Made(o -> sleepThen(60, new Wave().act(o))));
        until("goes on", () -> record.state() == State.RUNNING);
        assertEquals(List.of(Outcome.CUT_OVER, Outcome.CUT_OVER), outcomes());
    }

    @Test
    void theOnlyPerceptionModuleIsTriedAgainAfterItWasLate() throws Exception {
        CameraFrame frame = new CameraFrame("front", 0, 1, 1, new byte[3], null, null, null);
        int[] calls = new int[1];
        Perception slowOnce = (f, words) -> {
            if (++calls[0] == 5) {
                hang();
            }
            return List.of();
        };
        perceptions.added(new Module<>("eye", "perception", "1.0.0", 0, 1, slowOnce));
        perceptions.settle();
        add("looks", 0, new Made(o -> {
            if (!perceptions.seeing().isEmpty()) {
                perceptions.detect(frame, "red cube");
            }
            return new Wave().act(o);
        }));
        until("rolled back", () -> outcomes().contains(Outcome.ROLLED_BACK));
        assertTrue(
                swaps.history().getLast().reason().contains("tried again in 1 s"),
                swaps.history().toString());
        until("back", () -> perceptions.seeing().equals("eye"));
        until("told", () -> swaps.history().getLast().outcome() == Outcome.CUT_OVER);
        int before = calls[0];
        until("asked again", () -> calls[0] > before + 2);
    }

    @Test
    void aPerceptionModuleThatHangsIsReplacedAndThePolicyGoesOn() throws Exception {
        CameraFrame frame = new CameraFrame("front", 0, 1, 1, new byte[3], null, null, null);
        perceptions.added(new Module<>("old", "perception", "1.0.0", 0, 1, (f, words) -> List.of()));
        perceptions.settle();
        int[] calls = new int[1];
        Perception hangs = (f, words) -> {
            if (++calls[0] > 5) {
                hang();
            }
            return List.of();
        };
        perceptions.added(new Module<>("new", "perception", "2.0.0", 1, 2, hangs));
        perceptions.settle();
        add("looks", 0, new Made(o -> {
            perceptions.detect(frame, "red cube");
            return new Wave().act(o);
        }));
        until("rolled back", () -> outcomes().contains(Outcome.ROLLED_BACK));
        Swap s = swaps.history().getLast();
        assertEquals("new", s.id());
        assertTrue(s.reason().contains("perception old 1.0.0 is back"), s.reason());
        long chunks = record.stats().chunks();
        until("goes on", () -> record.stats().chunks() > chunks + 2);
        assertEquals("looks", deck.driving());
    }

    @Test
    void aPerceptionModuleThatThrowsIsReplacedWithinTheSameCall() throws Exception {
        CameraFrame frame = new CameraFrame("front", 0, 1, 1, new byte[3], null, null, null);
        perceptions.added(new Module<>("old", "perception", "1.0.0", 0, 1, (f, words) -> List.of()));
        perceptions.settle();
        perceptions.added(new Module<>("new", "perception", "2.0.0", 1, 2, (f, words) -> {
            throw new IllegalStateException("no lens");
        }));
        perceptions.settle();
        assertEquals(List.of(), perceptions.detect(frame, "red cube"));
        assertTrue(swaps.history().getLast().reason().contains("no lens"));
    }

    @Test
    void aHundredSwapsKeepTheCommandContinuousAndNoClassBehind() throws Exception {
        List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
        Policy old = null;
        long classes = 0;
        for (int i = 0; i < 100; i++) {
            Policy next = strange(loaders);
            String id = "p" + i;
            add(id, 0, next);
            until(id, () -> deck.driving().equals(id));
            if (old != null) {
                deck.removed(old);
            }
            old = next;
            if (i == 20) {
                classes = settledClasses();
            }
        }
        double bound = 2.0 / 1000 + 1e-9;
        for (double step : record.stats().maxCommandStep()) {
            assertTrue(step <= bound, "greatest step " + step);
        }
        assertEquals(100, outcomes().size());
        next(old);
        old = null;
        long later = settledClasses();
        assertTrue(later - classes < 30, classes + " classes became " + later);
        long kept = loaders.stream().filter(l -> l.get() != null).count();
        assertTrue(kept <= 2, kept + " of 100 class loaders are still held");
    }

    private void next(Policy last) {
        deck.removed(last);
    }

    private static long settledClasses() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(20);
        }
        return ManagementFactory.getClassLoadingMXBean().getLoadedClassCount();
    }

    /** A policy of a class of a loader of its own, as a bundle's would be. */
    private static Policy strange(List<WeakReference<ClassLoader>> loaders) throws Exception {
        ClassLoader loader = new ClassLoader(PolicyDeckTest.class.getClassLoader()) {
            @Override
            protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
                if (!name.equals(Wave.class.getName())) {
                    return super.loadClass(name, resolve);
                }
                Class<?> loaded = findLoadedClass(name);
                if (loaded != null) {
                    return loaded;
                }
                try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
                    byte[] bytes = in.readAllBytes();
                    return defineClass(name, bytes, 0, bytes.length);
                } catch (IOException e) {
                    throw new ClassNotFoundException(name, e);
                }
            }
        };
        loaders.add(new WeakReference<>(loader));
        var constructor = loader.loadClass(Wave.class.getName()).getDeclaredConstructor();
        constructor.setAccessible(true);
        return (Policy) constructor.newInstance();
    }

    private void refused(String id, Function<Observation, ActionChunk> act, String words) {
        Policy p = new Made(act);
        add(id, 10, p);
        until(
                id + " refused",
                () -> swaps.history().stream().anyMatch(swap -> swap.id().equals(id)));
        Swap s = swaps.history().getLast();
        assertEquals(Outcome.REFUSED, s.outcome(), s.reason());
        assertTrue(s.reason().contains(words), s.reason());
        deck.removed(p);
    }

    private void add(String id, int ranking, Policy policy) {
        deck.added(new Module<>(id, "policy", "1.0.0", ranking, order++, policy));
    }

    private List<Outcome> outcomes() {
        return swaps.history().stream().map(Swap::outcome).toList();
    }

    private static void until(String what, BooleanSupplier reached) {
        long end = System.nanoTime() + 10_000_000_000L;
        while (!reached.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError(what + " did not come within 10 s");
            }
            Thread.onSpinWait();
            java.util.concurrent.locks.LockSupport.parkNanos(500_000);
        }
    }

    private static ActionChunk with(Observation o, int joint, double x) {
        double[] a = new double[10 * J];
        a[joint] = x;
        return new ActionChunk(o.timeNanos(), 20_000_000, J, a);
    }

    private static ActionChunk jumping(Observation o) {
        double[] a = new double[10 * J];
        a[5 * J] = 2;
        return new ActionChunk(o.timeNanos(), 20_000_000, J, a);
    }

    private static ActionChunk hang() {
        while (true) {
            java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
            Thread.interrupted();
        }
    }

    private static ActionChunk hoard() {
        List<byte[]> all = new ArrayList<>();
        while (!Thread.currentThread().isInterrupted()) {
            all.add(new byte[1 << 20]);
            if (all.size() > 32) {
                all.clear();
            }
        }
        return null;
    }

    private static ActionChunk sleepThen(long millis, ActionChunk chunk) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return chunk;
    }

    /** A slow wave of every joint but the gripper. */
    static class Wave implements Policy {
        @Override
        public PolicySpec spec() {
            return new PolicySpec(J, 25, 20_000_000, ActionSpace.ABSOLUTE);
        }

        @Override
        public ActionChunk act(Observation o) {
            double[] a = new double[25 * J];
            for (int k = 0; k < 25; k++) {
                for (int j = 0; j < J - 1; j++) {
                    a[k * J + j] = 0.4 * Math.sin(2e-9 * (o.timeNanos() + k * 20_000_000L) + j);
                }
            }
            return new ActionChunk(o.timeNanos(), 20_000_000, J, a);
        }
    }

    private static final class Made extends Wave {
        private final Function<Observation, ActionChunk> act;

        Made(Function<Observation, ActionChunk> act) {
            this.act = act;
        }

        @Override
        public ActionChunk act(Observation o) {
            return act.apply(o);
        }
    }
}
