package org.armature.datasets;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.armature.train.Dataset;
import org.armature.train.Draw;
import org.junit.jupiter.api.Test;

class RoomViewsTest {
    private static final Room.Texture GREY =
            new Room.Texture(true, 1, new double[3], new double[] {0.5, 0.5, 0.5}, new double[] {0.5, 0.5, 0.5});
    private static final Room.Box WALLS = box(new double[3], Room.HALF, 0, true);

    private static Room.Box box(double[] centre, double half, double yaw, boolean inside) {
        return new Room.Box(
                centre, new double[] {half, half, half}, yaw, inside, List.of(GREY, GREY, GREY, GREY, GREY, GREY));
    }

    private static Dataset open(String split, long seed, int side) {
        return new RoomViews()
                .open(
                        split,
                        Config.of(Map.of("seed", seed, "width", side, "height", side, "size", 20, "test_size", 5)));
    }

    private static float[] read(Dataset d, String name, long index) {
        Map<String, Tensor> batch = d.batch(index);
        float[] v = batch.get(name).toFloats();
        batch.values().forEach(Tensor::close);
        return v;
    }

    /** What a camera 3 m before the middle measures along its axis. */
    private static double depthAhead(Room.Solid... solids) {
        List<Room.Solid> all = new ArrayList<>(List.of(WALLS));
        all.addAll(Arrays.asList(solids));
        Pose pose = Room.lookAt(new double[] {3, 0, 0}, new double[3]);
        CameraFrame f = new Room(all).look("c", pose, new Intrinsics(10, 10, 4.5, 4.5), 9, 9);
        return f.depthOrNull()[4 * 9 + 4];
    }

    @Test
    void depthIsThatOfGeometry() {
        assertEquals(7.5, depthAhead(), 1e-6);
        assertEquals(2, depthAhead(new Room.Ball(new double[3], 1, GREY)), 1e-6);
        // 0.6 beside the axis the sphere's surface is 0.8 before its middle.
        assertEquals(2.2, depthAhead(new Room.Ball(new double[] {0, 0.6, 0}, 1, GREY)), 1e-6);
        assertEquals(7.5, depthAhead(new Room.Ball(new double[] {0, 1.1, 0}, 1, GREY)), 1e-6);
        assertEquals(2.5, depthAhead(box(new double[3], 0.5, 0, false)), 1e-6);
        assertEquals(3 - Math.sqrt(0.5), depthAhead(box(new double[3], 0.5, Math.PI / 4, false)), 1e-6);
        assertEquals(7.5, depthAhead(box(new double[] {4, 0, 0}, 0.3, 0, false)), 1e-6, "a box behind the camera");
    }

    /** Along the axis, not along the ray: a wall seen straight on is equally deep everywhere. */
    @Test
    void depthIsMeasuredAlongTheOpticalAxis() {
        Pose pose = Room.lookAt(new double[] {-2, 0, 0}, new double[] {1, 0, 0});
        CameraFrame f = new Room(List.of(WALLS)).look("c", pose, new Intrinsics(20, 20, 8, 8), 16, 16);
        for (float z : f.depthOrNull()) {
            assertEquals(6.5, z, 1e-6);
        }
    }

    @Test
    void imagesAreUpright() {
        Pose pose = Room.lookAt(new double[] {3, 1, 1}, new double[3]);
        double[] below = pose.transform(0, 1, 0);
        assertTrue(below[2] < 1, "y of a camera points down");
        assertEquals(0, pose.matrix()[8], 1e-12, "x of a camera is level");
    }

    private static double[] world(float[] depth, float[] k, float[] pose, int view, int side, int pixel) {
        double z = depth[view * side * side + pixel];
        double x = (pixel % side + 0.5 - k[9 * view + 2]) / k[9 * view] * z;
        double y = (pixel / side + 0.5 - k[9 * view + 5]) / k[9 * view + 4] * z;
        double[] p = new double[3];
        for (int i = 0; i < 3; i++) {
            int row = 16 * view + 4 * i;
            p[i] = pose[row] * x + pose[row + 1] * y + pose[row + 2] * z + pose[row + 3];
        }
        return p;
    }

    /** Points of all views lie on the same walls, and nothing lies beyond them. */
    @Test
    void depthAndCamerasMeetInOneWorld() {
        int side = 28;
        int onWalls = 0;
        try (Dataset d = open("train", 4, side)) {
            for (int scene = 0; scene < 10; scene++) {
                float[] depth = read(d, "depth", scene);
                float[] k = read(d, "intrinsics", scene);
                float[] pose = read(d, "pose", scene);
                for (int i = 0; i < 3 * side * side; i++) {
                    double[] p = world(depth, k, pose, i / (side * side), side, i % (side * side));
                    double far = Math.max(Math.max(Math.abs(p[0]), Math.abs(p[1])), Math.abs(p[2]));
                    boolean wall = Math.abs(far - Room.HALF) < 1e-4;
                    onWalls += wall ? 1 : 0;
                    assertTrue(wall || far < 2.8, "a point " + far + " from the middle is neither wall nor solid");
                }
            }
        }
        double share = onWalls / (30.0 * side * side);
        assertTrue(share > 0.3 && share < 0.95, share + " of the pixels show walls");
    }

