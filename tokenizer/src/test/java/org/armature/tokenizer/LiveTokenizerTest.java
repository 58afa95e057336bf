package org.armature.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.armature.checkpoint.Json;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.robot.ObservationHub;
import org.armature.show.Figure;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Version;

class LiveTokenizerTest {
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

    @TempDir
    Path dir;

    private final Hub hub = new Hub();
    private final OnnxExecutor executor = new OnnxExecutor();
    private LiveTokenizer tokenizer;

    @BeforeEach
    void activate() throws IOException {
        Bundle bundle = (Bundle) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Bundle.class}, (p, m, a) -> new Version("1.2.3"));
        BundleContext context = (BundleContext) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {BundleContext.class},
                (p, m, a) -> m.getName().equals("getBundle") ? bundle : new File(dir.toFile(), (String) a[0]));
        LiveTokenizer.Settings settings = (LiveTokenizer.Settings) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {LiveTokenizer.Settings.class},
                (p, m, a) -> m.getName().equals("camera") ? "front" : "");
        tokenizer = new LiveTokenizer(context, settings, hub, new Json(), new SafetensorsFormat(), executor);
    }

    @AfterEach
    void deactivate() throws InterruptedException {
        tokenizer.stop();
        executor.close();
    }

    private static CameraFrame frame(long time, int seed) {
        byte[] rgb = new byte[3 * 90 * 70];
        new Random(seed).nextBytes(rgb);
        return new CameraFrame("front", time, 90, 70, rgb, null, null, null);
    }

    @Test
    void aFramesLatentsAreComputedOnce() {
        CameraFrame f = frame(1, 1);
        float[] z = tokenizer.encode(f);
        assertSame(z, tokenizer.encode(f));
        int[] s = tokenizer.latentShape();
        assertEquals(s[0] * s[1] * s[2], z.length);
        assertEquals(3 * tokenizer.imageSize() * tokenizer.imageSize(), tokenizer.decode(z).length);
        assertArrayEquals(z, tokenizer.encode(frame(2, 1)), "equal pixels give equal latents");
        assertThrows(RuntimeException.class, () -> tokenizer.decode(new float[3]));
    }

    @Test
    void originalAndReconstructionAreShownForTheNewestFrame() throws InterruptedException {
        assertTrue(tokenizer.figures().isEmpty());
        hub.latest = Optional.of(new Observation(5, new double[0], new double[0], Map.of("front", frame(5, 3)), "", 0));
        for (int i = 0; tokenizer.figures().isEmpty(); i++) {
            assertTrue(i < 1000, "no figure came");
            Thread.sleep(10);
        }
        var shown = tokenizer.figures().firstEntry();
        assertTrue(shown.getKey().startsWith("front camera"), shown.getKey());
        assertEquals(2, ((Figure.Pictures) shown.getValue()).pictures().size());
        Thread.sleep(50);
        assertSame(shown.getValue(), tokenizer.figures().firstEntry().getValue(), "nothing new, so the same object");
    }
}
