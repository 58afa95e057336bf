package org.armature.training;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import javax.imageio.ImageIO;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Curves over steps, one panel a quantity, as SVG and as PNG; both are drawn by the same lines of code. */
final class Plot {
    /** A value at a step. */
    record Point(long step, double value) {}

    private static final int WIDTH = 720;
    private static final int HEIGHT = 200;
    private static final int LEFT = 80;
    private static final int TOP = 28;
    private static final int BELOW = 44;
    private static final int RIGHT = 24;
    private static final int TICKS = 5;
    private static final int MAX_POINTS = 1000;
    private static final String AXIS = "#666666";
    private static final String GRID = "#dddddd";
    private static final String TRAINING = "#1f77b4";
    private static final String TEST = "#d62728";

    private final SequencedMap<String, SequencedMap<String, List<Point>>> panels = new LinkedHashMap<>();

    /** {@code test.x} is drawn in the panel of {@code x}. */
    void add(String name, Point p) {
        panels.computeIfAbsent(name.replaceFirst("^test\\.", ""), k -> new LinkedHashMap<>())
                .computeIfAbsent(name, k -> new ArrayList<>())
                .add(p);
    }

    private int width() {
        return LEFT + WIDTH + RIGHT;
    }

    private int height() {
        return Math.max(1, panels.size()) * (TOP + HEIGHT + BELOW);
    }

    String svg() {
        StringBuilder s = new StringBuilder(format(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\""
                        + " font-size=\"12\"><rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                width(), height()));
        draw(new Svg(s));
        return s.append("</svg>\n").toString();
    }

    void png(OutputStream out) throws IOException {
        BufferedImage image = new BufferedImage(width(), height(), BufferedImage.TYPE_INT_RGB);
        Graphics2D g = image.createGraphics();
        try {
            g.setColor(Color.WHITE);
            g.fillRect(0, 0, width(), height());
            g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
            draw(new Raster(g));
        } finally {
            g.dispose();
        }
        // In memory: ImageIO's file caches are closed by a shutdown hook, which would take the last checkpoint of
        // Ctrl-C with it.
        try (ImageOutputStream memory = new MemoryCacheImageOutputStream(out)) {
            ImageIO.write(image, "png", memory);
        }
    }

    private void draw(Surface on) {
        int top = TOP;
        for (Map.Entry<String, SequencedMap<String, List<Point>>> e : panels.entrySet()) {
            panel(on, e.getKey(), e.getValue(), top);
            top += HEIGHT + TOP + BELOW;
        }
    }

    private static void panel(Surface on, String title, Map<String, List<Point>> lines, int top) {
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        long end = 1;
        for (List<Point> line : lines.values()) {
            for (Point p : line) {
                end = Math.max(end, p.step);
                if (Double.isFinite(p.value)) {
                    low = Math.min(low, p.value);
                    high = Math.max(high, p.value);
                }
            }
        }
        if (low > high) {
            low = 0;
            high = 1;
        }
        double span = high > low ? high - low : 1;
        for (int i = 0; i < TICKS; i++) {
            double share = i / (TICKS - 1.0);
            double y = top + HEIGHT * (1 - share);
            on.line(GRID, "", new double[] {LEFT, LEFT + WIDTH}, new double[] {y, y});
            on.text(LEFT - 6, y + 4, Anchor.END, false, AXIS, format("%.4g", low + span * share));
            on.text(
                    LEFT + WIDTH * share,
                    top + HEIGHT + 16,
                    Anchor.MIDDLE,
                    false,
                    AXIS,
                    Long.toString(Math.round(end * share)));
        }
        double[] x = {LEFT, LEFT, LEFT + WIDTH};
        on.line(AXIS, "", x, new double[] {top, top + HEIGHT, top + HEIGHT});
        on.text(LEFT + WIDTH / 2.0, top + HEIGHT + 32, Anchor.MIDDLE, false, AXIS, "step");
        on.text(LEFT, top - 10, Anchor.START, true, "#000000", title);
        int at = LEFT + WIDTH;
        for (Map.Entry<String, List<Point>> e : lines.entrySet()) {
            String colour = e.getKey().startsWith("test.") ? TEST : TRAINING;
            curve(on, colour, e.getKey(), e.getValue(), end, low, span, top);
            on.text(at, top - 10, Anchor.END, false, colour, e.getKey());
            at -= 160;
        }
    }

    private static void curve(
            Surface on, String colour, String name, List<Point> p, long end, double low, double span, int top) {
        int every = Math.max(1, p.size() / MAX_POINTS);
        double[] x = new double[Math.ceilDiv(p.size(), every)];
        double[] y = new double[x.length];
        int n = 0;
        for (int i = 0; i < p.size(); i += every) {
            // A bin's mean keeps a long noisy curve readable.
            double mean = p.subList(i, Math.min(p.size(), i + every)).stream()
                    .mapToDouble(Point::value)
                    .average()
                    .orElse(Double.NaN);
            if (Double.isFinite(mean)) {
                x[n] = LEFT + (double) WIDTH * p.get(i).step / end;
                y[n++] = top + HEIGHT - HEIGHT * (mean - low) / span;
            }
        }
        on.line(colour, name, Arrays.copyOf(x, n), Arrays.copyOf(y, n));
    }

    private enum Anchor {
        START,
        MIDDLE,
        END
    }

    /** What a plot is drawn on; colours as {@code #rrggbb}. */
    private sealed interface Surface {
        void line(String colour, String title, double[] x, double[] y);

        void text(double x, double y, Anchor anchor, boolean bold, String colour, String s);
    }

    private record Svg(StringBuilder out) implements Surface {
        @Override
        public void line(String colour, String title, double[] x, double[] y) {
            out.append("<polyline fill=\"none\" stroke=\"").append(colour).append("\" points=\"");
            for (int i = 0; i < x.length; i++) {
                out.append(format("%.1f,%.1f ", x[i], y[i]));
            }
            out.append(title.isEmpty() ? "\"/>\n" : "\"><title>" + escape(title) + "</title></polyline>\n");
        }

        @Override
        public void text(double x, double y, Anchor anchor, boolean bold, String colour, String s) {
            out.append(format(
                    "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\"%s>%s</text>\n",
                    x,
                    y,
                    anchor.name().toLowerCase(Locale.ROOT),
                    colour,
                    bold ? " font-weight=\"bold\"" : "",
                    escape(s)));
        }

        private static String escape(String s) {
            return s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
        }
    }

    private record Raster(Graphics2D g) implements Surface {
        @Override
        public void line(String colour, String title, double[] x, double[] y) {
            Path2D path = new Path2D.Double();
            for (int i = 0; i < x.length; i++) {
                if (i == 0) {
                    path.moveTo(x[i], y[i]);
                } else {
                    path.lineTo(x[i], y[i]);
                }
            }
            g.setStroke(new BasicStroke(title.isEmpty() ? 1 : 1.5f));
            g.setColor(Color.decode(colour));
            g.draw(path);
        }

        @Override
        public void text(double x, double y, Anchor anchor, boolean bold, String colour, String s) {
            g.setFont(new Font(Font.SANS_SERIF, bold ? Font.BOLD : Font.PLAIN, 12));
            int wide = g.getFontMetrics().stringWidth(s);
            double left = x
                    - switch (anchor) {
                        case START -> 0;
                        case MIDDLE -> wide / 2.0;
                        case END -> wide;
                    };
            g.setColor(Color.decode(colour));
            g.drawString(s, (float) left, (float) y);
        }
    }

    private static String format(String f, Object... args) {
        return String.format(Locale.ROOT, f, args);
    }
}