    /** A point of one view, looked up in another, is there with the same depth and colour, or something is before it. */
    @Test
    void viewsAgree() {
        int side = 96;
        int area = side * side;
        int met = 0;
        int same = 0;
        int before = 0;
        int alike = 0;
        try (Dataset d = open("train", 8, side)) {
            for (int scene = 0; scene < 5; scene++) {
                float[] image = read(d, "image", scene);
                float[] depth = read(d, "depth", scene);
                float[] k = read(d, "intrinsics", scene);
                float[] pose = read(d, "pose", scene);
                double[] second = new double[16];
                Arrays.setAll(second, i -> pose[16 + i]);
                Pose toSecond = new Pose(second).inverse();
                for (int p = 0; p < area; p++) {
                    double[] w = world(depth, k, pose, 0, side, p);
                    double[] q = toSecond.transform(w[0], w[1], w[2]);
                    int u = (int) Math.floor(k[9] * q[0] / q[2] + k[11]);
                    int v = (int) Math.floor(k[13] * q[1] / q[2] + k[14]);
                    if (q[2] > 0.1 && u >= 0 && v >= 0 && u < side && v < side) {
                        double seen = depth[area + v * side + u];
                        boolean here = Math.abs(seen - q[2]) < 0.05 * q[2];
                        met++;
                        same += here ? 1 : 0;
                        before += seen <= 0.95 * q[2] ? 1 : 0;
                        double difference = 0;
                        for (int c = 0; c < 3; c++) {
                            difference += Math.abs(image[c * area + p] - image[(3 + c) * area + v * side + u]);
                        }
                        alike += here && difference < 0.3 ? 1 : 0;
                    }
                }
            }
        }
        assertTrue(met > area, met + " points seen by both");
        assertTrue(same + before > 0.97 * met, same + " as deep and " + before + " hidden of " + met);
        assertTrue(same > 0.4 * met, same + " of " + met + " at the same depth");
        assertTrue(alike > 0.8 * same, alike + " of " + same + " of the same colour");
    }

    @Test
    void anIndexGivesTheSameNumbersInAnyOrder() {
        try (Dataset a = open("train", 5, 14);
                Dataset b = open("train", 5, 14)) {
            assertEquals(
                    List.of("image", "depth", "intrinsics", "pose"),
                    List.copyOf(a.example().keySet()));
            assertEquals("[3, 3, 14, 14]", a.example().get("image").shape().toString());
            read(b, "image", 19);
            for (int i = 3; i >= 0; i--) {
                for (String name : a.example().keySet()) {
                    assertArrayEquals(read(a, name, i), read(b, name, i), name + " of " + i);
                }
            }
        }
    }

    @Test
    void seedsAndSplitsDiffer() {
        try (Dataset a = open("train", 5, 14);
                Dataset seed = open("train", 6, 14);
                Dataset test = open("test", 5, 14)) {
            assertEquals(20, a.size());
            assertEquals(5, test.size());
            assertFalse(Arrays.equals(read(a, "depth", 0), read(seed, "depth", 0)));
            assertFalse(Arrays.equals(read(a, "depth", 0), read(test, "depth", 0)));
            assertFalse(Arrays.equals(read(a, "depth", 0), read(a, "depth", 1)));
        }
    }

    /** As the class says: distance from the middle, azimuth from the first camera, one field of view. */
    @Test
    void camerasStandWhereTheyShould() {
        try (Dataset d = open("train", 11, 14)) {
            double widest = 0;
            for (int scene = 0; scene < 20; scene++) {
                float[] pose = read(d, "pose", scene);
                float[] k = read(d, "intrinsics", scene);
                double view = 2 * Math.toDegrees(Math.atan(7 / k[0]));
                assertTrue(view > 45 && view < 80, view + " degrees");
                assertEquals(k[0], k[18]);
                for (int s = 0; s < 3; s++) {
                    double x = pose[16 * s + 3];
                    double y = pose[16 * s + 7];
                    double z = pose[16 * s + 11];
                    double r = Math.sqrt(x * x + y * y + z * z);
                    assertTrue(r > 2.8 && r < 4, r + " m from the middle");
                    double turn = Math.toDegrees(Math.atan2(y, x) - Math.atan2(pose[7], pose[3]));
                    double off = Math.abs(Math.IEEEremainder(turn, 360));
                    widest = Math.max(widest, off);
                    assertTrue(off < 50.001, off + " degrees from the first camera");
                }
            }
            assertTrue(widest > 35, "widest " + widest);
        }
    }

    @Test
    void cameraOutsideTheRoomIsTold() {
        Room room = Room.of(Draw.of(1));
        assertThrows(IllegalArgumentException.class, () -> room.hit(new double[] {9, 0, 0}, new double[] {1, 0, 0}));
    }

    @Test
    void keysThatCannotBeAreTold() {
        String said = assertThrows(
                        IllegalArgumentException.class,
                        () -> new RoomViews().open("train", Config.of(Map.of("size", 0))))
                .getMessage();
        assertTrue(said.contains("dataset.size is 0"), said);
    }
}
