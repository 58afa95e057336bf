package org.armature.control;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.armature.robot.LoopMonitor.State;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDriver;
import org.jspecify.annotations.Nullable;

/**
 * One robot's loop on its own platform thread: wait, read, decide, filter, write, record. In a tick there is no lock, no
 * allocation, no logging and no class of a bundle that may go, but for the driver's interface; whatever others want of it
 * they leave in a volatile field.
 */
final class ControlLoop implements Runnable {
    private static final long TRACKING_PATIENCE = 250_000_000L;
    private static final double AT_HOME = 1e-3;

    private final RobotDescription robot;
    private final RobotDriver driver;
    private final ActionSchedule schedule;
    private final LoopSettings settings;
    private final LoopClock clock;
    private final LoopRecord record;
    private final LimitFilter filter;
    private final boolean ownClock;
    /** A simulated world waits for its loop: ticks that are skipped never happened in robot time. */
    private final boolean simulated;

    private final int joints;
    private final long period;
    private final long wallPeriod;
    private final double[] position;
    private final double[] velocity;
    private final double[] command;
    private final double[] target;
    private final double[] home;

    private volatile @Nullable String emergency;
    private volatile @Nullable String fault;
    private volatile boolean armWanted;
    private volatile boolean disarmWanted;
    private volatile boolean leaveWanted;
    private volatile boolean noPolicy = true;
    private volatile boolean homing;
    private volatile boolean atHome;
    private volatile long heartbeat = System.nanoTime();
    private volatile List<String> notes = List.of();
    private final CountDownLatch ended = new CountDownLatch(1);
    private @Nullable Thread thread;

    private State state;
    private long now;
    private boolean measured;
    private long stateAge;
    private long trackingAge;
    private long staleAge;
    private boolean frozen;
    private Realtime.@Nullable Sleeper sleeper;

    ControlLoop(
            RobotDriver driver,
            RobotDescription robot,
            ActionSchedule schedule,
            LoopSettings settings,
            LoopClock clock,
            LoopRecord record,
            boolean simulated) {
        this.robot = robot;
        this.driver = driver;
        this.schedule = schedule;
        this.settings = settings;
        this.clock = clock;
        this.record = record;
        this.simulated = simulated;
        filter = new LimitFilter(
                settings.stricter(robot.limits()), settings.tracking(), Workspace.of(robot, settings.workspace()));
        ownClock = driver.clock() == RobotDriver.Clock.OWN;
        joints = robot.joints().size();
        period = settings.periodNanos();
        wallPeriod = Math.round(period / settings.speed());
        position = new double[joints];
        velocity = new double[joints];
        command = new double[joints];
        target = new double[joints];
        home = robot.home().clone();
        now = clock.nanos();
        // A new driver does not lift what a person must lift.
        state = record.state() == State.ESTOP || record.state() == State.FAULT ? record.state() : State.IDLE;
        record.attach(joints);
    }

    void start() {
        Thread t = new Thread(this, "rt-" + robot.name());
        t.setDaemon(true);
        t.setPriority(Thread.MAX_PRIORITY);
        thread = t;
        record.state(state, state == State.IDLE ? "not armed" : record.reason());
        t.start();
    }

    RobotDescription robot() {
        return robot;
    }

    ActionSchedule schedule() {
        return schedule;
    }

    // ---- what other threads may ask; none of it waits for the loop ----

    /** Held within one tick. */
    void emergencyStop(String why) {
        emergency = why;
    }

    /** A watchdog's finding. */
    void fault(String why) {
        fault = why;
    }

    void arm() {
        disarmWanted = false;
        armWanted = true;
    }

    void disarm() {
        armWanted = false;
        disarmWanted = true;
    }

    /** Whether anyone will send chunks: without, the end of the schedule is HOLDING at once. */
    void policyPresent(boolean present) {
        noPolicy = !present;
    }

    /** Lets the robot go home within its limits, deaf to the schedule, until it is called off. */
    void homing(boolean wanted) {
        atHome = false;
        homing = wanted;
    }

    /** Standing at home since homing was asked for. */
    boolean atHome() {
        return atHome;
    }

    /** {@link System#nanoTime()} of the last tick. */
    long heartbeat() {
        return heartbeat;
    }

