package org.armature.control;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.DatagramChannel;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.zip.CRC32;
import org.armature.robot.JointLimits;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDriver;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * Any controller that can send and receive UDP; the frame is in {@code docs/udp-driver.md}, an example of the other side
 * in {@code docs/udp_robot.py}. Packets from other addresses than the robot's are not seen.
 */
@Component(
        configurationPid = UdpDriver.PID,
        configurationPolicy = ConfigurationPolicy.REQUIRE,
        property = {"armature.id=udp", "armature.kind=driver"})
public final class UdpDriver implements RobotDriver {
    static final String PID = "org.armature.control.udp";

    static final int STATE = 0x534d5241; // "ARMS", little-endian
    static final int COMMAND = 0x434d5241; // "ARMC"
    static final byte VERSION = 1;
    static final int HEADER = 24;
    private static final long POLL_NANOS = 20_000;
    private static final long RESTART_NANOS = 1_000_000_000L;

    /** PID {@code org.armature.control.udp}. */
    @ObjectClassDefinition(name = "Armature UDP driver")
    public @interface Config {
        @AttributeDefinition(description = "the robot's name")
        String name() default "udp";

        @AttributeDefinition(description = "address and port to listen on")
        String local() default "127.0.0.1:25000";

        @AttributeDefinition(description = "address and port of the robot")
        String remote() default "127.0.0.1:25001";

        @AttributeDefinition(description = "who sets the pace: own or robot")
        String clock() default "own";

        @AttributeDefinition(description = "wall time without a state until the wire counts as degraded, ms")
        int timeout() default 100;

        @AttributeDefinition(description = "names of the joints")
        String[] joints();

        @AttributeDefinition(description = "lowest positions, rad or m")
        double[] lower();

        @AttributeDefinition(description = "highest positions, rad or m")
        double[] upper();

        @AttributeDefinition(description = "highest speeds, rad/s or m/s")
        double[] velocity();

        @AttributeDefinition(description = "highest accelerations, rad/s^2 or m/s^2")
        double[] acceleration();

        @AttributeDefinition(description = "position from which work starts; empty for zeros")
        double[] home() default {};

        @AttributeDefinition(description = "index of the gripper joint, or -1")
        int gripper() default -1;
    }

    private final RobotDescription robot;
    private final int joints;
    private final Clock clock;
    private final String local;
    private final String remote;
    private final long timeout;
    private final ByteBuffer in;
    private final ByteBuffer out;
    private final CRC32 crc = new CRC32();
    private @Nullable DatagramChannel channel;
    private long heardAt;
    private long lastSequence = -1;
    private long sequence;
    private volatile long rejected;
    private volatile boolean sendFailed;
    private volatile Status status = Status.DISCONNECTED;

    @Activate
    public UdpDriver(Config c) {
        this(
                describe(c),
                switch (c.clock()) {
                    case "own" -> Clock.OWN;
                    case "robot" -> Clock.ROBOT;
                    default ->
                        throw new IllegalArgumentException("clock is '" + c.clock() + "', but must be own or robot");
                },
                c.local(),
                c.remote(),
                c.timeout());
    }

    UdpDriver(RobotDescription robot, Clock clock, String local, String remote, int timeoutMillis) {
        this.robot = robot;
        this.clock = clock;
        this.local = local;
        this.remote = remote;
        timeout = timeoutMillis * 1_000_000L;
        joints = robot.joints().size();
        in = ByteBuffer.allocateDirect(stateBytes(joints) + 1).order(ByteOrder.LITTLE_ENDIAN);
        out = ByteBuffer.allocateDirect(commandBytes(joints)).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static RobotDescription describe(Config c) {
        int n = c.joints().length;
        if (n == 0 || n > 64) {
            throw new IllegalArgumentException(
                    "set joints to the names of the robot's 1 to 64 joints, see docs/udp-driver.md");
        }
        double[] free = new double[n];
        Arrays.fill(free, Double.POSITIVE_INFINITY);
        return new RobotDescription(
                c.name(),
                List.of(c.joints()),
                new JointLimits(c.lower(), c.upper(), c.velocity(), c.acceleration(), free),
                c.home().length == 0 ? new double[n] : c.home(),
                c.gripper(),
                List.of());
    }

    static int stateBytes(int joints) {
        return HEADER + 16 * joints + 4;
    }

    static int commandBytes(int joints) {
        return HEADER + 8 * joints + 4;
    }

    @Override
    public RobotDescription describe() {
        return robot;
    }

    @Override
    public Clock clock() {
        return clock;
    }

    @Override
    public synchronized void connect() throws IOException {
        if (channel != null) {
            return;
        }
        InetSocketAddress here = address("local", local);
        InetSocketAddress there = address("remote", remote);
        DatagramChannel c = DatagramChannel.open();
        try {
            c.bind(here);
            c.connect(there);
            c.configureBlocking(false);
        } catch (IOException e) {
            c.close();
            throw new IOException(
                    "UDP from " + local + " to " + remote + " cannot be opened: " + e.getMessage()
                            + "; is the port in use, is the address this machine's?",
                    e);
        }
        channel = c;
        heardAt = System.nanoTime();
        lastSequence = -1;
        status = Status.CONNECTED;
    }

    private static InetSocketAddress address(String key, String text) throws IOException {
        int colon = text.lastIndexOf(':');
        try {
            InetSocketAddress a = new InetSocketAddress(
                    text.substring(0, Math.max(0, colon)), Integer.parseInt(text.substring(colon + 1)));
            if (!a.isUnresolved()) {
                return a;
            }
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    key + " is '" + text + "', but must be an address and a port like 127.0.0.1:25000", e);
        }
        throw new IOException(key + " is '" + text + "', whose address is not known");
    }

