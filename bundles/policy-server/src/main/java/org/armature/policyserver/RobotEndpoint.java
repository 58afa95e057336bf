package org.armature.policyserver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.WeakHashMap;
import org.armature.robot.ActionChunk;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.NdArray;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.PolicyEndpoint;
import org.armature.robot.PolicySpec;
import org.armature.robot.Pose;
import org.jspecify.annotations.Nullable;

/**
 * The runtime's own observations as named values, both ways: serves a {@link Policy}, and lets a remote one drive this
 * robot.
 *
 * <table>
 * <caption>Keys</caption>
 * <tr><td>{@code observation/state}</td><td>float64 {@code [J]} joint positions, rad or m</td></tr>
 * <tr><td>{@code observation/velocity}</td><td>float64 {@code [J]}, optional, rad/s or m/s</td></tr>
 * <tr><td>{@code observation/image/NAME}</td><td>uint8 {@code [H, W, 3]}, optional</td></tr>
 * <tr><td>{@code observation/depth/NAME}</td><td>float32 {@code [H, W]} m, optional</td></tr>
 * <tr><td>{@code observation/intrinsics/NAME}</td><td>float64 {@code [4]} fx, fy, cx, cy in pixels, optional</td></tr>
 * <tr><td>{@code observation/pose/NAME}</td><td>float64 {@code [4, 4]} camera-to-world, optional</td></tr>
 * <tr><td>{@code observation/time}</td><td>robot time in ns, optional</td></tr>
 * <tr><td>{@code prompt}</td><td>instruction</td></tr>
 * </table>
 */
final class RobotEndpoint implements PolicyEndpoint {
    private static final String STATE = "observation/state";
    private static final String VELOCITY = "observation/velocity";
    private static final String IMAGE = "observation/image/";
    private static final String DEPTH = "observation/depth/";
    private static final String INTRINSICS = "observation/intrinsics/";
    private static final String POSE = "observation/pose/";
    private static final String TIME = "observation/time";
    private static final String PROMPT = "prompt";

    private final String id;
    private final String version;
    private final PolicySpec spec;
    private final Leases policies;

    /** Whose memory each policy holds now. */
    private final Map<Policy, Session> turns = Collections.synchronizedMap(new WeakHashMap<>());

    /** Gives a policy for the time of a session: one of its own where the service is of prototype scope. */
    @FunctionalInterface
    interface Leases {
        Lease<Policy> lease();
    }

    /** A service in use; closing gives it back. */
    record Lease<T>(T service, Runnable giveBack) implements AutoCloseable {
        @Override
        public void close() {
            giveBack.run();
        }
    }

    RobotEndpoint(String id, String version, PolicySpec spec, Leases policies) {
        this.id = id;
        this.version = version;
        this.spec = spec;
        this.policies = policies;
    }

    @Override
    public Map<String, Object> metadata() {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("name", id);
        m.put("version", version);
        m.put("action_horizon", spec.horizon());
        m.put("action_dim", spec.joints());
        m.put("control_hz", 1e9 / spec.periodNanos());
        m.put("action_space", spec.space().name().toLowerCase(java.util.Locale.ROOT));
        return m;
    }

    @Override
    public Session open() {
        Lease<Policy> lease = policies.lease();
        return new Session() {
            @Override
            public Map<String, Object> infer(Map<String, Object> observation) {
                Policy policy = lease.service();
                Observation o = decode(observation, spec.joints());
                ActionChunk chunk;
                synchronized (policy) {
                    // Who shares an instance finds it as new whenever another was there in between.
                    if (turns.put(policy, this) != this) {
                        policy.reset();
                    }
                    chunk = policy.act(o);
                }
                return Map.of("actions", NdArray.of(chunk.actions(), chunk.horizon(), chunk.joints()));
            }

            @Override
            public void close() {
                lease.close();
            }
        };
    }

    static Observation decode(Map<String, Object> m, int joints) {
        double[] position = numbers(m, STATE, joints);
        double[] velocity = m.containsKey(VELOCITY) ? numbers(m, VELOCITY, joints) : new double[joints];
        long time = m.get(TIME) instanceof Long t ? t : System.nanoTime();
        Map<String, CameraFrame> cameras = new TreeMap<>();
        for (Map.Entry<String, Object> e : m.entrySet()) {
            if (e.getKey().startsWith(IMAGE)) {
                String camera = e.getKey().substring(IMAGE.length());
                NdArray image = array(m, e.getKey());
                if (!image.dtype().equals("|u1") || image.shape().length != 3 || image.shape()[2] != 3) {
                    throw new IllegalArgumentException(e.getKey() + " is " + image + ", but |u1[H, W, 3] is expected");
                }
                byte[] rgb = new byte[image.size()];
                image.data().duplicate().get(rgb);
                int h = (int) image.shape()[0];
                int w = (int) image.shape()[1];
                double[] k = m.containsKey(INTRINSICS + camera) ? numbers(m, INTRINSICS + camera, 4) : null;
                double[] pose = m.containsKey(POSE + camera) ? numbers(m, POSE + camera, 16) : null;
                cameras.put(
                        camera,
                        new CameraFrame(
                                camera,
                                time,
                                w,
                                h,
                                rgb,
                                depth(m, camera, w * h),
                                k == null ? null : new Intrinsics(k[0], k[1], k[2], k[3]),
                                pose == null ? null : new Pose(pose)));
            }
        }
        return new Observation(time, position, velocity, cameras, m.get(PROMPT) instanceof String s ? s : "", 0);
    }

    private static float @Nullable [] depth(Map<String, Object> m, String camera, int size) {
        if (!m.containsKey(DEPTH + camera)) {
            return null;
        }
        double[] d = numbers(m, DEPTH + camera, size);
        float[] f = new float[size];
        for (int i = 0; i < size; i++) {
            f[i] = (float) d[i];
        }
        return f;
    }

    static Map<String, Object> encode(Observation o) {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put(STATE, NdArray.of(o.position(), o.position().length));
        m.put(VELOCITY, NdArray.of(o.velocity(), o.velocity().length));
        m.put(TIME, o.timeNanos());
        m.put(PROMPT, o.instruction());
        o.cameras().forEach((name, f) -> {
            m.put(IMAGE + name, new NdArray("|u1", new long[] {f.height(), f.width(), 3}, ByteBuffer.wrap(f.rgb())));
            f.depth().ifPresent(d -> {
                ByteBuffer b = ByteBuffer.allocate(4 * d.length).order(ByteOrder.LITTLE_ENDIAN);
                b.asFloatBuffer().put(d);
                m.put(DEPTH + name, new NdArray("<f4", new long[] {f.height(), f.width()}, b));
            });
            f.intrinsics()
                    .ifPresent(k ->
                            m.put(INTRINSICS + name, NdArray.of(new double[] {k.fx(), k.fy(), k.cx(), k.cy()}, 4)));
            f.pose().ifPresent(p -> m.put(POSE + name, NdArray.of(p.matrix(), 4, 4)));
        });
        return m;
    }

    private static NdArray array(Map<String, Object> m, String key) {
        Object v = m.get(key);
        if (v instanceof NdArray a) {
            return a;
        }
        throw new IllegalArgumentException(
                v == null
                        ? "the key '" + key + "' is missing: the observation has " + m.keySet()
                        : "'" + key + "' is " + v.getClass().getSimpleName() + ", but an array is expected");
    }

    private static double[] numbers(Map<String, Object> m, String key, int size) {
        NdArray a = array(m, key);
        if (a.size() != size) {
            throw new IllegalArgumentException(key + " is " + a + ", but " + size + " numbers are expected");
        }
        return a.doubles();
    }
}