    boolean alive() {
        return ended.getCount() > 0;
    }

    /** Sentences to log that the loop itself must not; empties the list. */
    List<String> notes() {
        List<String> n = notes;
        notes = List.of();
        return n;
    }

    /**
     * Decelerates, holds, and ends the thread.
     *
     * @return whether it ended within the time
     */
    boolean leave(long timeoutMillis) {
        leaveWanted = true;
        Thread t = thread;
        if (t == null) {
            return true;
        }
        try {
            return ended.await(timeoutMillis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    // ---- the loop's thread ----

    @Override
    public void run() {
        try {
            notes = Realtime.setUp(
                    settings.speed() > 1 ? 0 : settings.fifoPriority(), settings.affinity(), settings.lockMemory());
            if (settings.waiting() == LoopSettings.Wait.NANOSLEEP && Realtime.canSleep()) {
                sleeper = new Realtime.Sleeper();
            }
            long deadline = System.nanoTime() + wallPeriod;
            while (!(leaveWanted && settled())) {
                long late = 0;
                if (ownClock) {
                    await(deadline);
                    late = System.nanoTime() - deadline;
                }
                long skipped = late > wallPeriod ? late / wallPeriod : 0;
                advance(skipped);
                tick(Math.max(0, late), skipped);
                deadline = next(deadline, skipped);
            }
        } catch (Throwable t) {
            record.state(State.FAULT, "the loop ended: " + t);
        } finally {
            if (record.state() != State.FAULT && record.state() != State.ESTOP) {
                record.state(State.DISCONNECTED, "the driver of " + robot.name() + " has left");
            }
            ended.countDown();
        }
    }

    /** A thousandfold of ticks at full speed, so that they are compiled before one counts. */
    void warmUp(int ticks) {
        long deadline = System.nanoTime();
        for (int i = 0; i < ticks; i++) {
            await(deadline);
            long late = Math.floorMod(i, 3) == 0 ? i : 0;
            advance(0);
            tick(late, late > 1 ? 1 : 0);
            deadline = Math.min(System.nanoTime(), next(deadline, 0));
        }
    }

    private boolean settled() {
        return filter.standing() || driver.status() == RobotDriver.Status.DISCONNECTED;
    }

    private long next(long deadline, long skipped) {
        return switch (settings.overrun()) {
            case REALIGN -> deadline + (1 + skipped) * wallPeriod;
            case CATCH_UP -> deadline + wallPeriod;
            case REPORT_ONLY -> (skipped > 0 ? System.nanoTime() : deadline) + wallPeriod;
        };
    }

    private void await(long deadline) {
        Realtime.Sleeper s = sleeper;
        if (s != null) {
            s.until(deadline);
            return;
        }
        long left;
        while ((left = deadline - System.nanoTime()) > 0) {
            LockSupport.parkNanos(left);
        }
    }

    private void advance(long skipped) {
        now += period * (1 + (simulated || settings.overrun() == LoopSettings.Overrun.CATCH_UP ? 0 : skipped));
    }

    /** One tick, {@code late} nanoseconds after its deadline; tests call it on their own thread. */
    void step(long late) {
        advance(0);
        tick(late, 0);
    }

    private void tick(long late, long skipped) {
        long was = heartbeat;
        long at = driver.read(position, velocity);
        if (at >= 0) {
            stateAge = 0;
            if (!measured) {
                measured = true;
                System.arraycopy(position, 0, command, 0, joints);
                filter.reset(command);
            }
        } else {
            stateAge += period;
        }
        heartbeat = System.nanoTime();
        if (!ownClock) {
            // The robot's packets are the ticks: robot time follows the wall, lateness is what a packet came too late.
            long gap = heartbeat - was;
            now += Math.max(0, gap - period);
            late = Math.max(0, gap - wallPeriod);
            skipped = late > wallPeriod ? late / wallPeriod : 0;
        }
        clock.set(now);
        if (!measured) {
            record.ticked(late, 0, false);
            return;
        }
        supervise();
        Schedule followed = following() && !homing ? schedule.current() : null;
        int flags;
        if (state == State.ESTOP && settings.emergencyFreeze()) {
            if (!frozen) {
                filter.freeze();
                frozen = true;
            }
            System.arraycopy(command, 0, target, 0, joints);
            flags = 0;
        } else if (followed == null && homing && following()) {
            System.arraycopy(home, 0, target, 0, joints);
            flags = filter.filter(target, position, period);
        } else if (followed == null) {
            flags = filter.stop(target, period);
        } else {
            followed.sample(now, target);
            flags = filter.filter(target, position, period);
        }
        double off = 0;
        for (int j = 0; j < joints; j++) {
            record.stepped(j, Math.abs(target[j] - command[j]));
            command[j] = target[j];
            off = Math.max(off, j == robot.gripper() ? 0 : Math.abs(home[j] - target[j]));
        }
        if (homing && !atHome && off < AT_HOME && filter.standing()) {
            atHome = true;
        }
        driver.write(command);
        record.ring()
                .put(
                        record.tick(),
                        now,
                        late,
                        position,
                        velocity,
                        command,
                        flags,
                        followed == null ? -1 : followed.chunk);
        record.ticked(late, skipped, flags != 0);
    }

    private boolean following() {
        return !leaveWanted && (state == State.RUNNING || state == State.ARMED || state == State.HOLDING);
    }

    private void enter(State next, String why) {
        if (state != next) {
            state = next;
            frozen = false;
            record.state(next, why);
        }
    }

    /** The state machine. Only a person, by {@link #arm()}, leaves FAULT and ESTOP. */
    private void supervise() {
        String stop = emergency;
        if (stop != null) {
            emergency = null;
            armWanted = false;
            enter(State.ESTOP, stop);
        }
        RobotDriver.Status wire = driver.status();
        if (state != State.ESTOP && state != State.FAULT) {
            String why = fault != null ? fault : finding(wire);
            if (why != null) {
                enter(State.FAULT, why);
            }
        }
        fault = null;
        if (armWanted) {
            armWanted = false;
            if (state == State.ESTOP || state == State.FAULT || state == State.IDLE) {
                takeUp();
                enter(State.ARMED, "armed, waiting for a policy");
            }
        }
        if (disarmWanted) {
            disarmWanted = false;
            if (state != State.ESTOP && state != State.FAULT) {
                enter(State.IDLE, "disarmed");
            }
        }
        if (following()) {
            follow(wire);
        } else if (leaveWanted && (state == State.RUNNING || state == State.ARMED)) {
            enter(State.HOLDING, "the driver is leaving");
        }
    }

    private void follow(RobotDriver.Status wire) {
        if (stateAge > settings.stateStaleNanos() || wire == RobotDriver.Status.DISCONNECTED) {
            enter(State.HOLDING, "no state from the robot");
            return;
        }
        Schedule s = schedule.current();
        boolean fed = homing || (s != null && !s.endedAt(now));
        staleAge = fed ? 0 : staleAge + period;
        if (fed) {
            enter(State.RUNNING, "");
        } else if (state == State.RUNNING && filter.standing() && (noPolicy || staleAge > settings.staleNanos())) {
            enter(State.HOLDING, noPolicy ? "no policy" : "the policy sends no chunks");
        }
    }

    /** What is wrong enough to be a fault, or null. */
    private @Nullable String finding(RobotDriver.Status wire) {
        if (wire == RobotDriver.Status.FAULT) {
            return "the robot reports a fault";
        }
        if (stateAge > 5 * settings.stateStaleNanos()) {
            return "the robot's state stayed away";
        }
        boolean lost = false;
        for (int j = 0; j < joints; j++) {
            lost |= j != robot.gripper() && !(Math.abs(position[j] - command[j]) <= settings.trackingFault());
        }
        trackingAge = lost ? trackingAge + period : 0;
        return trackingAge > TRACKING_PATIENCE ? "the robot does not follow its commands" : null;
    }

    /** A robot that was moved by hand or let go is taken up where it is. */
    private void takeUp() {
        boolean moved = false;
        for (int j = 0; j < joints; j++) {
            moved |= Math.abs(position[j] - command[j]) > settings.tracking();
        }
        if (moved) {
            System.arraycopy(position, 0, command, 0, joints);
        }
        filter.reset(command);
        trackingAge = 0;
        staleAge = 0;
        stateAge = 0;
    }

    /** For tests: the last command. */
    double[] command() {
        return Arrays.copyOf(command, joints);
    }
}
