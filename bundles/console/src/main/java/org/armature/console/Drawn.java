package org.armature.console;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.armature.show.Figure;
import org.jspecify.annotations.Nullable;

/** Figures as the page gets them: thinned to what a screen can show. */
final class Drawn {
    private static final int POINTS_OF_A_LINE = 1000;
    private static final int DOTS = 1000;
    private static final int CELLS_OF_A_SIDE = 256;
    private static final int ROWS_OF_A_TABLE = 500;
    private static final int PICTURES = 256;
    private static final int PIXELS_OF_A_SIDE = 1024;
    private static final int POINTS_OF_A_CLOUD = 60_000;

    private Drawn() {}

    /** What the page draws it from. Numbers that are not finite become null. */
    static Map<String, Object> data(Figure figure) {
        Map<String, Object> v = new LinkedHashMap<>();
        switch (figure) {
            case Figure.Curves c -> {
                v.put("x", c.xLabel());
                v.put("y", c.yLabel());
                v.put("series", c.series().stream().map(Drawn::line).toList());
            }
            case Figure.Scatter s -> {
                v.put("x", s.xLabel());
                v.put("y", s.yLabel());
                v.put("logarithmic", s.logarithmic());
                v.put("total", s.dots().size());
                v.put("dots", largest(s.dots()));
                v.put("lines", s.lines().stream().map(Drawn::line).toList());
            }
            case Figure.HeatMap h -> heatMap(h, v);
            case Figure.Pictures p -> {
                v.put("columns", p.columns());
                v.put("total", p.pictures().size());
                v.put(
                        "pictures",
                        p.pictures().stream()
                                .limit(PICTURES)
                                .map(q -> Map.of("caption", q.caption(), "width", q.width(), "height", q.height()))
                                .toList());
            }
            case Figure.PointCloud p -> {
                v.put("points", p.size());
                v.put("extent", extent(p));
            }
            case Figure.Table t -> {
                v.put("columns", t.columns());
                v.put("total", t.rows().size());
                v.put("rows", t.rows().stream().limit(ROWS_OF_A_TABLE).toList());
            }
        }
        return v;
    }

    /** Long lines as the means of bins: a noisy curve stays readable, its last point stays the last. */
    private static Map<String, Object> line(Figure.Series s) {
        int n = s.x().length;
        int bin = Math.max(1, Math.ceilDiv(n, POINTS_OF_A_LINE));
        List<Double> x = new ArrayList<>();
        List<@Nullable Double> y = new ArrayList<>();
        for (int from = 0; from < n; from += bin) {
            int to = Math.min(n, from + bin);
            double sum = 0;
            int finite = 0;
            for (int i = from; i < to; i++) {
                if (Double.isFinite(s.y()[i])) {
                    sum += s.y()[i];
                    finite++;
                }
            }
            x.add(s.x()[to - 1]);
            y.add(finite == 0 ? null : (Double) (sum / finite));
        }
        @Nullable Double last = n == 0 || !Double.isFinite(s.y()[n - 1]) ? null : (Double) s.y()[n - 1];
        Map<String, Object> v = new LinkedHashMap<>();
        v.put("name", s.name());
        v.put("x", x);
        v.put("y", y);
        v.put("last", last);
        return v;
    }

    /** The largest dots that have a place, in their order. */
    private static List<Figure.Dot> largest(List<Figure.Dot> dots) {
        List<Figure.Dot> placed = dots.stream()
                .filter(d -> Double.isFinite(d.x()) && Double.isFinite(d.y()))
                .toList();
        double least = placed.stream()
                .map(Figure.Dot::area)
                .sorted(Comparator.reverseOrder())
                .skip(DOTS - 1)
                .findFirst()
                .orElse(0.0);
        return placed.stream().filter(d -> d.area() >= least).limit(DOTS).toList();
    }

