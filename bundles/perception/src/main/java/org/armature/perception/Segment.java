package org.armature.perception;

import java.util.ArrayList;
import java.util.List;

/** Pixels of one colour that hang together in the image and in space; one visible thing, or the visible half of one. */
final class Segment {
    private static final double MAX_GAP = 0.02;
    private static final double MERGE_GAP = 0.008;
    private static final double ABOVE_TABLE = 0.0035;

    final Colour colour;
    final List<Integer> pixels;
    final double[] low = {Double.MAX_VALUE, Double.MAX_VALUE, Double.MAX_VALUE};
    final double[] high = {-Double.MAX_VALUE, -Double.MAX_VALUE, -Double.MAX_VALUE};

    private Segment(Colour colour, List<Integer> pixels, PointImage image) {
        this.colour = colour;
        this.pixels = pixels;
        double[] p = image.points();
        if (p != null) {
            for (int i : pixels) {
                for (int k = 0; k < 3; k++) {
                    low[k] = Math.min(low[k], p[3 * i + k]);
                    high[k] = Math.max(high[k], p[3 * i + k]);
                }
            }
        }
    }

    /** All segments of {@code colour} with at least {@code least} pixels. Table and unknown points belong to none. */
    static List<Segment> of(PointImage image, Colour colour, int least) {
        int w = image.width();
        int h = image.height();
        boolean[] open = new boolean[w * h];
        double floor = Double.isNaN(image.table()) ? -Double.MAX_VALUE : image.table() + ABOVE_TABLE;
        double[] p = image.points();
        for (int i = 0; i < open.length; i++) {
            open[i] = image.colours()[i] == colour && (p == null || (image.known(i) && p[3 * i + 2] > floor));
        }
        List<Segment> found = new ArrayList<>();
        for (int start = 0; start < open.length; start++) {
            if (open[start]) {
                List<Integer> pixels = grow(image, open, start);
                if (pixels.size() >= least) {
                    found.add(new Segment(colour, pixels, image));
                }
            }
        }
        return p == null ? found : merge(found, image);
    }

    private static List<Integer> grow(PointImage image, boolean[] open, int start) {
        int w = image.width();
        List<Integer> pixels = new ArrayList<>();
        pixels.add(start);
        open[start] = false;
        for (int next = 0; next < pixels.size(); next++) {
            int i = pixels.get(next);
            int u = i % w;
            int v = i / w;
            for (int dv = -1; dv <= 1; dv++) {
                for (int du = -1; du <= 1; du++) {
                    int x = u + du;
                    int y = v + dv;
                    int k = y * w + x;
                    if (x >= 0 && x < w && y >= 0 && y < image.height() && open[k] && near(image, i, k)) {
                        open[k] = false;
                        pixels.add(k);
                    }
                }
            }
        }
        return pixels;
    }

    private static boolean near(PointImage image, int i, int k) {
        double[] p = image.points();
        float[] footprint = image.footprint();
        if (p == null || footprint == null) {
            return true;
        }
        double d =
                Math.hypot(Math.hypot(p[3 * i] - p[3 * k], p[3 * i + 1] - p[3 * k + 1]), p[3 * i + 2] - p[3 * k + 2]);
        return d < Math.max(MAX_GAP, 6 * footprint[i]);
    }

    /** The near and the far wall of a bowl, or what a finger cuts in two, are one thing: their boxes meet from above. */
    private static List<Segment> merge(List<Segment> segments, PointImage image) {
        List<Segment> rest = new ArrayList<>(segments);
        for (int a = 0; a < rest.size(); a++) {
            for (int b = a + 1; b < rest.size(); b++) {
                if (rest.get(a).meets(rest.get(b))) {
                    List<Integer> both = new ArrayList<>(rest.get(a).pixels);
                    both.addAll(rest.get(b).pixels);
                    rest.set(a, new Segment(rest.get(a).colour, both, image));
                    rest.remove(b);
                    b = a;
                }
            }
        }
        return rest;
    }

    private boolean meets(Segment o) {
        for (int k = 0; k < 2; k++) {
            if (low[k] > o.high[k] + MERGE_GAP || o.low[k] > high[k] + MERGE_GAP) {
                return false;
            }
        }
        return true;
    }
}
