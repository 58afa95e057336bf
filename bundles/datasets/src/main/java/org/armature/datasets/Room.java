package org.armature.datasets;

import java.util.ArrayList;
import java.util.List;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.armature.train.Draw;
import org.jspecify.annotations.Nullable;

/**
 * A cubic room with solids in its middle, all textured, seen by casting rays. World: metres, z up, origin in the middle.
 *
 * @param solids the room first; a ray always meets it
 */
record Room(List<Solid> solids) {
    /** Half the room's side, metres. */
    static final double HALF = 4.5;

    private static final int SOLIDS = 3;
    private static final double[] LIGHT = {0.36, 0.48, 0.8};
    private static final double AMBIENT = 0.55;

    /** The room and three boxes or spheres, drawn. */
    static Room of(Draw draw) {
        List<Solid> all = new ArrayList<>();
        all.add(new Box(new double[3], new double[] {HALF, HALF, HALF}, 0, true, textures(draw, 6, 0.8, 2)));
        for (int i = 0; i < SOLIDS; i++) {
            double[] centre = {between(draw, -1.3, 1.3), between(draw, -1.3, 1.3), between(draw, -0.8, 0.8)};
            if (draw.uniform() < 0.5) {
                double[] half = {between(draw, 0.25, 0.8), between(draw, 0.25, 0.8), between(draw, 0.25, 0.8)};
                all.add(new Box(centre, half, between(draw, 0, Math.PI), false, textures(draw, 6, 0.25, 0.7)));
            } else {
                all.add(new Ball(centre, between(draw, 0.35, 0.85), Texture.of(draw, 0.25, 0.7)));
            }
        }
        return new Room(all);
    }

    static double between(Draw draw, double low, double high) {
        return low + (high - low) * draw.uniform();
    }

