package org.armature.simulation;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.armature.robot.Simulator.Body;

/**
 * A camera in plain Java: for each body the pixels its bounding sphere may cover are cast as rays against it, nearest
 * wins. Depth is z along the optical axis, exactly the one the ray met.
 */
final class Painter {
    private static final double[] LIGHT = {0.36, -0.27, 0.893};
    private static final int SKY = 0xDDE3EA;

    private final double[] toBody = new double[16];
    private final double[] hit = new double[4];

    /** Draws what a camera sees. {@code pose} is camera-to-world, OpenCV axes. */
    CameraFrame draw(String name, List<Body> bodies, Pose pose, Intrinsics k, int width, int height, long timeNanos) {
        byte[] rgb = new byte[3 * width * height];
        float[] depth = new float[width * height];
        Arrays.fill(depth, Float.POSITIVE_INFINITY);
        for (Body b : bodies) {
            paint(b, pose, k, width, height, rgb, depth);
        }
        for (int i = 0; i < depth.length; i++) {
            if (depth[i] == Float.POSITIVE_INFINITY) {
                depth[i] = 0;
                colour(rgb, i, SKY, 1 - 0.25 * (double) (i / width) / height);
            }
        }
        return new CameraFrame(name, timeNanos, width, height, rgb, depth, k, pose);
    }

    private void paint(Body b, Pose camera, Intrinsics k, int width, int height, byte[] rgb, float[] depth) {
        double[] m = toBody;
        Frames.relative(b.pose().matrix(), camera.matrix(), m);
        // The body's origin seen by the camera, to bound its pixels.
        double x = -(m[0] * m[3] + m[4] * m[7] + m[8] * m[11]);
        double y = -(m[1] * m[3] + m[5] * m[7] + m[9] * m[11]);
        double z = -(m[2] * m[3] + m[6] * m[7] + m[10] * m[11]);
        Part.Shape shape = Part.Shape.valueOf(b.shape().toUpperCase(Locale.ROOT));
        double[] size = b.size();
        double r = Part.reach(shape, size);
        if (z + r < 0.01) {
            return;
        }
        int left = 0;
        int right = width;
        int top = 0;
        int bottom = height;
        if (z - r > 0.01) {
            left = edge(k.fx() * low(x - r, z, r) + k.cx(), width);
            right = edge(k.fx() * high(x + r, z, r) + k.cx() + 1, width);
            top = edge(k.fy() * low(y - r, z, r) + k.cy(), height);
            bottom = edge(k.fy() * high(y + r, z, r) + k.cy() + 1, height);
        }
        double[] world = b.pose().matrix();
        double lx = world[0] * LIGHT[0] + world[4] * LIGHT[1] + world[8] * LIGHT[2];
        double ly = world[1] * LIGHT[0] + world[5] * LIGHT[1] + world[9] * LIGHT[2];
        double lz = world[2] * LIGHT[0] + world[6] * LIGHT[1] + world[10] * LIGHT[2];
        for (int v = top; v < bottom; v++) {
            double cy = (v + 0.5 - k.cy()) / k.fy();
            for (int u = left; u < right; u++) {
                double cx = (u + 0.5 - k.cx()) / k.fx();
                double dx = m[0] * cx + m[1] * cy + m[2];
                double dy = m[4] * cx + m[5] * cy + m[6];
                double dz = m[8] * cx + m[9] * cy + m[10];
                hit[0] = Double.POSITIVE_INFINITY;
                cast(shape, size, m[3], m[7], m[11], dx, dy, dz);
                int i = v * width + u;
                if (hit[0] < depth[i]) {
                    depth[i] = (float) hit[0];
                    double lit = hit[1] * lx + hit[2] * ly + hit[3] * lz;
                    colour(rgb, i, b.rgb(), 0.62 + 0.38 * lit);
                }
            }
        }
    }

    private static double low(double a, double z, double r) {
        return Math.min(a / (z - r), a / (z + r));
    }