    /** Matrices larger than a screen shows as the means of blocks, named after their first row and column. */
    private static void heatMap(Figure.HeatMap h, Map<String, Object> v) {
        int rows = h.rows().size();
        int columns = h.columns().size();
        int down = Math.max(1, Math.ceilDiv(rows, CELLS_OF_A_SIDE));
        int across = Math.max(1, Math.ceilDiv(columns, CELLS_OF_A_SIDE));
        List<@Nullable Double> values = new ArrayList<>();
        for (int r = 0; r < rows; r += down) {
            for (int c = 0; c < columns; c += across) {
                double sum = 0;
                int finite = 0;
                for (int i = r; i < Math.min(rows, r + down); i++) {
                    for (int j = c; j < Math.min(columns, c + across); j++) {
                        double value = h.values()[i * columns + j];
                        if (Double.isFinite(value)) {
                            sum += value;
                            finite++;
                        }
                    }
                }
                values.add(finite == 0 ? null : (Double) (double) (float) (sum / finite));
            }
        }
        v.put("label", h.label());
        v.put("rows", every(h.rows(), down));
        v.put("columns", every(h.columns(), across));
        v.put("values", values);
        v.put("low", h.low());
        v.put("high", h.high());
    }

    private static List<String> every(List<String> names, int stride) {
        List<String> kept = new ArrayList<>();
        for (int i = 0; i < names.size(); i += stride) {
            kept.add(names.get(i));
        }
        return kept;
    }

    /** {@code [[least x, greatest x], … y, … z]} of the finite points; empty if there is none. */
    private static List<List<Float>> extent(Figure.PointCloud cloud) {
        float[] low = {Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY};
        float[] high = {Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY};
        for (int i = 0; i < cloud.size(); i++) {
            if (finite(cloud.xyz(), i)) {
                for (int a = 0; a < 3; a++) {
                    low[a] = Math.min(low[a], cloud.xyz()[3 * i + a]);
                    high[a] = Math.max(high[a], cloud.xyz()[3 * i + a]);
                }
            }
        }
        return low[0] > high[0]
                ? List.of()
                : List.of(List.of(low[0], high[0]), List.of(low[1], high[1]), List.of(low[2], high[2]));
    }

    private static boolean finite(float[] xyz, int point) {
        return Float.isFinite(xyz[3 * point])
                && Float.isFinite(xyz[3 * point + 1])
                && Float.isFinite(xyz[3 * point + 2]);
    }

    /** The picture as PNG; of one larger than a screen every k-th pixel. */
    static byte[] png(Figure.Picture p) {
        int k = Math.max(1, Math.ceilDiv(Math.max(p.width(), p.height()), PIXELS_OF_A_SIDE));
        int w = Math.ceilDiv(p.width(), k);
        int h = Math.ceilDiv(p.height(), k);
        BufferedImage image = new BufferedImage(w, h, BufferedImage.TYPE_INT_RGB);
        byte[] rgb = p.rgb();
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int i = 3 * (y * k * p.width() + x * k);
                image.setRGB(x, y, (rgb[i] & 255) << 16 | (rgb[i + 1] & 255) << 8 | rgb[i + 2] & 255);
            }
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream(w * h);
        try {
            ImageIO.write(image, "png", out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    /** The cloud in the format of {@link Pictures#encodePoints}: every k-th point. */
    static byte[] points(Figure.PointCloud cloud) {
        int k = Math.max(1, Math.ceilDiv(cloud.size(), POINTS_OF_A_CLOUD));
        int[] kept = new int[Math.ceilDiv(cloud.size(), k)];
        int n = 0;
        for (int i = 0; i < cloud.size(); i += k) {
            if (finite(cloud.xyz(), i)) {
                kept[n++] = i;
            }
        }
        ByteBuffer out = ByteBuffer.allocate(8 + 15 * n).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(Pictures.MAGIC).putInt(n);
        for (int i = 0; i < n; i++) {
            for (int a = 0; a < 3; a++) {
                out.putFloat(cloud.xyz()[3 * kept[i] + a]);
            }
        }
        for (int i = 0; i < n; i++) {
            out.put(cloud.rgb(), 3 * kept[i], 3);
        }
        return out.array();
    }
}
