package org.armature.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;

/**
 * What was measured, by step: {@code curve.csv} (one line a value: {@code step,name,value}, every bit kept) and
 * {@code curve.svg} in the run folder. The lines are appended every two seconds, for who watches; {@link #save()} writes both
 * files anew.
 */
final class Curves {
    private record Point(long step, String name, double value) {}

    private static final int WIDTH = 720;
    private static final int HEIGHT = 200;
    private static final int LEFT = 60;
    private static final int TOP = 28;
    private static final int MAX_POINTS = 1000;

    static final String FILE = "curve.csv";
    private static final long BETWEEN_APPENDS = 2_000_000_000L;

    private final Path csv;
    private final Path svg;
    private final List<Point> points = new ArrayList<>();
    private int written = -1;
    private long appended = System.nanoTime();

    /** Keeps what an earlier part of the run wrote up to a step; what came after it will be computed again. */
    Curves(Path run, long upTo) throws IOException {
        csv = run.resolve(FILE);
        svg = run.resolve("curve.svg");
        if (upTo > 0 && Files.exists(csv)) {
            for (String line : Files.readAllLines(csv)) {
                String[] f = line.split(",", 3);
                if (f.length == 3 && !f[0].equals("step") && Long.parseLong(f[0]) <= upTo) {
                    points.add(new Point(Long.parseLong(f[0]), f[1], Double.parseDouble(f[2])));
                }
            }
        }
    }

    void add(long step, Map<String, Double> values) throws IOException {
        values.forEach((name, v) -> points.add(new Point(step, name, v)));
        if (written >= 0 && System.nanoTime() - appended > BETWEEN_APPENDS) {
            StringBuilder s = new StringBuilder();
            points.subList(written, points.size()).forEach(p -> line(s, p));
            Files.writeString(csv, s, StandardOpenOption.APPEND);
            written = points.size();
            appended = System.nanoTime();
        } else if (written < 0) {
            // A new file, so that nothing of a part that will be computed again stays before what is appended.
            saveCsv();
        }
    }

    private static void line(StringBuilder s, Point p) {
        s.append(p.step).append(',').append(p.name).append(',').append(p.value).append('\n');
    }

    private void saveCsv() throws IOException {
        StringBuilder s = new StringBuilder("step,name,value\n");
        points.forEach(p -> line(s, p));
        replace(csv, s.toString());
        written = points.size();
        appended = System.nanoTime();
    }

    /** Writes both files, each at once. */
    void save() throws IOException {
        saveCsv();
        replace(svg, svg());
    }

    private static void replace(Path file, String text) throws IOException {
        Path part = file.resolveSibling("." + file.getFileName() + ".part");
        Files.writeString(part, text);
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** One panel a name; {@code test.x} is drawn in the panel of {@code x}. */
    String svg() {
        SequencedMap<String, SequencedMap<String, List<Point>>> panels = new LinkedHashMap<>();
        for (Point p : points) {
            panels.computeIfAbsent(p.name.replaceFirst("^test\\.", ""), k -> new LinkedHashMap<>())
                    .computeIfAbsent(p.name, k -> new ArrayList<>())
                    .add(p);
        }
        StringBuilder s = new StringBuilder();
        int height = Math.max(1, panels.size()) * (HEIGHT + 2 * TOP);
        s.append(format(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\""
                        + " font-size=\"12\"><rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                LEFT + WIDTH + 20, height));
        int top = TOP;
        for (Map.Entry<String, SequencedMap<String, List<Point>>> e : panels.entrySet()) {
            panel(s, e.getKey(), e.getValue(), top);
            top += HEIGHT + 2 * TOP;
        }
        return s.append("</svg>\n").toString();
    }

    private static void panel(StringBuilder s, String title, Map<String, List<Point>> lines, int top) {
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
        double span = high > low ? high - low : 1;
        s.append(format("<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n", LEFT, top - 8, escape(title)));
        s.append(format(
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#999\"/>\n",
                LEFT, top, WIDTH, HEIGHT));
        s.append(format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.4g</text>\n", LEFT - 4, top + 10, high));
        s.append(format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.4g</text>\n", LEFT - 4, top + HEIGHT, low));
        s.append(format(
                "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">step %d</text>\n", LEFT + WIDTH, top + HEIGHT + 16, end));
        for (Map.Entry<String, List<Point>> line : lines.entrySet()) {
            String colour = line.getKey().startsWith("test.") ? "#d62728" : "#1f77b4";
            s.append("<polyline fill=\"none\" stroke=\"").append(colour).append("\" points=\"");
            List<Point> p = line.getValue();
            int every = Math.max(1, p.size() / MAX_POINTS);
            for (int i = 0; i < p.size(); i += every) {
                // A bin's mean keeps a long noisy curve readable.
                double mean = p.subList(i, Math.min(p.size(), i + every)).stream()
                        .mapToDouble(Point::value)
                        .average()
                        .orElse(0);
                if (Double.isFinite(mean)) {
                    double x = LEFT + (double) WIDTH * p.get(i).step / end;
                    s.append(format("%.1f,%.1f ", x, top + HEIGHT - HEIGHT * (mean - low) / span));
                }
            }
            s.append("\"><title>").append(escape(line.getKey())).append("</title></polyline>\n");
        }
    }

    private static String format(String f, Object... args) {
        return String.format(Locale.ROOT, f, args);
    }

    private static String escape(String s) {
        return s.replace("&", "&amp;").replace("<", "&lt;");
    }
}
