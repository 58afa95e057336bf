package org.armature.compute.opencl;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.armature.compute.opencl.device.Compiled.Timing;
import org.armature.compute.opencl.device.Roof;
import org.armature.compute.opencl.schedule.Schedule;
import org.armature.show.Figure;

/**
 * Kernels of a run under the roof of their device: operations per byte against operations per second, both logarithmic.
 * Numbers and names alone: it holds nothing of the program.
 *
 * @param device id of the device
 * @param kernels the longest first
 */
record Roofline(String device, Roof roof, List<Ran> kernels) {
    /** Headings of {@link #rows}. */
    static final List<String> COLUMNS = List.of("ms", "% of run", "GFLOP/s", "GB/s", "% of roof", "kernel");

    private static final int WIDTH = 860;
    private static final int HEIGHT = 520;
    private static final int MARGIN = 60;
    private static final double LEFT = -2;
    private static final double RIGHT = 4;
    private static final double LOWEST = 1e-5;

    /**
     * A kernel that ran.
     *
     * @param name its template and what it writes first
     * @param bytes read and written, each array once
     */
    record Ran(String name, double seconds, double flops, double bytes) {
        /** Operations a byte. What only moves data is drawn at the left edge, as far below the roof as its bytes are. */
        private double intensity() {
            return Math.max(Math.pow(10, LEFT), flops / bytes);
        }

        /** GFLOP/s at that place. */
        private double speed() {
            return intensity() * bytes / seconds * 1e-9;
        }
    }

    Roofline {
        kernels = kernels.stream()
                .sorted(Comparator.comparingDouble(Ran::seconds).reversed())
                .toList();
    }

    static Roofline of(String device, Roof roof, List<Timing> timings) {
        return new Roofline(
                device,
                roof,
                timings.stream()
                        .map(t -> new Ran(
                                t.launch().source().name() + " "
                                        + t.launch().kernel().writes().getFirst(),
                                Math.max(t.seconds(), 1e-9),
                                Schedule.flops(t.launch().kernel()),
                                Math.max(1, Schedule.bytes(t.launch().kernel()))))
                        .toList());
    }

    /** What a kernel reaches of what its operations and bytes allow, 0 to 1. */
    private double share(Ran k) {
        return Math.min(1, Math.max(k.flops / roof.gflops(), k.bytes / roof.gigabytes()) * 1e-9 / k.seconds);
    }

    private double seconds() {
        return kernels.stream().mapToDouble(Ran::seconds).sum();
    }

    /** One row for all kernels, then one for each. */
    List<List<String>> rows() {
        double total = seconds();
        List<List<String>> rows = new ArrayList<>();
        rows.add(row(
                new Ran(
                        "all " + kernels.size(),
                        total,
                        kernels.stream().mapToDouble(Ran::flops).sum(),
                        kernels.stream().mapToDouble(Ran::bytes).sum()),
                1,
                kernels.stream().mapToDouble(k -> share(k) * k.seconds).sum() / total));
        kernels.forEach(k -> rows.add(row(k, k.seconds / total, share(k))));
        return rows;
    }

    private static List<String> row(Ran k, double ofRun, double ofRoof) {
        return List.of(
                String.format(Locale.ROOT, "%.3f", k.seconds * 1e3),
                String.format(Locale.ROOT, "%.1f", 100 * ofRun),
                String.format(Locale.ROOT, "%.1f", k.flops / k.seconds * 1e-9),
                String.format(Locale.ROOT, "%.1f", k.bytes / k.seconds * 1e-9),
                String.format(Locale.ROOT, "%.0f", 100 * ofRoof),
                k.name);
    }

    /** The roof as a line, kernels as dots whose area is their time; those of next to no work lie at the lower edge. */
    Figure.Scatter scatter() {
        double left = Math.pow(10, LEFT);
        double ridge = roof.gflops() / roof.gigabytes();
        double right = Math.max(
                10 * ridge, kernels.stream().mapToDouble(Ran::intensity).max().orElse(0));
        return new Figure.Scatter(
                "operations a byte",
                "GFLOP/s",
                true,
                kernels.stream()
                        .map(k -> new Figure.Dot(
                                said(k), k.intensity(), Math.max(k.speed(), LOWEST * roof.gflops()), k.seconds))
                        .toList(),
                List.of(new Figure.Series(
                        String.format(
                                Locale.ROOT,
                                "roof of %s: %.0f GFLOP/s, %.1f GB/s",
                                device,
                                roof.gflops(),
                                roof.gigabytes()),
                        new double[] {left, ridge, right},
                        new double[] {left * roof.gigabytes(), roof.gflops(), roof.gflops()})));
    }

