package org.armature.geoadapter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import org.armature.robot.CameraFrame;
import org.armature.robot.Pose;
import org.armature.robot.SceneGeometry.Estimate;
import org.armature.robot.SceneGeometry.View;
import org.armature.show.Figure;

/** An estimate as figures: the cloud with the cameras' frusta, depth beside the image, and a table. */
final class GeometryFigures {
    private static final int DOTS = 24;
    private static final double FRUSTUM = 0.08;
    private static final List<String> COLUMNS = List.of(
            "camera",
            "given",
            "measured, % of the pixels",
            "network alone: median point error, mm",
            "mean, mm",
            "ms a frame");

    private GeometryFigures() {}

    /**
     * @param published what others get
     * @param network the same of the network alone: only it can be compared with the sensor
     */
    static SequencedMap<String, Figure> of(
            Estimate published, Estimate network, List<CameraFrame> frames, double millis) {
        SequencedMap<String, Figure> f = new LinkedHashMap<>();
        f.put("estimated points and cameras", cloud(published));
        int w = published.width();
        int h = published.height();
        List<Figure.Picture> pictures = new ArrayList<>();
        List<List<String>> rows = new ArrayList<>();
        for (int i = 0; i < frames.size(); i++) {
            View v = published.views().get(i);
            String given = given(frames.get(i));
            double[] errors = errors(network.views().get(i), Prepared.of(frames.get(i), w, h));
            pictures.add(new Figure.Picture(v.camera() + ", " + given, w, h, v.rgb()));
            pictures.add(new Figure.Picture("depth", w, h, colours(v.depth())));
            rows.add(List.of(
                    v.camera(),
                    given,
                    String.format(Locale.ROOT, "%.0f", 100.0 * errors.length / (w * h)),
                    errors.length == 0 ? "-" : millimetres(errors[errors.length / 2]),
                    errors.length == 0
                            ? "-"
                            : millimetres(Arrays.stream(errors).average().orElseThrow()),
                    String.format(Locale.ROOT, "%.0f", millis)));
        }
        f.put("images and depth", new Figure.Pictures(2, pictures));
        f.put("what each camera gives", new Figure.Table(COLUMNS, rows));
        return f;
    }

    /** Distances of the points of {@code v} from where the sensor's depth says they are, m, rising; of the measured pixels. */
    static double[] errors(View v, Prepared p) {
        float[] depth = p.depth();
        if (depth == null) {
            return new double[0];
        }
        float[] truth = Estimator.points(
                depth,
                p.width(),
                p.intrinsics() == null ? v.intrinsics() : p.intrinsics(),
                p.pose() == null ? v.pose() : p.pose());
        return IntStream.range(0, depth.length)
                .filter(i -> depth[i] > 0)
                .mapToDouble(i -> Math.hypot(
                        Math.hypot(truth[3 * i] - v.points()[3 * i], truth[3 * i + 1] - v.points()[3 * i + 1]),
                        truth[3 * i + 2] - v.points()[3 * i + 2]))
                .sorted()
                .toArray();
    }

    /** {@code depth and camera}, {@code camera}, {@code depth} or {@code image only}. */
    private static String given(CameraFrame f) {
        List<String> what = new ArrayList<>();
        if (f.depthOrNull() != null) {
            what.add("depth");
        }
        if (f.poseOrNull() != null && f.intrinsicsOrNull() != null) {
            what.add("camera");
        }
        return what.isEmpty() ? "image only" : String.join(" and ", what);
    }

    private static String millimetres(double metres) {
        return String.format(Locale.ROOT, "%.1f", 1000 * metres);
    }

    /** All points, and dotted outlines of what each camera sees. */
    static Figure.PointCloud cloud(Estimate e) {
        int n = e.width() * e.height();
        int outline = 8 * DOTS;
        int s = e.views().size();
        float[] xyz = new float[3 * s * (n + outline)];
        byte[] rgb = new byte[xyz.length];
        int at = 0;
        for (int i = 0; i < s; i++) {
            View v = e.views().get(i);
            System.arraycopy(v.points(), 0, xyz, at, 3 * n);
            System.arraycopy(v.rgb(), 0, rgb, at, 3 * n);
            at += 3 * n;
            for (double[] p : frustum(v, e.width(), e.height())) {
                for (int c = 0; c < 3; c++) {
                    xyz[at + c] = (float) p[c];
                    rgb[at + c] = (byte) (c == i % 3 ? 255 : 40);
                }
                at += 3;
            }
        }
        return new Figure.PointCloud(xyz, rgb);
    }

    /** {@value #DOTS} points on each of the eight edges of a pyramid of {@value #FRUSTUM} m. */
    static List<double[]> frustum(View v, int width, int height) {
        double[][] corner = new double[4][];
        for (int i = 0; i < 4; i++) {
            double u = i == 0 || i == 3 ? 0 : width;
            double w = i < 2 ? 0 : height;
            corner[i] = v.pose()
                    .transform(
                            (u - v.intrinsics().cx()) / v.intrinsics().fx() * FRUSTUM,
                            (w - v.intrinsics().cy()) / v.intrinsics().fy() * FRUSTUM,
                            FRUSTUM);
        }
        double[] eye = centre(v.pose());
        List<double[]> dots = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            for (int k = 0; k < DOTS; k++) {
                dots.add(between(eye, corner[i], (double) k / DOTS));
                dots.add(between(corner[i], corner[(i + 1) % 4], (double) k / DOTS));
            }
        }
        return dots;
    }

    static double[] centre(Pose p) {
        return p.transform(0, 0, 0);
    }

    private static double[] between(double[] a, double[] b, double share) {
        return new double[] {a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])};
    }

    /** Depth as colours, near yellow to far blue, over the middle 96 % of the values; unknown is black. */
    static byte[] colours(float[] depth) {
        float[] known = new float[depth.length];
        int n = 0;
        for (float d : depth) {
            if (d > 0 && Float.isFinite(d)) {
                known[n++] = d;
            }
        }
        Arrays.sort(known, 0, n);
        double low = n == 0 ? 0 : known[n / 50];
        double high = n == 0 ? 1 : known[n - 1 - n / 50];
        return colours(depth, low, high);
    }

    static byte[] colours(float[] values, double low, double high) {
        byte[] rgb = new byte[3 * values.length];
        for (int i = 0; i < values.length; i++) {
            if (values[i] > 0 && Float.isFinite(values[i])) {
                double t = Math.clamp((values[i] - low) / Math.max(1e-9, high - low), 0, 1);
                rgb[3 * i] = (byte) Math.round(253 - 185 * t);
                rgb[3 * i + 1] = (byte) Math.round(231 * (1 - t) + 1);
                rgb[3 * i + 2] = (byte) Math.round(37 + 50 * t + 80 * t * (1 - t));
            }
        }
        return rgb;
    }
}
