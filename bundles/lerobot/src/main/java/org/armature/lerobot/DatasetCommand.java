package org.armature.lerobot;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.armature.lerobot.Info.Feature;
import org.armature.lerobot.LeRobotDataset.Episode;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code armature dataset inspect|check|merge}: LeRobot datasets, version 3. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=dataset")
@Command(name = "dataset", description = "Looks at, checks and merges LeRobot datasets (version 3).")
public final class DatasetCommand implements Callable<Integer> {
    private static final int[] COLOURS = {
        0x4E79A7, 0xF28E2B, 0xE15759, 0x76B7B2, 0x59A14F, 0xEDC948, 0xB07AA1, 0x9C755F, 0xBAB0AC
    };
    private static final int TILES = 6;

    @Spec
    @Nullable
    CommandSpec spec;

    /** Nothing to set up. */
    @Activate
    public DatasetCommand() {}

    private PrintWriter out() {
        return spec == null
                ? new PrintWriter(System.out, true)
                : spec.commandLine().getOut();
    }

    @Override
    public Integer call() {
        out().println("armature dataset inspect|check|merge: armature dataset --help says what they take");
        return 2;
    }

    /** Says what is in a dataset and draws an episode. */
    @Command(name = "inspect", description = "Says what is in a dataset; --picture draws an episode.")
    int inspect(
            @Parameters(paramLabel = "DIR") Path folder,
            @Option(names = "--picture", paramLabel = "FILE.png", description = "images and curves of an episode")
                    @Nullable
                    Path picture,
            @Option(names = "--episode", description = "which one is drawn (0)") int episode)
            throws IOException {
        LeRobotDataset d = LeRobotDataset.open(folder);
        PrintWriter out = out();
        long frames = d.episodes().stream().mapToLong(Episode::length).sum();
        out.printf(
                Locale.ROOT,
                "%s: %d episodes, %d frames, %.1f s at %d frames a second, robot %s%n",
                folder,
                d.episodes().size(),
                frames,
                (double) frames / d.info().fps(),
                d.info().fps(),
                d.info().robot().isEmpty() ? "not named" : d.info().robot());
        d.info()
                .features()
                .forEach((name, f) -> out.printf(
                        Locale.ROOT,
                        "  %-32s %-8s %s%s%n",
                        name,
                        f.dtype(),
                        f.shape(),
                        f.names().isEmpty() || f.image() ? "" : " " + String.join(" ", f.names())));
        Map<String, Long> count = d.episodes().stream()
                .flatMap(e -> e.tasks().stream())
                .collect(Collectors.groupingBy(t -> t, LinkedHashMap::new, Collectors.counting()));
        count.entrySet().stream()
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                .limit(10)
                .forEach(e -> out.printf(Locale.ROOT, "  %4d x %s%n", e.getValue(), e.getKey()));
        if (count.size() > 10) {
            out.println("  … and " + (count.size() - 10) + " more tasks");
        }
        if (picture != null) {
            if (episode < 0 || episode >= d.episodes().size()) {
                out.println("there is no episode " + episode + ": there are "
                        + d.episodes().size());
                return 2;
            }
            ImageIO.write(draw(d, d.episodes().get(episode)), "png", picture.toFile());
            out.println("episode " + episode + " drawn in " + picture);
        }
        out.flush();
        return 0;
    }

    /** Says what is wrong with a dataset. */
    @Command(name = "check", description = "Says what is wrong with a dataset; exit code 1 if anything is.")
    int check(@Parameters(paramLabel = "DIR") Path folder) throws IOException {
        List<String> wrong = LeRobotDataset.open(folder).check();
        wrong.forEach(out()::println);
        out().println(wrong.isEmpty() ? folder + " is in order" : wrong.size() + " things are wrong");
        out().flush();
        return wrong.isEmpty() ? 0 : 1;
    }

    /** Makes one dataset of several. */
    @Command(
            name = "merge",
            description = "Makes one dataset of several with the same features; images are not encoded anew.")
    int merge(
            @Parameters(index = "0", paramLabel = "INTO", description = "a new folder") Path into,
            @Parameters(index = "1..*", arity = "1..*", paramLabel = "DIR") List<Path> folders)
            throws IOException {
        List<LeRobotDataset> all = new ArrayList<>();
        for (Path f : folders) {
            all.add(LeRobotDataset.open(f));
        }
        Info first = all.getFirst().info();
        for (LeRobotDataset d : all) {
            if (!d.info().features().equals(first.features()) || d.info().fps() != first.fps()) {
                out().println(d.folder() + " has other features or another fps than "
                        + all.getFirst().folder() + ": "
                        + d.info().features().keySet() + " at " + d.info().fps() + " and "
                        + first.features().keySet() + " at " + first.fps());
                return 1;
            }
        }
        if (first.features().values().stream().anyMatch(f -> f.dtype().equals("video"))) {
            out().println(
                            "datasets with videos are not merged yet: record with images, or merge with lerobot-edit-dataset");
            return 1;
        }
        int episodes = 0;
        try (DatasetWriter w = new DatasetWriter(into, first.fps(), first.robot(), first.features())) {
            for (LeRobotDataset d : all) {
                copy(d, w);
            }
            episodes = w.episodes();
        }
        out().println(episodes + " episodes in " + into);
        out().flush();
        return 0;
    }