    private static double high(double a, double z, double r) {
        return Math.max(a / (z - r), a / (z + r));
    }

    private static int edge(double x, int size) {
        return (int) Math.max(0, Math.min(size, x));
    }

    private static void colour(byte[] rgb, int pixel, int c, double light) {
        double l = Math.clamp(light, 0, 1.08);
        rgb[3 * pixel] = (byte) Math.min(255, (int) ((c >> 16 & 255) * l));
        rgb[3 * pixel + 1] = (byte) Math.min(255, (int) ((c >> 8 & 255) * l));
        rgb[3 * pixel + 2] = (byte) Math.min(255, (int) ((c & 255) * l));
    }

    /** Leaves distance and normal of the nearest hit in {@link #hit}. */
    private void cast(Part.Shape shape, double[] s, double ox, double oy, double oz, double dx, double dy, double dz) {
        switch (shape) {
            case BOX -> box(s, ox, oy, oz, dx, dy, dz);
            case SPHERE -> sphere(s[0], 0, ox, oy, oz, dx, dy, dz);
            case CAPSULE -> {
                side(s, ox, oy, oz, dx, dy, dz);
                sphere(s[0], s[1], ox, oy, oz, dx, dy, dz);
                sphere(s[0], -s[1], ox, oy, oz, dx, dy, dz);
            }
            case CYLINDER -> {
                side(s, ox, oy, oz, dx, dy, dz);
                double cap = dz < 0 ? s[1] : -s[1];
                double t = (cap - oz) / dz;
                double x = ox + t * dx;
                double y = oy + t * dy;
                if (x * x + y * y <= s[0] * s[0]) {
                    met(t, 0, 0, Math.signum(cap));
                }
            }
        }
    }

    private void box(double[] s, double ox, double oy, double oz, double dx, double dy, double dz) {
        double tx = (-Math.copySign(s[0], dx) - ox) / dx;
        double ty = (-Math.copySign(s[1], dy) - oy) / dy;
        double tz = (-Math.copySign(s[2], dz) - oz) / dz;
        double out = Math.min(
                (Math.copySign(s[0], dx) - ox) / dx,
                Math.min((Math.copySign(s[1], dy) - oy) / dy, (Math.copySign(s[2], dz) - oz) / dz));
        double in = Math.max(tx, Math.max(ty, tz));
        if (in <= out) {
            if (in == tx) {
                met(in, -Math.signum(dx), 0, 0);
            } else if (in == ty) {
                met(in, 0, -Math.signum(dy), 0);
            } else {
                met(in, 0, 0, -Math.signum(dz));
            }
        }
    }

    private void side(double[] s, double ox, double oy, double oz, double dx, double dy, double dz) {
        double a = dx * dx + dy * dy;
        double b = ox * dx + oy * dy;
        double d = b * b - a * (ox * ox + oy * oy - s[0] * s[0]);
        if (d > 0 && a > 0) {
            double t = (-b - Math.sqrt(d)) / a;
            if (Math.abs(oz + t * dz) <= s[1]) {
                met(t, (ox + t * dx) / s[0], (oy + t * dy) / s[0], 0);
            }
        }
    }

    private void sphere(double r, double cz, double ox, double oy, double oz, double dx, double dy, double dz) {
        double z = oz - cz;
        double a = dx * dx + dy * dy + dz * dz;
        double b = ox * dx + oy * dy + z * dz;
        double d = b * b - a * (ox * ox + oy * oy + z * z - r * r);
        if (d > 0) {
            double t = (-b - Math.sqrt(d)) / a;
            met(t, (ox + t * dx) / r, (oy + t * dy) / r, (z + t * dz) / r);
        }
    }

    private void met(double t, double nx, double ny, double nz) {
        if (t > 0.01 && t < hit[0]) {
            hit[0] = t;
            hit[1] = nx;
            hit[2] = ny;
            hit[3] = nz;
        }
    }
}