    private static List<Texture> textures(Draw draw, int n, double finest, double coarsest) {
        List<Texture> t = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            t.add(Texture.of(draw, finest, coarsest));
        }
        return t;
    }

    /** Where a ray first meets a surface: {@code from + at * ray}; {@code local} in the solid's own frame. */
    @SuppressWarnings("ArrayRecordComponent") // never compared, never shown
    record Hit(double at, double[] normal, double[] local, Texture texture) {}

    /** Something a ray may meet. */
    sealed interface Solid {
        /** @return null if the ray does not meet it ahead of {@code from} */
        @Nullable
        Hit hit(double[] from, double[] ray);
    }

    /** A sphere. */
    @SuppressWarnings("ArrayRecordComponent")
    record Ball(double[] centre, double radius, Texture texture) implements Solid {
        @Override
        public @Nullable Hit hit(double[] from, double[] ray) {
            double[] o = minus(from, centre);
            double a = dot(ray, ray);
            double half = dot(o, ray);
            double discriminant = half * half - a * (dot(o, o) - radius * radius);
            double t = discriminant < 0 ? -1 : (-half - Math.sqrt(discriminant)) / a;
            if (t <= 0) {
                return null;
            }
            double[] p = along(o, t, ray);
            return new Hit(t, new double[] {p[0] / radius, p[1] / radius, p[2] / radius}, p, texture);
        }
    }

    /**
     * A box turned about the vertical.
     *
     * @param yaw radians
     * @param inside whether it is seen from within
     * @param textures of the faces -x, +x, -y, +y, -z, +z
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Box(double[] centre, double[] half, double yaw, boolean inside, List<Texture> textures) implements Solid {
        @Override
        public @Nullable Hit hit(double[] from, double[] ray) {
            double[] o = turned(minus(from, centre), -yaw);
            double[] d = turned(ray, -yaw);
            double enter = Double.NEGATIVE_INFINITY;
            double leave = Double.POSITIVE_INFINITY;
            int entered = 0;
            int left = 0;
            for (int k = 0; k < 3; k++) {
                double near = (-Math.copySign(half[k], d[k]) - o[k]) / d[k];
                double far = (Math.copySign(half[k], d[k]) - o[k]) / d[k];
                if (near > enter) {
                    enter = near;
                    entered = k;
                }
                if (far < leave) {
                    leave = far;
                    left = k;
                }
            }
            double t = inside ? leave : enter;
            int axis = inside ? left : entered;
            if (enter > leave || t <= 0) {
                return null;
            }
            double[] p = along(o, t, d);
            double[] normal = new double[3];
            normal[axis] = -Math.signum(d[axis]);
            return new Hit(t, turned(normal, yaw), p, textures.get(2 * axis + (p[axis] > 0 ? 1 : 0)));
        }
    }

    /**
     * Two colours in space, as a checker or as waves.
     *
     * @param cell metres a checker's cell or half a wave
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Texture(boolean checker, double cell, double[] phase, double[] first, double[] second) {
        static Texture of(Draw draw, double finest, double coarsest) {
            return new Texture(
                    draw.uniform() < 0.5,
                    between(draw, finest, coarsest),
                    new double[] {draw.uniform(), draw.uniform(), draw.uniform()},
                    new double[] {draw.uniform(), draw.uniform(), draw.uniform()},
                    new double[] {draw.uniform(), draw.uniform(), draw.uniform()});
        }

        /** Adds the light of this colour at a point to {@code rgb}. */
        void add(double[] local, double light, double[] rgb) {
            long parity = 0;
            double wave = 1;
            for (int k = 0; k < 3; k++) {
                double x = local[k] / cell + phase[k];
                parity += (long) Math.floor(x);
                wave *= Math.sin(Math.PI * x);
            }
            double w = checker ? parity & 1 : 0.5 + 0.5 * wave;
            for (int c = 0; c < 3; c++) {
                rgb[c] += light * (w * first[c] + (1 - w) * second[c]);
            }
        }
    }

    /** The nearest surface. */
    Hit hit(double[] from, double[] ray) {
        Hit best = null;
        for (Solid s : solids) {
            Hit h = s.hit(from, ray);
            if (h != null && (best == null || h.at < best.at)) {
                best = h;
            }
        }
        if (best == null) {
            throw new IllegalArgumentException("the camera stands outside the room");
        }
        return best;
    }

    /** Depth at the pixels' centres, colour as the mean of four rays a pixel. */
    CameraFrame look(String camera, Pose pose, Intrinsics k, int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        float[] depth = new float[width * height];
        double[] m = pose.matrix();
        double[] from = {m[3], m[7], m[11]};
        for (int p = 0; p < depth.length; p++) {
            double u = p % width + 0.5;
            double v = (double) (p / width) + 0.5;
            depth[p] = (float) hit(from, ray(m, k, u, v)).at;
            double[] colour = new double[3];
            for (int i = 0; i < 4; i++) {
                Hit h = hit(from, ray(m, k, u - 0.25 + i % 2 * 0.5, v - 0.25 + (i >> 1) * 0.5));
                double light = AMBIENT + (1 - AMBIENT) * Math.abs(dot(h.normal, LIGHT));
                h.texture.add(h.local, light / 4, colour);
            }
            for (int c = 0; c < 3; c++) {
                rgb[3 * p + c] = (byte) Math.round(255 * Math.min(1, colour[c]));
            }
        }
        return new CameraFrame(camera, 0, width, height, rgb, depth, k, pose);
    }

    /** Of length one along the optical axis, so that a hit's distance is its depth. */
    private static double[] ray(double[] m, Intrinsics k, double u, double v) {
        double x = (u - k.cx()) / k.fx();
        double y = (v - k.cy()) / k.fy();
        return new double[] {m[0] * x + m[1] * y + m[2], m[4] * x + m[5] * y + m[6], m[8] * x + m[9] * y + m[10]};
    }

    /** A camera at {@code eye} that looks at {@code target}, upright. */
    static Pose lookAt(double[] eye, double[] target) {
        double[] z = unit(minus(target, eye));
        double[] x = unit(new double[] {z[1], -z[0], 0}); // forward cross up
        double[] y = {z[1] * x[2] - z[2] * x[1], z[2] * x[0] - z[0] * x[2], z[0] * x[1] - z[1] * x[0]};
        return new Pose(
                new double[] {x[0], y[0], z[0], eye[0], x[1], y[1], z[1], eye[1], x[2], y[2], z[2], eye[2], 0, 0, 0, 1
                });
    }

    private static double[] turned(double[] v, double yaw) {
        double c = Math.cos(yaw);
        double s = Math.sin(yaw);
        return new double[] {c * v[0] - s * v[1], s * v[0] + c * v[1], v[2]};
    }

    private static double[] unit(double[] v) {
        double n = Math.sqrt(dot(v, v));
        return new double[] {v[0] / n, v[1] / n, v[2] / n};
    }

    private static double[] minus(double[] a, double[] b) {
        return new double[] {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    }

    private static double[] along(double[] from, double t, double[] ray) {
        return new double[] {from[0] + t * ray[0], from[1] + t * ray[1], from[2] + t * ray[2]};
    }

    private static double dot(double[] a, double[] b) {
        return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    }
}