    @Override
    public long read(double[] position, double[] velocity) {
        DatagramChannel c = channel;
        if (c == null) {
            return -1;
        }
        long result = drain(c, position, velocity);
        if (clock == Clock.ROBOT) {
            long end = System.nanoTime() + timeout;
            while (result < 0 && System.nanoTime() < end && status != Status.DISCONNECTED) {
                LockSupport.parkNanos(POLL_NANOS);
                result = drain(c, position, velocity);
            }
        }
        if (status != Status.FAULT && status != Status.DISCONNECTED) {
            boolean late = System.nanoTime() - heardAt > timeout;
            status = late || sendFailed ? Status.DEGRADED : Status.CONNECTED;
        }
        return result;
    }

    /** Takes all packets that wait and keeps the newest good one. */
    private long drain(DatagramChannel c, double[] position, double[] velocity) {
        long result = -1;
        try {
            while (true) {
                in.clear();
                if (c.read(in) <= 0) {
                    return result;
                }
                in.flip();
                if (take(position, velocity)) {
                    result = heardAt;
                } else {
                    rejected++;
                }
            }
        } catch (IOException e) {
            // The robot's port is closed, or ours is; the age of the state tells.
            return result;
        }
    }

    private boolean take(double[] position, double[] velocity) {
        int length = stateBytes(joints);
        if (in.limit() != length
                || in.getInt(0) != STATE
                || in.get(4) != VERSION
                || (in.getShort(6) & 0xffff) != joints) {
            return false;
        }
        in.limit(length - 4);
        crc.reset();
        crc.update(in);
        in.limit(length);
        if ((int) crc.getValue() != in.getInt(length - 4)) {
            return false;
        }
        long number = in.getLong(8);
        long now = System.nanoTime();
        if (number <= lastSequence && now - heardAt < RESTART_NANOS) {
            return false;
        }
        for (int j = 0; j < 2 * joints; j++) {
            if (!Double.isFinite(in.getDouble(HEADER + 8 * j))) {
                return false;
            }
        }
        lastSequence = number;
        heardAt = now;
        for (int j = 0; j < joints; j++) {
            position[j] = in.getDouble(HEADER + 8 * j);
            velocity[j] = in.getDouble(HEADER + 8 * (joints + j));
        }
        status = in.get(5) == 2 ? Status.FAULT : in.get(5) == 1 ? Status.DEGRADED : Status.CONNECTED;
        return true;
    }

    @Override
    public void write(double[] command) {
        send(command, (byte) 1);
    }

    private void send(double @Nullable [] command, byte mode) {
        DatagramChannel c = channel;
        if (c == null) {
            return;
        }
        int length = commandBytes(joints);
        out.clear();
        out.putInt(0, COMMAND);
        out.put(4, VERSION);
        out.put(5, mode);
        out.putShort(6, (short) joints);
        out.putLong(8, sequence++);
        out.putLong(16, lastSequence);
        for (int j = 0; command != null && j < joints; j++) {
            out.putDouble(HEADER + 8 * j, command[j]);
        }
        out.limit(length - 4);
        crc.reset();
        crc.update(out);
        out.limit(length);
        out.putInt(length - 4, (int) crc.getValue());
        out.position(0);
        try {
            sendFailed = c.write(out) != length;
        } catch (IOException e) {
            sendFailed = true;
        }
    }

    /** Packets that came from the robot and were not in the frame's form, or old. */
    long rejected() {
        return rejected;
    }

    @Override
    public Status status() {
        return status;
    }

    @Override
    @Deactivate
    public synchronized void close() {
        DatagramChannel c = channel;
        if (c == null) {
            return;
        }
        send(null, (byte) 0);
        status = Status.DISCONNECTED;
        channel = null;
        try {
            c.close();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
