package org.armature.perception;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * A set of points seen from above: convex hull and smallest enclosing rectangle.
 *
 * @param area of the hull, m^2
 * @param rectangle area of the smallest enclosing rectangle, m^2
 * @param longer its longer side, m
 * @param shorter its shorter side, m
 * @param yaw of its longer side about z, rad, in [-pi/2, pi/2)
 * @param x its middle, m
 * @param y its middle, m
 */
record Footprint(double area, double rectangle, double longer, double shorter, double yaw, double x, double y) {
    /** Andrew's monotone chain, then the smallest rectangle over all hull edges; {@code xs}, {@code ys} have n >= 1. */
    static Footprint of(double[] xs, double[] ys) {
        double[] hull = hull(xs, ys);
        int n = hull.length / 2;
        double area = 0;
        Footprint best = null;
        for (int i = 0; i < n; i++) {
            int k = (i + 1) % n;
            double ax = hull[2 * i];
            double ay = hull[2 * i + 1];
            double bx = hull[2 * k];
            double by = hull[2 * k + 1];
            area += 0.5 * (ax * by - ay * bx);
            double length = Math.hypot(bx - ax, by - ay);
            double c = length > 0 ? (bx - ax) / length : 1;
            double s = length > 0 ? (by - ay) / length : 0;
            double[] r = {Double.MAX_VALUE, -Double.MAX_VALUE, Double.MAX_VALUE, -Double.MAX_VALUE};
            for (int j = 0; j < n; j++) {
                double p = c * hull[2 * j] + s * hull[2 * j + 1];
                double q = -s * hull[2 * j] + c * hull[2 * j + 1];
                r[0] = Math.min(r[0], p);
                r[1] = Math.max(r[1], p);
                r[2] = Math.min(r[2], q);
                r[3] = Math.max(r[3], q);
            }
            double w = r[1] - r[0];
            double h = r[3] - r[2];
            if (best == null || w * h < best.rectangle) {
                double p = (r[0] + r[1]) / 2;
                double q = (r[2] + r[3]) / 2;
                double angle = Math.atan2(s, c) + (w >= h ? 0 : Math.PI / 2);
                best = new Footprint(
                        0, w * h, Math.max(w, h), Math.min(w, h), halfTurn(angle), c * p - s * q, s * p + c * q);
            }
        }
        if (best == null) {
            throw new IllegalArgumentException("a footprint needs at least one point");
        }
        return new Footprint(area, best.rectangle, best.longer, best.shorter, best.yaw, best.x, best.y);
    }

    /** 1 for a rectangle, pi/4 for a disc. */
    double squareness() {
        return rectangle > 0 ? area / rectangle : 1;
    }

    private static double halfTurn(double angle) {
        double a = angle - Math.PI * Math.floor(angle / Math.PI + 0.5);
        return a >= Math.PI / 2 ? a - Math.PI : a;
    }

    private static double[] hull(double[] xs, double[] ys) {
        Integer[] order = outer(xs, ys);
        int n = order.length;
        Arrays.sort(order, (a, b) -> xs[a] != xs[b] ? Double.compare(xs[a], xs[b]) : Double.compare(ys[a], ys[b]));
        double[] h = new double[4 * n + 4];
        int size = 0;
        int floor = 1;
        for (int pass = 0; pass < 2; pass++) {
            for (int i = 0; i < n; i++) {
                int p = order[pass == 0 ? i : n - 1 - i];
                while (size > floor && turn(h, size, xs[p], ys[p]) <= 0) {
                    size--;
                }
                h[2 * size] = xs[p];
                h[2 * size + 1] = ys[p];
                size++;
            }
            size--;
            floor = size + 1;
        }
        return Arrays.copyOf(h, 2 * Math.max(1, size));
    }

    /** Without the points inside the quadrilateral of the four extremes, which no hull has (Akl and Toussaint 1978). */
    private static Integer[] outer(double[] xs, double[] ys) {
        int[] e = new int[4];
        for (int i = 1; i < xs.length; i++) {
            e[0] = xs[i] < xs[e[0]] ? i : e[0];
            e[1] = ys[i] < ys[e[1]] ? i : e[1];
            e[2] = xs[i] > xs[e[2]] ? i : e[2];
            e[3] = ys[i] > ys[e[3]] ? i : e[3];
        }
        return IntStream.range(0, xs.length)
                .filter(i -> {
                    boolean inside = true;
                    for (int k = 0; k < 4 && inside; k++) {
                        int a = e[k];
                        int b = e[(k + 1) % 4];
                        inside = (xs[b] - xs[a]) * (ys[i] - ys[a]) - (ys[b] - ys[a]) * (xs[i] - xs[a]) > 0;
                    }
                    return !inside;
                })
                .boxed()
                .toArray(Integer[]::new);
    }

    private static double turn(double[] h, int size, double x, double y) {
        double ax = h[2 * size - 4];
        double ay = h[2 * size - 3];
        double bx = h[2 * size - 2];
        double by = h[2 * size - 1];
        return (bx - ax) * (y - ay) - (by - ay) * (x - ax);
    }
}