    Figure.Table table() {
        return new Figure.Table(COLUMNS, rows());
    }

    private String said(Ran k) {
        return String.format(Locale.ROOT, "%s: %.3f ms, %.0f %% of the roof", k.name, k.seconds * 1e3, 100 * share(k));
    }

    String svg(String title) {
        double top = Math.ceil(Math.log10(roof.gflops()));
        double bottom = top - 5;
        StringBuilder s = new StringBuilder();
        s.append(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\""
                        + " font-size=\"12\">%n<title>%s</title>%n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n",
                WIDTH,
                HEIGHT,
                escape(title)));
        for (double e = LEFT; e <= RIGHT; e++) {
            s.append(String.format(
                    Locale.ROOT,
                    "<line x1=\"%1$.1f\" y1=\"%2$d\" x2=\"%1$.1f\" y2=\"%3$d\" stroke=\"#ddd\"/>"
                            + "<text x=\"%1$.1f\" y=\"%4$d\" text-anchor=\"middle\">%5$s</text>%n",
                    x(e),
                    MARGIN,
                    HEIGHT - MARGIN,
                    HEIGHT - MARGIN + 18,
                    power(e)));
        }
        for (double e = bottom; e <= top; e++) {
            s.append(String.format(
                    Locale.ROOT,
                    "<line x1=\"%1$d\" y1=\"%2$.1f\" x2=\"%3$d\" y2=\"%2$.1f\" stroke=\"#ddd\"/>"
                            + "<text x=\"%4$d\" y=\"%2$.1f\" text-anchor=\"end\">%5$s</text>%n",
                    MARGIN,
                    y(e, bottom, top),
                    WIDTH - MARGIN,
                    MARGIN - 6,
                    power(e)));
        }
        double ridge = Math.log10(roof.gflops() / roof.gigabytes());
        s.append(String.format(
                Locale.ROOT,
                "<polyline points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f\" fill=\"none\" stroke=\"#345\" stroke-width=\"2\"/>%n",
                x(LEFT),
                y(Math.log10(roof.gigabytes()) + LEFT, bottom, top),
                x(ridge),
                y(Math.log10(roof.gflops()), bottom, top),
                x(RIGHT),
                y(Math.log10(roof.gflops()), bottom, top)));
        double total = seconds();
        for (Ran k : kernels) {
            s.append(String.format(
                    Locale.ROOT,
                    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#c53\" fill-opacity=\"0.5\"><title>%s</title>"
                            + "</circle>%n",
                    x(Math.min(Math.log10(k.intensity()), RIGHT)),
                    y(Math.clamp(Math.log10(k.speed()), bottom, top), bottom, top),
                    3 + 30 * Math.sqrt(k.seconds / total),
                    escape(said(k))));
        }
        s.append(String.format(
                Locale.ROOT,
                "<text x=\"%d\" y=\"24\" font-size=\"15\">%s</text><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">operations per"
                        + " byte (roof: %.0f GFLOP/s, %.1f GB/s; area: time)</text>"
                        + "<text x=\"14\" y=\"40\">GFLOP/s</text>%n</svg>%n",
                MARGIN,
                escape(title),
                WIDTH / 2,
                HEIGHT - 14,
                roof.gflops(),
                roof.gigabytes()));
        return s.toString();
    }

    private static String power(double e) {
        return e >= 0
                ? String.format(Locale.ROOT, "%.0f", Math.pow(10, e))
                : String.format(Locale.ROOT, "%.4g", Math.pow(10, e));
    }

    private static double x(double e) {
        return MARGIN + (e - LEFT) / (RIGHT - LEFT) * (WIDTH - 2 * MARGIN);
    }

    private static double y(double e, double bottom, double top) {
        return HEIGHT - MARGIN - (e - bottom) / (top - bottom) * (HEIGHT - 2 * MARGIN);
    }

    private static String escape(String s) {
        return s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}
