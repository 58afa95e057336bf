package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.armature.checkpoint.Json;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Observation;
import org.armature.robot.ObservationHub;
import org.armature.robot.Pose;
import org.armature.robot.SceneGeometry.Estimate;
import org.armature.show.Figure;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.BundleContext;

class LiveGeometryTest {
    private static final class Hub implements ObservationHub {
        volatile Optional<Observation> latest = Optional.empty();

        @Override
        public Optional<Observation> latest() {
            return latest;
        }

        @Override
        public String instruction() {
            return "";
        }

        @Override
        public void instruct(String instruction) {}
    }

    private static final int W = 80;
    private static final int H = 60;

    @TempDir
    Path dir;

    private final Hub hub = new Hub();
    private final OnnxExecutor executor = new OnnxExecutor();
    private LiveGeometry geometry;

    @BeforeEach
    void activate() throws IOException {
        BundleContext context = (BundleContext) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {BundleContext.class},
                (p, m, a) -> new File(dir.toFile(), (String) a[0]));
        LiveGeometry.Settings settings = (LiveGeometry.Settings) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {LiveGeometry.Settings.class},
                (p, m, a) -> m.getReturnType() == boolean.class ? (Object) true : "");
        geometry = new LiveGeometry(context, settings, new Json(), new SafetensorsFormat(), executor);
        geometry.hub = hub;
    }

    @AfterEach
    void deactivate() throws InterruptedException {
        geometry.stop();
        executor.close();
    }

    private static CameraFrame frame(String name, long time, boolean depth, boolean calibrated) {
        byte[] rgb = new byte[3 * W * H];
        new Random(1).nextBytes(rgb);
        float[] z = new float[W * H];
        Arrays.fill(z, 0.8f);
        double shift = name.equals("front") ? 0 : 0.2;
        Pose pose = new Pose(new double[] {1, 0, 0, shift, 0, -1, 0, 0, 0, 0, -1, 0.8, 0, 0, 0, 1});
        return new CameraFrame(
                name,
                time,
                W,
                H,
                rgb,
                depth ? z : null,
                calibrated ? new Intrinsics(70, 70, 40, 30) : null,
                calibrated ? pose : null);
    }

    private static List<CameraFrame> frames(long time, boolean depth, boolean calibrated) {
        return List.of(frame("front", time, depth, calibrated), frame("wrist", time, depth, calibrated));
    }

    @Test
    void withDepthAndCamerasLengthsAreMetresInTheWorld() {
        Estimate e = geometry.estimate(frames(1, true, true));
        assertTrue(e.metric() && e.world());
        assertEquals(2, e.views().size());
        assertEquals("wrist", e.views().get(1).camera());
        assertEquals(0.2, e.views().get(1).pose().matrix()[3], 1e-12, "a given camera is kept");
        for (float z : e.views().getFirst().depth()) {
            assertEquals(0.8, z, 1e-6, "what is measured stays");
        }
        assertEquals(0, e.tokens().length % (2 * e.tokenWidth()));
        assertArrayEquals(e.tokens(), geometry.estimate(frames(2, true, true)).tokens());
    }

    @Test
    void holesInTheDepthAreFilledInTheSensorsScale() {
        CameraFrame whole = frame("front", 1, true, true);
        float[] torn = whole.depthOrNull().clone();
        for (int y = H / 4; y < H / 2; y++) {
            Arrays.fill(torn, y * W + W / 4, y * W + W / 2, y % 2 == 0 ? 0 : Float.NaN);
        }
        CameraFrame f =
                new CameraFrame("front", 1, W, H, whole.rgb(), torn, whole.intrinsicsOrNull(), whole.poseOrNull());
        Estimate e = geometry.estimate(List.of(f, frame("wrist", 1, true, true)));
        int w = e.width();
        float[] depth = e.views().getFirst().depth();
        assertEquals(0.8, depth[0], 1e-6);
        double sum = 0;
        int n = 0;
        for (int y = e.height() / 4 + 1; y < e.height() / 2 - 1; y++) {
            for (int x = w / 4 + 1; x < w / 2 - 1; x++) {
                assertTrue(depth[y * w + x] != 0.8f, "nobody measured this");
                sum += depth[y * w + x];
                n++;
            }
        }
        assertEquals(0.8, sum / n, 0.3, "the scale is the sensor's");
    }

    @Test
    void everyModalityMayBeMissing() {
        Estimate cameras = geometry.estimate(frames(1, false, true));
        assertTrue(cameras.metric() && cameras.world(), "two poses give the scale");
        Estimate depth = geometry.estimate(frames(1, true, false));
        assertTrue(depth.metric());
        assertFalse(depth.world());
        Estimate nothing = geometry.estimate(frames(1, false, false));
        assertFalse(nothing.metric() || nothing.world());
        for (Estimate e : List.of(cameras, depth, nothing)) {
            for (float x : e.views().get(1).points()) {
                assertTrue(Float.isFinite(x));
            }
        }
    }

    @Test
    void whenOnlyTheSecondCameraIsCalibratedItIsTheReferenceAndTheOrderStays() {
        List<CameraFrame> frames = List.of(frame("front", 1, false, false), frame("wrist", 1, true, true));
        Estimate e = geometry.estimate(frames);
        assertEquals("front", e.views().getFirst().camera());
        assertEquals(0.2, e.views().get(1).pose().matrix()[3], 1e-12);
        assertTrue(e.world() && e.metric());
    }

    @Test
    void pointsPicturesAndTableAreShownForTheNewestFrames() throws InterruptedException {
        assertTrue(geometry.figures().isEmpty());
        show(5, true, true);
        await("depth and camera");
        Figure shown = geometry.figures().firstEntry().getValue();
        assertTrue(((Figure.PointCloud) shown).size()
                > 2 * geometry.estimate(frames(5, true, true)).width());
        Thread.sleep(100);
        assertSame(shown, geometry.figures().firstEntry().getValue(), "nothing new, so the same object");
        show(6, false, true);
        await("camera");
        show(7, false, false);
        await("image only");
    }

    private void show(long time, boolean depth, boolean calibrated) {
        List<CameraFrame> f = frames(time, depth, calibrated);
        hub.latest = Optional.of(new Observation(
                time, new double[0], new double[0], Map.of("front", f.get(0), "wrist", f.get(1)), "", 0));
    }

    private void await(String given) throws InterruptedException {
        for (int i = 0; ; i++) {
            if (geometry.figures().get("what each camera gives") instanceof Figure.Table t
                    && t.rows().getFirst().get(1).equals(given)) {
                return;
            }
            assertTrue(i < 6000, "no figure with " + given + " came");
            Thread.sleep(10);
        }
    }
}
