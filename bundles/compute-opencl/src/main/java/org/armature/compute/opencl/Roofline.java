package org.armature.compute.opencl;

import java.util.List;
import java.util.Locale;
import org.armature.compute.opencl.device.Compiled.Timing;
import org.armature.compute.opencl.device.Roof;
import org.armature.compute.opencl.schedule.Schedule;

/** Kernels of a run under the roof of their device: operations per byte against operations per second, both logarithmic. */
final class Roofline {
    private static final int WIDTH = 860;
    private static final int HEIGHT = 520;
    private static final int MARGIN = 60;
    private static final double LEFT = -2;
    private static final double RIGHT = 4;

    private Roofline() {}

    /** What a kernel reaches of what its operations and bytes allow, 0 to 1. */
    static double share(Timing t, Roof roof) {
        double flops = Schedule.flops(t.launch().kernel());
        double bytes = Schedule.bytes(t.launch().kernel());
        double least = Math.max(flops / (roof.gflops() * 1e9), bytes / (roof.gigabytes() * 1e9));
        return Math.min(1, least / Math.max(t.seconds(), 1e-9));
    }

    static String svg(String title, List<Timing> timings, Roof roof) {
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
        double total = timings.stream().mapToDouble(Timing::seconds).sum();
        for (Timing t : timings) {
            double flops = Math.max(1, Schedule.flops(t.launch().kernel()));
            double bytes = Math.max(1, Schedule.bytes(t.launch().kernel()));
            s.append(String.format(
                    Locale.ROOT,
                    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#c53\" fill-opacity=\"0.5\"><title>%s: %.3f ms, %.0f%% of"
                            + " the roof</title></circle>%n",
                    x(Math.clamp(Math.log10(flops / bytes), LEFT, RIGHT)),
                    y(Math.clamp(Math.log10(flops / t.seconds() * 1e-9), bottom, top), bottom, top),
                    3 + 30 * Math.sqrt(t.seconds() / Math.max(total, 1e-12)),
                    escape(t.launch().kernel().writes().getFirst().toString()),
                    t.seconds() * 1e3,
                    100 * share(t, roof)));
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
