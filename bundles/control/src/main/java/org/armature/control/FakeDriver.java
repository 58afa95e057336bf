package org.armature.control;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.armature.robot.JointLimits;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDriver;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * A robot that is not there: the joints are where the commands of some time ago wanted them. Latency and lost states are
 * set on purpose, to see what a loop makes of a bad wire.
 */
@Component(
        configurationPid = FakeDriver.PID,
        configurationPolicy = ConfigurationPolicy.REQUIRE,
        property = {"armature.id=fake", "armature.kind=driver"})
public final class FakeDriver implements RobotDriver {
    static final String PID = "org.armature.control.fake";
    private static final int HISTORY = 1 << 12;

    /** PID {@code org.armature.control.fake}. */
    @ObjectClassDefinition(name = "Armature fake driver")
    public @interface Config {
        @AttributeDefinition(description = "joints, the last one a gripper")
        int joints() default 8;

        @AttributeDefinition(description = "age of the state it reports, ms")
        double latencyMillis() default 2;

        @AttributeDefinition(description = "share of the states that get lost, 0 to 1")
        double drop() default 0;

        @AttributeDefinition(description = "seed of what gets lost")
        long seed() default 1;
    }

    private final RobotDescription robot;
    private final int joints;
    private final long latency;
    private final double drop;
    private final long[] time = new long[HISTORY];
    private final double[] sent;
    private final double[] last;
    private long writes;
    private long reached;
    private long random;
    private long readAt;
    private volatile Status status = Status.DISCONNECTED;

    @Activate
    public FakeDriver(Config config) {
        this(config.joints(), config.latencyMillis(), config.drop(), config.seed());
    }

    /** @throws IllegalArgumentException if a number is out of range */
    FakeDriver(int joints, double latencyMillis, double drop, long seed) {
        if (joints < 1 || joints > 64 || !(latencyMillis >= 0 && latencyMillis <= 1000) || !(drop >= 0 && drop <= 1)) {
            throw new IllegalArgumentException("the fake driver needs 1 to 64 joints, a latency of 0 to 1000 ms and a"
                    + " drop of 0 to 1, not " + joints + ", " + latencyMillis + ", " + drop);
        }
        this.joints = joints;
        this.drop = drop;
        latency = (long) (latencyMillis * 1e6);
        random = seed * 2 + 1;
        sent = new double[HISTORY * joints];
        last = new double[joints];
        robot = new RobotDescription(
                "fake",
                IntStream.range(0, joints).mapToObj(j -> "joint" + (j + 1)).toList(),
                new JointLimits(all(-3), all(3), all(2), all(10), all(Double.POSITIVE_INFINITY)),
                all(0),
                joints > 1 ? joints - 1 : -1,
                List.of());
    }

    private double[] all(double x) {
        double[] a = new double[joints];
        Arrays.fill(a, x);
        return a;
    }

    @Override
    public RobotDescription describe() {
        return robot;
    }

    @Override
    public Clock clock() {
        return Clock.OWN;
    }

    @Override
    public void connect() {
        status = Status.CONNECTED;
    }

    @Override
    public long read(double[] position, double[] velocity) {
        if (status == Status.DISCONNECTED || lost()) {
            return -1;
        }
        long at = System.nanoTime() - latency;
        long before = readAt;
        while (reached < writes && time[(int) (reached & (HISTORY - 1))] <= at) {
            reached++;
        }
        for (int j = 0; j < joints; j++) {
            double now = reached == 0 ? 0 : sent[(int) ((reached - 1) & (HISTORY - 1)) * joints + j];
            position[j] = now;
            velocity[j] = before == 0 || at <= before ? 0 : (now - last[j]) / ((at - before) * 1e-9);
            last[j] = now;
        }
        readAt = at;
        return Math.max(0, at);
    }

    /** Xorshift, as a loop's thread must not allocate. */
    private boolean lost() {
        random ^= random << 13;
        random ^= random >>> 7;
        random ^= random << 17;
        return (random >>> 11) * 0x1p-53 < drop;
    }

    @Override
    public void write(double[] command) {
        if (status == Status.DISCONNECTED) {
            return;
        }
        int i = (int) (writes & (HISTORY - 1));
        time[i] = System.nanoTime();
        System.arraycopy(command, 0, sent, i * joints, joints);
        writes++;
        reached = Math.max(reached, writes - HISTORY + 1);
    }

    @Override
    public Status status() {
        return status;
    }

    @Override
    public void close() {
        status = Status.DISCONNECTED;
    }
}