    private static void copy(LeRobotDataset d, DatasetWriter w) throws IOException {
        for (Map.Entry<Path, List<Episode>> e : d.files().entrySet()) {
            try (Table t = Table.open(e.getKey())) {
                List<Object> columns = new ArrayList<>();
                List<Feature> features = List.copyOf(d.info().features().values());
                for (Map.Entry<String, Feature> f : d.info().features().entrySet()) {
                    String name = f.getKey();
                    columns.add(
                            f.getValue().image()
                                    ? java.util.Objects.requireNonNull(
                                            LeRobotDataset.images(t, name), name + " is not an image column")
                                    : f.getValue().dtype().equals("string") ? t.texts(name) : d.numbers(t, name));
                }
                int row = 0;
                for (Episode episode : e.getValue()) {
                    for (int k = 0; k < episode.length(); k++, row++) {
                        Object[] values = new Object[columns.size()];
                        for (int i = 0; i < values.length; i++) {
                            values[i] = value(features.get(i), columns.get(i), row);
                        }
                        w.add(values);
                    }
                    w.endEpisode(
                            episode.tasks().isEmpty() ? "" : episode.tasks().getFirst());
                }
            }
        }
    }

    private static Object value(Feature f, Object column, int row) {
        if (column instanceof Table.Values v) {
            byte[] b = java.util.Objects.requireNonNull(v.bytes())[row];
            return f.image() ? b : new String(b, java.nio.charset.StandardCharsets.UTF_8);
        }
        double[] all = (double[]) column;
        int n = f.size();
        if (n == 1) {
            return f.dtype().equals("bool") ? (Object) (all[row] != 0) : (Object) all[row];
        }
        return java.util.Arrays.copyOfRange(all, row * n, (row + 1) * n);
    }

    /** Frames from left to right, a row a camera, above the curves of every vector feature. */
    private static BufferedImage draw(LeRobotDataset d, Episode e) throws IOException {
        List<String> cameras = d.info().features().entrySet().stream()
                .filter(f -> f.getValue().dtype().equals("image"))
                .map(Map.Entry::getKey)
                .toList();
        List<String> curves = d.info().features().entrySet().stream()
                .filter(f -> !f.getValue().image() && !f.getValue().dtype().equals("string"))
                .map(Map.Entry::getKey)
                .toList();
        int tile = 160;
        int width = TILES * tile;
        int height = 24 + cameras.size() * (tile * 3 / 4 + 4) + curves.size() * 130;
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D g = image.createGraphics();
        g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        g.setColor(Color.WHITE);
        g.fillRect(0, 0, width, height);
        g.setColor(Color.DARK_GRAY);
        g.drawString("episode " + e.index() + ": " + String.join("; ", e.tasks()), 6, 16);
        try (Table t = Table.open(d.file(e))) {
            int first = (int) (e.from() - d.files().get(d.file(e)).getFirst().from());
            int n = (int) e.length();
            int y = 24;
            for (String camera : cameras) {
                Table.Values v = LeRobotDataset.images(t, camera);
                for (int i = 0; v != null && i < TILES; i++) {
                    int row = first + (int) Math.round((n - 1.0) * i / (TILES - 1));
                    BufferedImage frame =
                            ImageIO.read(new ByteArrayInputStream(java.util.Objects.requireNonNull(v.bytes())[row]));
                    if (frame != null) {
                        g.drawImage(frame, i * tile, y, tile - 2, tile * 3 / 4, null);
                    }
                }
                y += tile * 3 / 4 + 4;
            }
            for (String curve : curves) {
                draw(g, curve, d.numbers(t, curve), d.info().features().get(curve), first, n, y, width);
                y += 130;
            }
        }
        g.dispose();
        return image;
    }

    private static void draw(Graphics2D g, String name, double[] all, Feature f, int first, int n, int y, int width) {
        int size = f.size();
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (int i = first * size; i < (first + n) * size; i++) {
            low = Math.min(low, all[i]);
            high = Math.max(high, all[i]);
        }
        double span = high > low ? high - low : 1;
        g.setColor(Color.DARK_GRAY);
        g.drawString(String.format(Locale.ROOT, "%s  %.3g to %.3g", name, low, high), 6, y + 12);
        for (int j = 0; j < size; j++) {
            g.setColor(new Color(COLOURS[j % COLOURS.length]));
            for (int k = 1; k < n; k++) {
                g.drawLine(
                        (k - 1) * (width - 1) / Math.max(1, n - 1),
                        y + 122 - (int) (100 * (all[(first + k - 1) * size + j] - low) / span),
                        k * (width - 1) / Math.max(1, n - 1),
                        y + 122 - (int) (100 * (all[(first + k) * size + j] - low) / span));
            }
        }
    }
}
