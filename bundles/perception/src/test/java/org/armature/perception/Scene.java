package org.armature.perception;

import java.util.ArrayList;
import java.util.List;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;

/** A ray-cast table with things on it, shaded by one lamp: images whose truth is known. */
final class Scene {
    /** Distance along a ray, or infinity, with the normal there. */
    private record Hit(double t, double[] normal, int rgb) {}

    private interface Body {
        Hit hit(double[] o, double[] d);
    }

    private final List<Body> bodies = new ArrayList<>();

    Scene(int tableRgb) {
        bodies.add((o, d) -> {
            double t = -o[2] / d[2];
            return new Hit(t > 1e-6 ? t : Double.POSITIVE_INFINITY, new double[] {0, 0, 1}, tableRgb);
        });
    }

    Scene box(double x, double y, double bottom, double hx, double hy, double hz, double yaw, int rgb) {
        double c = Math.cos(yaw);
        double s = Math.sin(yaw);
        bodies.add((o, d) -> {
            double[] p = {c * (o[0] - x) + s * (o[1] - y), -s * (o[0] - x) + c * (o[1] - y), o[2] - bottom - hz};
            double[] q = {c * d[0] + s * d[1], -s * d[0] + c * d[1], d[2]};
            double[] half = {hx, hy, hz};
            double enter = -1e9;
            double leave = 1e9;
            int axis = 0;
            for (int k = 0; k < 3; k++) {
                double a = (-half[k] - p[k]) / q[k];
                double b = (half[k] - p[k]) / q[k];
                if (Math.min(a, b) > enter) {
                    enter = Math.min(a, b);
                    axis = k;
                }
                leave = Math.min(leave, Math.max(a, b));
            }
            double[] n = new double[3];
            n[axis] = -Math.signum(q[axis]);
            double[] world = {c * n[0] - s * n[1], s * n[0] + c * n[1], n[2]};
            return new Hit(enter < leave && enter > 1e-6 ? enter : Double.POSITIVE_INFINITY, world, rgb);
        });
        return this;
    }

    Scene ball(double x, double y, double z, double r, int rgb) {
        bodies.add((o, d) -> {
            double[] p = {o[0] - x, o[1] - y, o[2] - z};
            double a = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            double b = p[0] * d[0] + p[1] * d[1] + p[2] * d[2];
            double disc = b * b - a * (p[0] * p[0] + p[1] * p[1] + p[2] * p[2] - r * r);
            double t = disc < 0 ? Double.POSITIVE_INFINITY : (-b - Math.sqrt(disc)) / a;
            return new Hit(t, new double[] {(p[0] + t * d[0]) / r, (p[1] + t * d[1]) / r, (p[2] + t * d[2]) / r}, rgb);
        });
        return this;
    }

    Scene cylinder(double x, double y, double bottom, double r, double h, int rgb) {
        wall(x, y, r, bottom, bottom + h, rgb);
        disc(x, y, bottom + h, 0, r, rgb);
        return this;
    }

    /** Walls of a centimetre, a floor of a centimetre. */
    Scene bowl(double x, double y, double r, double h, int rgb) {
        wall(x, y, r, 0, h, rgb);
        wall(x, y, r - 0.01, 0.01, h, rgb);
        disc(x, y, h, r - 0.01, r, rgb);
        disc(x, y, 0.01, 0, r - 0.01, rgb);
        return this;
    }

    Scene tray(double x, double y, double hx, double hy, double h, int rgb) {
        box(x, y, 0, hx, hy, 0.004, 0, rgb);
        box(x - hx, y, 0, 0.005, hy, h / 2, 0, rgb);
        box(x + hx, y, 0, 0.005, hy, h / 2, 0, rgb);
        box(x, y - hy, 0, hx, 0.005, h / 2, 0, rgb);
        box(x, y + hy, 0, hx, 0.005, h / 2, 0, rgb);
        return this;
    }

    private void wall(double x, double y, double r, double from, double to, int rgb) {
        bodies.add((o, d) -> {
            double px = o[0] - x;
            double py = o[1] - y;
            double a = d[0] * d[0] + d[1] * d[1];
            double b = px * d[0] + py * d[1];
            double disc = b * b - a * (px * px + py * py - r * r);
            for (int k = -1; k <= 1 && disc > 0; k += 2) {
                double t = (-b + k * Math.sqrt(disc)) / a;
                double z = o[2] + t * d[2];
                if (t > 1e-6 && z >= from && z <= to) {
                    return new Hit(t, new double[] {(px + t * d[0]) / r, (py + t * d[1]) / r, 0}, rgb);
                }
            }
            return new Hit(Double.POSITIVE_INFINITY, new double[3], rgb);
        });
    }

    private void disc(double x, double y, double z, double inner, double outer, int rgb) {
        bodies.add((o, d) -> {
            double t = (z - o[2]) / d[2];
            double r = Math.hypot(o[0] + t * d[0] - x, o[1] + t * d[1] - y);
            return new Hit(
                    t > 1e-6 && r >= inner && r <= outer ? t : Double.POSITIVE_INFINITY, new double[] {0, 0, 1}, rgb);
        });
    }

    /** Seen by a camera of {@code size} x {@code size} pixels with a field of view of about 50 degrees. */
    CameraFrame render(Pose pose, int size) {
        Intrinsics k = new Intrinsics(1.07 * size, 1.07 * size, size / 2.0, size / 2.0);
        byte[] rgb = new byte[3 * size * size];
        float[] depth = new float[size * size];
        double[] m = pose.matrix();
        double[] o = {m[3], m[7], m[11]};
        for (int v = 0; v < size; v++) {
            for (int u = 0; u < size; u++) {
                double[] end = pose.transform((u + 0.5 - k.cx()) / k.fx(), (v + 0.5 - k.cy()) / k.fy(), 1);
                double[] d = {end[0] - o[0], end[1] - o[1], end[2] - o[2]};
                Hit hit = new Hit(Double.POSITIVE_INFINITY, new double[3], 0);
                for (Body b : bodies) {
                    Hit h = b.hit(o, d);
                    hit = h.t < hit.t ? h : hit;
                }
                int i = v * size + u;
                if (hit.t < 1e6) {
                    double lamp = hit.normal[0] * 0.36 + hit.normal[1] * -0.48 + hit.normal[2] * 0.8;
                    double light = 0.35 + 0.65 * Math.abs(lamp);
                    for (int c = 0; c < 3; c++) {
                        rgb[3 * i + c] = (byte) (light * (hit.rgb >> (16 - 8 * c) & 255));
                    }
                    depth[i] = (float) hit.t;
                }
            }
        }
        return new CameraFrame("test", 0, size, size, rgb, depth, k, pose);
    }

    /** A camera at {@code eye} that looks at {@code at}, upright. */
    static Pose looking(double[] eye, double[] at) {
        double[] z = unit(at[0] - eye[0], at[1] - eye[1], at[2] - eye[2]);
        double[] x = unit(z[1], -z[0], 0);
        double[] y = {z[1] * x[2] - z[2] * x[1], z[2] * x[0] - z[0] * x[2], z[0] * x[1] - z[1] * x[0]};
        return new Pose(
                new double[] {x[0], y[0], z[0], eye[0], x[1], y[1], z[1], eye[1], x[2], y[2], z[2], eye[2], 0, 0, 0, 1
                });
    }

    private static double[] unit(double x, double y, double z) {
        double n = Math.sqrt(x * x + y * y + z * z);
        return new double[] {x / n, y / n, z / n};
    }
}
