package org.armature.perception;

import java.util.EnumMap;
import java.util.Map;

/**
 * What the visible surface of a segment says about its shape. Each measure is 0 to 1.
 *
 * @param hollow 1 where the middle lies lower than the rim
 * @param round 1 where the outline from above is a disc
 * @param flat 1 where the top is a plane
 * @param certain how much to believe it: few pixels and hidden outlines say little
 */
record Geometry(double hollow, double round, double flat, double certain) {
    private static final double MIDDLE = 0.45;

    /** Measures {@code segment}; {@code visible} is the part of its outline that nothing hides. */
    static Geometry of(Segment segment, PointImage image, Footprint footprint, double visible) {
        double[] p = image.points();
        if (p == null) {
            return new Geometry(0.5, 0.5, 0.5, 0);
        }
        double top = segment.high[2];
        double bottom = Double.isNaN(image.table()) ? segment.low[2] : Math.min(segment.low[2], image.table());
        double height = Math.max(top - bottom, 1e-3);
        double c = Math.cos(footprint.yaw());
        double s = Math.sin(footprint.yaw());
        int middle = 0;
        int middleHigh = 0;
        int high = 0;
        int n = segment.pixels.size();
        double[] topX = new double[n];
        double[] topY = new double[n];
        for (int i : segment.pixels) {
            double dx = p[3 * i] - footprint.x();
            double dy = p[3 * i + 1] - footprint.y();
            double a = Math.abs(c * dx + s * dy) / Math.max(footprint.longer() / 2, 1e-3);
            double b = Math.abs(-s * dx + c * dy) / Math.max(footprint.shorter() / 2, 1e-3);
            double z = (p[3 * i + 2] - bottom) / height;
            if (a < MIDDLE && b < MIDDLE) {
                middle++;
                middleHigh += z > 0.7 ? 1 : 0;
            }
            if (z > 0.9) {
                topX[high] = p[3 * i];
                topY[high] = p[3 * i + 1];
                high++;
            }
        }
        double expected = n * MIDDLE * MIDDLE * 0.25;
        double solid = middle < expected ? middleHigh / Math.max(expected, 1) : (double) middleHigh / middle;
        double flat = high < 3
                ? 0.5
                : Footprint.of(java.util.Arrays.copyOf(topX, high), java.util.Arrays.copyOf(topY, high))
                                .area()
                        / Math.max(footprint.area(), 1e-8);
        return new Geometry(
                1 - ramp(solid, 0.15, 0.6),
                1 - ramp(footprint.squareness(), 0.84, 0.93),
                ramp(flat, 0.45, 0.75),
                ramp(visible, 0.55, 0.95) * Math.min(1, n / 40.0));
    }

    /** How well each shape fits, adding up to 1. */
    Map<Shape, Double> fit() {
        Map<Shape, Double> fit = new EnumMap<>(Shape.class);
        double solid = 1 - hollow;
        fit.put(Shape.CUBE, blend(solid * (1 - round)));
        fit.put(Shape.CYLINDER, blend(solid * round * flat));
        fit.put(Shape.BALL, blend(solid * round * (1 - flat)));
        fit.put(Shape.BOWL, blend(hollow * round));
        fit.put(Shape.TRAY, blend(hollow * (1 - round)));
        return fit;
    }

    private double blend(double x) {
        return certain * x + (1 - certain) / Shape.values().length;
    }

    private static double ramp(double x, double from, double to) {
        return Math.min(1, Math.max(0, (x - from) / (to - from)));
    }
}
