package org.armature.perception;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.armature.robot.CameraFrame;
import org.armature.robot.Perception;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;

/**
 * Perception without learning: colour segmentation, connected components in image and space, unprojection, and a few
 * measures of geometry that tell cube, cylinder, ball, bowl and tray apart.
 *
 * <p>Input is a {@link CameraFrame} in its camera frame (x right, y down, z forward); output is in the world frame its
 * pose leads to. A frame without depth, intrinsics or pose gives boxes in pixels whose centre, extents and yaw are NaN.
 * A thing cut by the image's edge or hidden behind something nearer scores lower, so that of several cameras the one
 * that sees it whole wins. Any thread.
 *
 * <p>Limits: two touching things of one colour are one; things must be at least 8 pixels in all and at most 0.5 m wide;
 * the table must be near world z = 0.
 */
@Component(
        property = {
            "armature.id=colour-rgbd",
            "armature.kind=perception",
            "armature.paper=none: colour segmentation on RGB-D"
        })
public final class ColourPerception implements Perception {
    private static final int LEAST_PIXELS = 8;
    private static final double WIDEST = 0.5;
    private static final double LEAST_FIT = 0.15;

    private volatile @Nullable Prepared prepared;

    @Override
    public List<Detection> detect(CameraFrame frame, String words) {
        Optional<Query> query = Query.of(words);
        if (query.isEmpty()) {
            return List.of();
        }
        PointImage image = image(frame);
        List<Detection> found = new ArrayList<>();
        for (Colour colour : Colour.values()) {
            if (query.get().colour() == null || query.get().colour() == colour) {
                for (Segment s : Segment.of(image, colour, LEAST_PIXELS)) {
                    describe(s, image, query.get()).ifPresent(found::add);
                }
            }
        }
        found.sort(Comparator.comparingDouble(Detection::score).reversed());
        return List.copyOf(found);
    }

    /** Policies ask for several things in one frame: its points are worked out once. */
    private PointImage image(CameraFrame frame) {
        Prepared last = prepared;
        if (last == null || last.frame != frame) {
            last = new Prepared(frame, PointImage.of(frame));
            prepared = last;
        }
        return last.image;
    }

    private record Prepared(CameraFrame frame, PointImage image) {}

    private static Optional<Detection> describe(Segment s, PointImage image, Query query) {
        int w = image.width();
        int[] box = {w, image.height(), 0, 0};
        for (int i : s.pixels) {
            box[0] = Math.min(box[0], i % w);
            box[1] = Math.min(box[1], i / w);
            box[2] = Math.max(box[2], i % w + 1);
            box[3] = Math.max(box[3], i / w + 1);
        }
        double[] p = image.points();
        float[] size = image.footprint();
        if (p == null || size == null) {
            double nan = Double.NaN;
            double[] unknown = {nan, nan, nan};
            return Optional.of(new Detection(
                    s.colour.word() + " object", query.shape() == null ? 0.5 : 0.2, unknown, unknown, nan, box));
        }
        int n = s.pixels.size();
        double[] xs = new double[n];
        double[] ys = new double[n];
        double pixel = 0;
        for (int k = 0; k < n; k++) {
            int i = s.pixels.get(k);
            xs[k] = p[3 * i];
            ys[k] = p[3 * i + 1];
            pixel += size[i] / n;
        }
        Footprint footprint = Footprint.of(xs, ys);
        double visible = visible(s, image);
        Map<Shape, Double> fit = Geometry.of(s, image, footprint, visible).fit();
        Shape best = fit.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .orElseThrow()
                .getKey();
        double likely = fit.get(query.shape() == null ? best : query.shape());
        if (likely < LEAST_FIT || footprint.longer() > WIDEST) {
            return Optional.empty();
        }
        double[] centre = new double[3];
        double[] half = new double[3];
        for (int k = 0; k < 3; k++) {
            centre[k] = (s.low[k] + s.high[k]) / 2;
            // pixel centres stop half a pixel short of the edge
            half[k] = (s.high[k] - s.low[k] + (k < 2 ? pixel : 0)) / 2;
        }
        double score = Math.min(1, visible * Math.sqrt(likely) * Math.min(1, n / 20.0));
        return Optional.of(
                new Detection(s.colour.word() + " " + best.word(), score, centre, half, footprint.yaw(), box));
    }

    /** The share of the outline that neither the image's edge nor something nearer cuts off. */
    private static double visible(Segment s, PointImage image) {
        int w = image.width();
        int h = image.height();
        boolean[] own = new boolean[w * h];
        s.pixels.forEach(i -> own[i] = true);
        int outline = 0;
        int cut = 0;
        for (int i : s.pixels) {
            for (int k = 0; k < 4; k++) {
                int x = i % w + (k == 0 ? 1 : k == 1 ? -1 : 0);
                int y = i / w + (k == 2 ? 1 : k == 3 ? -1 : 0);
                boolean outside = x < 0 || x >= w || y < 0 || y >= h;
                if (outside || !own[y * w + x]) {
                    outline++;
                    cut += outside || nearer(image, y * w + x, i) ? 1 : 0;
                }
            }
        }
        return outline == 0 ? 0 : 1 - (double) cut / outline;
    }

    /** Whether the neighbour's surface stands in front: more than a centimetre above or before, seen from the camera. */
    private static boolean nearer(PointImage image, int neighbour, int own) {
        float[] size = image.footprint();
        return size != null
                && image.known(neighbour)
                && image.known(own)
                && size[neighbour] < size[own] * (1 - 0.02)
                && image.colours()[neighbour] != image.colours()[own];
    }
}
