package org.armature.training;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What was measured, by step: {@code curve.csv} (one line a value: {@code step,name,value}, every bit kept), and drawn as
 * {@code curve.svg} and {@code curve.png} in the run folder. The lines are appended every two seconds, for who watches;
 * {@link #save()} writes all files anew.
 */
final class Curves {
    private static final Logger LOG = LoggerFactory.getLogger(Curves.class);

    static final String FILE = "curve.csv";
    private static final long BETWEEN_APPENDS = 2_000_000_000L;

    private record Measured(String name, Plot.Point at) {}

    private final Path csv;
    private final Path svg;
    private final Path png;
    private final List<Measured> all = new ArrayList<>();
    private boolean hasFonts = true;
    private int written = -1;
    private long appended = System.nanoTime();

    /** Keeps what an earlier part of the run wrote up to a step; what came after it will be computed again. */
    Curves(Path run, long upTo) throws IOException {
        csv = run.resolve(FILE);
        svg = run.resolve("curve.svg");
        png = run.resolve("curve.png");
        if (upTo > 0 && Files.exists(csv)) {
            for (String line : Files.readAllLines(csv)) {
                String[] f = line.split(",", 3);
                try {
                    if (f.length == 3 && !f[0].equals("step") && Long.parseLong(f[0]) <= upTo) {
                        all.add(new Measured(f[1], new Plot.Point(Long.parseLong(f[0]), Double.parseDouble(f[2]))));
                    }
                } catch (NumberFormatException e) {
                    throw new IOException(csv + " has a line that is no measurement: " + line, e);
                }
            }
        }
    }

    void add(long step, Map<String, Double> values) throws IOException {
        values.forEach((name, v) -> all.add(new Measured(name, new Plot.Point(step, v))));
        if (written >= 0 && System.nanoTime() - appended > BETWEEN_APPENDS) {
            Files.writeString(csv, lines(all.subList(written, all.size())), StandardOpenOption.APPEND);
            written = all.size();
            appended = System.nanoTime();
        } else if (written < 0) {
            // A new file, so that nothing of a part that will be computed again stays before what is appended.
            saveCsv();
        }
    }

    private static String lines(List<Measured> some) {
        StringBuilder s = new StringBuilder();
        for (Measured m : some) {
            s.append(m.at.step()).append(',').append(m.name).append(',');
            s.append(m.at.value()).append('\n');
        }
        return s.toString();
    }

    private void saveCsv() throws IOException {
        replace(csv, ("step,name,value\n" + lines(all)).getBytes(StandardCharsets.UTF_8));
        written = all.size();
        appended = System.nanoTime();
    }

    /** Writes all files, each at once. */
    void save() throws IOException {
        saveCsv();
        Plot plot = new Plot();
        all.forEach(m -> plot.add(m.name, m.at));
        replace(svg, plot.svg().getBytes(StandardCharsets.UTF_8));
        if (hasFonts) {
            ByteArrayOutputStream image = new ByteArrayOutputStream();
            try {
                plot.png(image);
                replace(png, image.toByteArray());
            } catch (RuntimeException | LinkageError | InternalError e) {
                // A machine without fontconfig or freetype fails in many ways, none of which should end a training.
                hasFonts = false;
                LOG.warn("curve.png is not drawn: this machine has no fonts ({}); curve.svg is", e.toString());
            }
        }
    }

    private static void replace(Path file, byte[] content) throws IOException {
        Path part = file.resolveSibling("." + file.getFileName() + ".part");
        Files.write(part, content);
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
