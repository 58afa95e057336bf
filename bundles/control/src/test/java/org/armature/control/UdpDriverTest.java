package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32;
import org.armature.robot.ActionChunk;
import org.armature.robot.JointLimits;
import org.armature.robot.LoopMonitor.State;
import org.armature.robot.PolicySpec.ActionSpace;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDriver.Clock;
import org.armature.robot.RobotDriver.Status;
import org.junit.jupiter.api.Test;

class UdpDriverTest {
    @Test
    void theExampleRobotInPythonIsDrivenOnEitherClock() throws Exception {
        assumeTrue(onPath("python3"), "python3 is not there: the example client was not driven");
        for (Clock clock : Clock.values()) {
            int here = freePort();
            int there = freePort();
            Process robot = new ProcessBuilder(
                            "python3",
                            client().toString(),
                            "--joints",
                            "3",
                            "--rate",
                            "250",
                            "--for",
                            "60",
                            "--local",
                            "127.0.0.1:" + there,
                            "--remote",
                            "127.0.0.1:" + here)
                    .redirectErrorStream(true)
                    .start();
            UdpDriver driver = new UdpDriver(robot(), clock, "127.0.0.1:" + here, "127.0.0.1:" + there, 100);
            try {
                driver.connect();
                drive(driver, robot);
            } finally {
                driver.close();
                robot.destroy();
                robot.waitFor(5, TimeUnit.SECONDS);
            }
        }
    }

    private static void drive(UdpDriver driver, Process robot) throws Exception {
        double[] q = new double[3];
        long end = System.nanoTime() + 10_000_000_000L;
        while (driver.read(q, new double[3]) < 0) {
            assertTrue(System.nanoTime() < end && robot.isAlive(), "no state came from the example robot");
            Thread.sleep(2);
        }
        LoopClock clock = new LoopClock(1);
        LoopRecord record = new LoopRecord(250);
        ActionSchedule schedule =
                new ActionSchedule(driver.describe(), Blending.NONE, 10, Schedule.Interpolation.LINEAR);
        LoopSettings settings = LoopSettings.standard().at(250, 1);
        ControlLoop loop = new ControlLoop(driver, driver.describe(), schedule, settings, clock, record, false);
        loop.policyPresent(true);
        loop.arm();
        loop.start();
        Thread.sleep(100);
        schedule.ownedBy(loop);
        double[] goal = {0.3, -0.2, 0.1};
        double[] a = new double[300];
        for (int i = 0; i < a.length; i++) {
            a[i] = goal[i % 3];
        }
        schedule.offer(
                loop, "test", new ActionChunk(clock.nanos(), 20_000_000, 3, a), ActionSpace.ABSOLUTE, q, clock.nanos());
        double[] reached = new double[3];
        while (Math.abs(reached[0] - 0.3) > 0.01 || Math.abs(reached[1] + 0.2) > 0.01) {
            assertTrue(System.nanoTime() < end, "the robot is at " + Arrays.toString(reached) + ", " + record.stats());
            Thread.sleep(5);
            Ring.State s = record.ring().state();
            reached = s == null ? reached : s.position();
        }
        assertEquals(State.RUNNING, record.state());
        assertEquals(0, driver.rejected());
        assertTrue(loop.leave(2000));
    }

