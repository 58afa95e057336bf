package org.armature.simulation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.armature.robot.CameraFrame;
import org.armature.robot.Simulator;
import org.armature.robot.Simulator.World;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MujocoLibraryTest {
    @TempDir
    Path folder;

    private static MujocoLibrary library() throws MujocoLibrary.Refused {
        String missing = MujocoLibrary.missing();
        assumeTrue(missing == null, missing);
        return MujocoLibrary.find("");
    }

    @Test
    void aMissingFileIsNamedWithTheWayOut() {
        MujocoLibrary.Refused e = assertThrows(
                MujocoLibrary.Refused.class,
                () -> new Mujoco(folder.resolve("none.so").toString()));
        assertTrue(e.getMessage().contains("none.so") && e.getMessage().contains("mujoco.sh"), e.getMessage());
    }

    @Test
    void aFileThatIsNoLibraryIsRefused() throws IOException {
        Path file = Files.writeString(folder.resolve("libmujoco.so"), "not a library");
        assertThrows(MujocoLibrary.Refused.class, () -> new Mujoco(file.toString()));
    }

    @Test
    void anotherLibraryIsRefused() throws IOException {
        Path libc = Path.of("/lib/x86_64-linux-gnu/libm.so.6");
        assumeTrue(Files.exists(libc), "no " + libc);
        MujocoLibrary.Refused e = assertThrows(MujocoLibrary.Refused.class, () -> new Mujoco(libc.toString()));
        assertTrue(e.getMessage().contains("mj_version"), e.getMessage());
    }

    @Test
    void badModelsAreExceptionsInMujocosOwnWords() throws MujocoLibrary.Refused {
        MujocoLibrary library = library();
        for (String xml : new String[] {
            "",
            "not xml",
            "<mujoco><worldbody><geom></mujoco>",
            "<mujoco><worldbody><geom type=\"sphere\"/></worldbody></mujoco>",
            "<mujoco><worldbody><geom type=\"mesh\" mesh=\"none\"/></worldbody></mujoco>",
            "<mujoco><worldbody><body><joint/></body></worldbody></mujoco>",
            "<mujoco><actuator><motor joint=\"elbw\"/></actuator></mujoco>",
            "<mujoco><option timestep=\"x\"/></mujoco>",
            "<mujoco><asset><mesh file=\"/nowhere.stl\"/></asset></mujoco>"
        }) {
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> library.compile(xml), xml);
            assertTrue(e.getMessage().length() > "MuJoCo refuses the model: ".length(), e.getMessage());
        }
        library.freeModel(library.compile("<mujoco/>"));
    }

    @Test
    void cyclesOfOpenAndCloseLeaveNothingBehind() throws Exception {
        library();
        Simulator mujoco = new Mujoco("");
        int cycles = Integer.getInteger("armature.mujoco.cycles", 60);
        cycle(mujoco, 20);
        long before = resident();
        cycle(mujoco, cycles);
        long grown = resident() - before;
        assertTrue(grown < 30L << 20, "resident memory grew by " + (grown >> 20) + " MB in " + cycles + " cycles");
    }

    private static void cycle(Simulator mujoco, int n) {
        for (int i = 0; i < n; i++) {
            try (World world = mujoco.open(i, 1_000_000)) {
                world.step(world.robot().home());
                if (i % 10 == 0) {
                    world.render("front", 32, 32, 0);
                }
            }
        }
    }

    private static long resident() throws IOException {
        System.gc();
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(l -> l.startsWith("VmRSS:"))
                .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) * 1024)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void bothEnginesSeeTheSameSceneTheSameWay() throws MujocoLibrary.Refused {
        library();
        try (World a = new Mujoco("").open(5, 1_000_000);
                World b = new Planar().open(5, 1_000_000)) {
            CameraFrame m = a.render("front", 160, 120, 0);
            CameraFrame p = b.render("front", 160, 120, 0);
            assertArrayEquals(
                    m.pose().orElseThrow().matrix(), p.pose().orElseThrow().matrix(), 1e-12);
            float[] zm = m.depth().orElseThrow();
            float[] zp = p.depth().orElseThrow();
            int same = 0;
            for (int i = 0; i < zm.length; i++) {
                same += Math.abs(zm[i] - zp[i]) < 0.002 ? 1 : 0;
            }
            // Edges may fall on one side of a pixel or the other.
            assertTrue(same > 0.97 * zm.length, same + " of " + zm.length + " depths agree");
        }
    }

    @Test
    void stateEqualsThatOfThePythonBinding() throws Exception {
        library();
        Path script = Path.of("src/test/python/parity.py");
        Path xml = Files.writeString(folder.resolve("scene.xml"), Mjcf.of(1_000_000));
        double[] start = new double[Stage.NQ];
        Scene.of(0).start(start);
        String state = java.util.Arrays.stream(start)
                .mapToObj(Double::toString)
                .collect(java.util.stream.Collectors.joining(","));
        Process python;
        try {
            python = new ProcessBuilder("python3", script.toString(), xml.toString(), state)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            assumeTrue(false, "no python3");
            return;
        }
        String said = new String(python.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assumeTrue(python.waitFor() == 0, "python3 has no module mujoco 4.0.0: pip install mujoco==4.0.0");
        double[] expected =
                said.strip().lines().mapToDouble(Double::parseDouble).toArray();
        try (World world = new Mujoco("").open(0, 1_000_000)) {
            double[] command = world.robot().home().clone();
            for (int i = 0; i < 1000; i++) {
                command[1] = world.robot().home()[1] + 0.2 * i / 1000;
                world.step(command);
            }
            double[] q = new double[8];
            world.joints(q, new double[8]);
            for (int j = 0; j < 7; j++) {
                assertEquals(expected[j], q[j], 0, "joint " + j);
            }
        }
    }
}
