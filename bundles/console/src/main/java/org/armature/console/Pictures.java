package org.armature.console;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import javax.imageio.ImageIO;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.armature.robot.Sensor;

/**
 * Camera images and point clouds, encoded only when someone asks, once for everyone who asks within a moment, and always
 * on the console's one low-priority thread.
 */
final class Pictures {
    /** Most points of one cloud: 16 bytes each. */
    static final int MAX_POINTS = 20_000;

    private static final long FRESH_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    static final int MAGIC = 0x31435041; // "APC1", little endian

    private record Encoded(long frameNanos, long madeNanos, byte[] bytes) {}

    private final Sources sources;
    private final ExecutorService encoder;
    private final Map<String, Encoded> made = new ConcurrentHashMap<>();

    Pictures(Sources sources, ExecutorService encoder) {
        this.sources = sources;
        this.encoder = encoder;
    }

    /** The newest frame of every camera, by name. */
    Map<String, CameraFrame> frames() {
        Map<String, CameraFrame> all = new TreeMap<>();
        sources.hub().flatMap(hub -> hub.latest()).ifPresent(o -> all.putAll(o.cameras()));
        for (Sensor sensor : sources.sensors()) {
            sensor.latest().ifPresent(frame -> all.put(sensor.name(), frame));
        }
        return all;
    }

    /** The newest image of a camera as JPEG, or empty if there is none. */
    Optional<byte[]> jpeg(String camera) throws IOException {
        return encoded("jpeg/" + camera, camera, Pictures::encodeJpeg);
    }

    /** The newest point cloud of a camera, or empty if it has no frame with depth, intrinsics and pose. */
    Optional<byte[]> points(String camera) throws IOException {
        return encoded("points/" + camera, camera, Pictures::encodePoints);
    }

    private Optional<byte[]> encoded(String key, String camera, Function<CameraFrame, byte[]> encode)
            throws IOException {
        Encoded last = made.get(key);
        if (last != null && System.nanoTime() - last.madeNanos < FRESH_NANOS) {
            return nonEmpty(last.bytes);
        }
        Optional<byte[]> old = last == null ? Optional.empty() : nonEmpty(last.bytes);
        return onEncoder(
                () -> {
                    Encoded before = made.get(key);
                    CameraFrame frame = frames().get(camera);
                    if (frame == null) {
                        made.remove(key);
                        return Optional.empty();
                    }
                    long now = System.nanoTime();
                    boolean same = before != null
                            && (before.frameNanos == frame.timeNanos() || now - before.madeNanos < FRESH_NANOS);
                    byte[] bytes = same ? before.bytes : encode.apply(frame);
                    made.put(key, new Encoded(frame.timeNanos(), now, bytes));
                    return nonEmpty(bytes);
                },
                old);
    }

    private static Optional<byte[]> nonEmpty(byte[] bytes) {
        return bytes.length == 0 ? Optional.empty() : Optional.of(bytes);
    }

    private <T> T onEncoder(Callable<T> work, T otherwise) throws IOException {
        var task = encoder.submit(work);
        try {
            return task.get(2, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new IOException("the picture could not be made: " + e.getCause(), e.getCause());
        } catch (TimeoutException busy) {
            task.cancel(false);
            return otherwise;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    static byte[] encodeJpeg(CameraFrame frame) {
        int w = frame.width();
        int h = frame.height();
        BufferedImage image = new BufferedImage(w, h, BufferedImage.TYPE_INT_RGB);
        int[] line = new int[w];
        byte[] rgb = frame.rgb();
        for (int y = 0; y < h; y++) {
            for (int x = 0, i = 3 * y * w; x < w; x++, i += 3) {
                line[x] = (rgb[i] & 255) << 16 | (rgb[i + 1] & 255) << 8 | rgb[i + 2] & 255;
            }
            image.setRGB(0, y, w, 1, line, 0, w);
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream(w * h / 4);
        try {
            ImageIO.write(image, "jpeg", out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    /**
     * The coloured cloud in world coordinates, little endian: {@code "APC1"}, int32 n, float32 {@code [n, 3]} metres, uint8
     * {@code [n, 3]} RGB. Every k-th pixel of every k-th row, so that n stays within {@link #MAX_POINTS}; pixels without
     * depth are left out. Empty when the camera lacks depth, intrinsics or pose.
     */
    static byte[] encodePoints(CameraFrame frame) {
        float[] depth = frame.depthOrNull();
        Intrinsics k = frame.intrinsicsOrNull();
        Pose pose = frame.poseOrNull();
        if (depth == null || k == null || pose == null) {
            return new byte[0];
        }
        int w = frame.width();
        int stride = (int) Math.ceil(Math.sqrt((double) w * frame.height() / MAX_POINTS));
        int[] kept = new int[MAX_POINTS + w + frame.height()];
        int n = 0;
        for (int y = 0; y < frame.height(); y += stride) {
            for (int x = 0; x < w; x += stride) {
                float z = depth[y * w + x];
                if (z > 0 && z < 100 && n < MAX_POINTS) {
                    kept[n++] = y * w + x;
                }
            }
        }
        ByteBuffer out = ByteBuffer.allocate(8 + 15 * n).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(MAGIC).putInt(n);
        for (int i = 0; i < n; i++) {
            float z = depth[kept[i]];
            double x = (kept[i] % w + 0.5 - k.cx()) / k.fx() * z;
            double y = (kept[i] / w + 0.5 - k.cy()) / k.fy() * z;
            double[] p = pose.transform(x, y, z);
            out.putFloat((float) p[0]).putFloat((float) p[1]).putFloat((float) p[2]);
        }
        for (int i = 0; i < n; i++) {
            out.put(frame.rgb(), 3 * kept[i], 3);
        }
        return out.array();
    }
}