    @Test
    void packetsThatAreNotInTheFrameAreDroppedAndCounted() throws Exception {
        try (DatagramSocket robot = new DatagramSocket(0, InetAddress.getLoopbackAddress());
                UdpDriver driver = new UdpDriver(
                        robot(), Clock.OWN, "127.0.0.1:" + freePort(), "127.0.0.1:" + robot.getLocalPort(), 50)) {
            driver.connect();
            // The driver's own packet tells the test where it listens.
            driver.write(new double[3]);
            DatagramPacket hello = new DatagramPacket(new byte[200], 200);
            robot.receive(hello);
            assertEquals(UdpDriver.commandBytes(3), hello.getLength());
            double[] q = new double[3];
            byte[] good = state(5, 0.25, 0);
            send(robot, hello, good);
            assertTrue(readSoon(driver, q));
            assertArrayEquals(new double[] {0.25, 0.25, 0.25}, q);

            byte[] flipped = state(6, 0.5, 0);
            flipped[30] ^= 1;
            List<byte[]> bad = List.of(
                    new byte[0],
                    "hello".getBytes(StandardCharsets.US_ASCII),
                    Arrays.copyOf(state(6, 1, 0), 60),
                    Arrays.copyOf(state(6, 1, 0), 90),
                    flipped,
                    state(4, 0.75, 0),
                    state(6, Double.NaN, 0));
            for (byte[] packet : bad) {
                send(robot, hello, packet);
            }
            Thread.sleep(20);
            for (int i = 0; i < 10; i++) {
                assertEquals(-1, driver.read(q, new double[3]));
            }
            assertArrayEquals(new double[] {0.25, 0.25, 0.25}, q);
            assertTrue(driver.rejected() >= bad.size() - 1, "rejected " + driver.rejected());
            Thread.sleep(60);
            driver.read(q, new double[3]);
            assertEquals(Status.DEGRADED, driver.status());
            send(robot, hello, state(7, 0.3, 2));
            assertTrue(readSoon(driver, q));
            assertEquals(Status.FAULT, driver.status());
        }
    }

    @Test
    void aPortInUseIsOneSentence() throws Exception {
        try (DatagramSocket taken = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            UdpDriver driver =
                    new UdpDriver(robot(), Clock.OWN, "127.0.0.1:" + taken.getLocalPort(), "127.0.0.1:9", 50);
            IOException e = assertThrows(IOException.class, driver::connect);
            assertTrue(e.getMessage().contains("is the port in use"), e.getMessage());
            UdpDriver wrong = new UdpDriver(robot(), Clock.OWN, "nonsense", "127.0.0.1:9", 50);
            assertThrows(IOException.class, wrong::connect);
        }
    }

    private static boolean readSoon(UdpDriver driver, double[] q) throws InterruptedException {
        for (int i = 0; i < 200; i++) {
            if (driver.read(q, new double[3]) >= 0) {
                return true;
            }
            Thread.sleep(5);
        }
        return false;
    }

    private static void send(DatagramSocket from, DatagramPacket to, byte[] bytes) throws IOException {
        from.send(new DatagramPacket(bytes, bytes.length, to.getSocketAddress()));
    }

    private static byte[] state(long sequence, double q, int status) {
        ByteBuffer b = ByteBuffer.allocate(UdpDriver.stateBytes(3)).order(ByteOrder.LITTLE_ENDIAN);
        b.putInt(UdpDriver.STATE).put(UdpDriver.VERSION).put((byte) status).putShort((short) 3);
        b.putLong(sequence).putLong(0);
        for (int i = 0; i < 6; i++) {
            b.putDouble(q);
        }
        CRC32 crc = new CRC32();
        crc.update(b.array(), 0, b.position());
        b.putInt((int) crc.getValue());
        return b.array();
    }

    private static RobotDescription robot() {
        double[] two = {2, 2, 2};
        double[] ten = {10, 10, 10};
        return new RobotDescription(
                "udp",
                List.of("a", "b", "c"),
                new JointLimits(new double[] {-2, -2, -2}, two, two, ten, ten.clone()),
                new double[3],
                -1,
                List.of());
    }

    private static Path client() {
        Path here = Path.of("").toAbsolutePath();
        while (!Files.exists(here.resolve("docs/udp_robot.py"))) {
            here = here.getParent();
        }
        return here.resolve("docs/udp_robot.py");
    }

    private static int freePort() throws IOException {
        try (DatagramSocket s = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            return s.getLocalPort();
        }
    }

    private static boolean onPath(String program) {
        return Arrays.stream(System.getenv("PATH").split(java.io.File.pathSeparator))
                .anyMatch(d -> Files.isExecutable(Path.of(d, program)));
    }
}
