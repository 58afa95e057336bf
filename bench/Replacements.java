import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.jar.JarEntry;
import java.util.jar.JarInputStream;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** See replacements.sh. */
class Replacements {
    /** Velocity limits of the simulated arm over a period of 1 ms: rad, for the gripper m. */
    static final double[] STEP = {2.175e-3, 2.175e-3, 2.175e-3, 2.175e-3, 2.6e-3, 2.6e-3, 2.6e-3, 0.2e-3};
    /** Until here compiler and caches may still grow. */
    static final int SETTLED_SECONDS = 12;

    /**
     * What one run came to, as it is kept between calls. Lateness in microseconds, swaps in milliseconds (negative: another
     * outcome than a cut-over), {@code beyond} counts joints whose largest step of the command was beyond the limit, classes
     * and resident MiB when settled and at the end.
     */
    record Outcome(
            boolean with,
            long ticks,
            long missed,
            double p50,
            double p99,
            double max,
            int beyond,
            long classes,
            long classesEnd,
            long resident,
            long residentEnd,
            List<Double> swaps) {
        double rate() {
            return 1e6 * missed / ticks;
        }

        long failed() {
            return swaps.stream().filter(ms -> ms < 0).count();
        }

        String line() {
            return String.format(
                    Locale.ROOT,
                    "%b %d %d %.1f %.1f %.1f %d %d %d %d %d %s",
                    with, ticks, missed, p50, p99, max, beyond, classes, classesEnd, resident, residentEnd,
                    swaps.isEmpty() ? "-" : swaps.stream().map(String::valueOf).collect(Collectors.joining(",")));
        }

        static Outcome of(String line) {
            String[] w = line.split(" ");
            return new Outcome(
                    Boolean.parseBoolean(w[0]), Long.parseLong(w[1]), Long.parseLong(w[2]), Double.parseDouble(w[3]),
                    Double.parseDouble(w[4]), Double.parseDouble(w[5]), Integer.parseInt(w[6]), Long.parseLong(w[7]),
                    Long.parseLong(w[8]), Long.parseLong(w[9]), Long.parseLong(w[10]),
                    w[11].equals("-") ? List.of() : Stream.of(w[11].split(",")).map(Double::valueOf).toList());
        }
    }

    static Path root;
    static Path home;

    public static void main(String[] args) throws Exception {
        root = Path.of(args[0]);
        home = Path.of(System.getenv().getOrDefault("ARMATURE_HOME", root.resolve("build/armature").toString()));
        int runs = args.length > 1 ? Integer.parseInt(args[1]) : 5;
        int seconds = args.length > 2 ? Integer.parseInt(args[2]) : 40;
        double every = args.length > 3 ? Double.parseDouble(args[3]) : 0.25;
        int most = args.length > 4 ? Integer.parseInt(args[4]) : Integer.MAX_VALUE;
        String kept = System.getenv().getOrDefault("RESULTS", "");
        Path results = kept.isEmpty() ? Files.createTempFile("replacements", ".txt") : Path.of(kept);
        List<Outcome> all = new ArrayList<>();
        if (Files.exists(results)) {
            Files.readAllLines(results).forEach(line -> all.add(Outcome.of(line)));
        }
        for (int n = 0; n < most && all.size() < 2 * runs; n++) {
            // with, without, without, with, ...: a slow drift of the machine favours neither
            int i = all.size();
            Outcome o = run(i, seconds, i % 4 == 0 || i % 4 == 3 ? every : 0);
            all.add(o);
            Files.writeString(
                    results, o.line() + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            System.out.printf(
                    Locale.ROOT,
                    "%-8s ticks %6d  missed %4d (%.0f per million)  lateness us p50 %.1f p99 %.1f max %.0f  "
                            + "joints beyond limits %d  swaps %d, refused %d  classes %d to %d  resident %d to %d MiB%n",
                    o.with ? "with" : "without", o.ticks, o.missed, o.rate(), o.p50, o.p99, o.max, o.beyond,
                    o.swaps.size() - o.failed(), o.failed(), o.classes, o.classesEnd, o.resident, o.residentEnd);
        }
        if (all.size() < 2 * runs) {
            System.out.println(2 * runs - all.size() + " runs to go");
            return;
        }
        compare("missed per million ticks", all, Outcome::rate);
        compare("lateness p99, us", all, Outcome::p99);
        compare("classes more at the end than after " + SETTLED_SECONDS + " s", all, o -> o.classesEnd - o.classes);
        compare("resident MiB more", all, o -> o.residentEnd - o.resident);
        double[] swaps = all.stream()
                .flatMap(o -> o.swaps.stream())
                .filter(ms -> ms >= 0)
                .mapToDouble(x -> x)
                .sorted()
                .toArray();
        if (swaps.length > 0) {
            System.out.printf(Locale.ROOT, "swap, ms: median %.0f, p95 %.0f, worst %.0f of %d%n", median(swaps),
                    swaps[(int) (0.95 * (swaps.length - 1))], swaps[swaps.length - 1], swaps.length);
        }
    }

    static void compare(String what, List<Outcome> all, ToDoubleFunction<Outcome> figure) {
        compare(what, all.stream().filter(Outcome::with).mapToDouble(figure).toArray(),
                all.stream().filter(o -> !o.with()).mapToDouble(figure).toArray());
    }

    static void compare(String what, double[] a, double[] b) {
        double p = mannWhitney(a, b);
        System.out.printf(Locale.ROOT, "%s: median %.1f with, %.1f without; exact Mann-Whitney p = %.3f: %s%n", what,
                median(a), median(b), p, p < 0.05 ? "differs at 5 %" : "no difference at 5 %");
    }

    static double median(double[] x) {
        double[] s = x.clone();
        Arrays.sort(s);
        return (s[(s.length - 1) / 2] + s[s.length / 2]) / 2;
    }

    /** Two-sided: the share of all ways to split the values in two whose U is as far from its mean. Ties count half. */
    static double mannWhitney(double[] a, double[] b) {
        int n = a.length + b.length;
        double[] all = Arrays.copyOf(a, n);
        System.arraycopy(b, 0, all, a.length, b.length);
        double mean = a.length * b.length / 2.0;
        double seen = Math.abs(u(all, (1 << a.length) - 1) - mean);
        long far = 0;
        long ways = 0;
        for (int split = 0; split < 1 << n; split++) {
            if (Integer.bitCount(split) == a.length) {
                ways++;
                far += Math.abs(u(all, split) - mean) >= seen - 1e-9 ? 1 : 0;
            }
        }
        return (double) far / ways;
    }

    static double u(double[] x, int split) {
        double u = 0;
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < x.length; j++) {
                if ((split >> i & 1) == 1 && (split >> j & 1) == 0) {
                    u += x[i] > x[j] ? 1 : x[i] == x[j] ? 0.5 : 0;
                }
            }
        }
        return u;
    }

    static Outcome run(int number, int seconds, double every) throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("armature-replacements");
        Process run = null;
        try {
            List<String> line = new ArrayList<>(List.of(root.resolve("armature").toString(), "run", "--headless", "--json",
                    "--seed", "1", "--policy", "pick-place", "--for", Integer.toString(seconds), "--data", folder.toString()));
            String more = System.getenv().getOrDefault("OPTIONS", "").strip();
            if (!more.isEmpty()) {
                line.addAll(List.of(more.split("\\s+")));
            }
            Path out = folder.resolve("out");
            Path err = folder.resolve("err");
            run = new ProcessBuilder(line).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
            while (run.isAlive() && !Files.readString(err).contains("running after")) {
                Thread.sleep(50);
            }
            // The robot is told to stop by the clock; what is looked at last is looked at before.
            long begun = System.nanoTime();
            long settled = begun + SETTLED_SECONDS * 1_000_000_000L;
            long last = begun + (seconds - 2) * 1_000_000_000L;
            long[] memory = {0, 0, 0, 0};
            Path deploy = folder.resolve("deploy");
            Path log = folder.resolve("log/armature.0.log");
            long next = begun;
            for (int k = 1; run.isAlive(); ) {
                Thread.sleep(20);
                long now = System.nanoTime();
                for (int i = 0; i < 2; i++) {
                    if (memory[i] == 0 && now > (i == 0 ? settled : last) && run.isAlive()) {
                        memory[i] = classes(run.pid());
                        memory[2 + i] = resident(run.pid());
                    }
                }
                // One at a time: a file that changes while it is tried would only be tried later.
                if (every > 0 && now > next && now < last && Files.isDirectory(deploy)
                        && (k == 1 || outcomes(log) >= k - 1)) {
                    next = now + (long) (every * 1e9);
                    Files.move(version(k++, folder.resolve("next")), deploy.resolve("pick-place.jar"),
                            StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                }
            }
            if (run.waitFor() != 0) {
                throw new IOException("run " + number + " failed: " + Files.readString(err));
            }
            return outcome(every > 0, memory, Files.readString(out));
        } finally {
            if (run != null) {
                run.destroyForcibly().waitFor();
            }
            try (Stream<Path> all = Files.walk(folder)) {
                for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(p);
                }
            }
        }
    }

    /** Replacements that came to something, whatever it was. */
    static long outcomes(Path log) throws IOException {
        try (Stream<String> lines = Files.lines(log)) {
            return lines.filter(line -> line.contains("pick-place.jar: ")).count();
        }
    }

    /** Classes loaded and not unloaded. */
    static long classes(long pid) throws IOException, InterruptedException {
        Process tool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "jstat").toString(), "-class", Long.toString(pid))
                .start();
        List<String> said = tool.inputReader().lines().toList();
        tool.waitFor();
        String[] row = said.getLast().strip().split("\\s+");
        return Long.parseLong(row[0]) - Long.parseLong(row[2]);
    }

    /** Resident MiB; the heap is touched whole at the start, so what it grows by is native. */
    static long resident(long pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
            }
        }
        return 0;
    }

    static Outcome outcome(boolean with, long[] memory, String json) {
        List<Double> swaps = new ArrayList<>();
        Matcher m = Pattern.compile("\\{\"id\": ?\"pick-place\", ?\"version\": ?\"0\\.1\\.[1-9]\\d*\", ?\"ms\": ?([\\d.]+), ?"
                + "\"outcome\": ?\"([a-z-]+)\"").matcher(json);
        while (m.find()) {
            swaps.add(m.group(2).equals("cut-over") ? Double.parseDouble(m.group(1)) : -1.0);
        }
        Matcher steps = Pattern.compile("\"max_command_step\": ?\\[([^\\]]*)\\]").matcher(json);
        int beyond = 0;
        if (steps.find()) {
            String[] step = steps.group(1).split(",");
            for (int j = 0; j < STEP.length; j++) {
                beyond += Double.parseDouble(step[j]) > STEP[j] * (1 + 1e-9) ? 1 : 0;
            }
        }
        String lateness = json.substring(json.indexOf("\"lateness_us\""));
        return new Outcome(with, (long) number(json, "ticks"), (long) number(json, "missed"), number(lateness, "p50"),
                number(lateness, "p99"), number(lateness, "max"), beyond, memory[0], memory[1], memory[2], memory[3], swaps);
    }

    static double number(String json, String key) {
        Matcher m = Pattern.compile("\"" + key + "\": ?([-\\d.eE]+)").matcher(json);
        if (!m.find()) {
            throw new IllegalStateException("no " + key + " in " + json);
        }
        return Double.parseDouble(m.group(1));
    }

    /** The policy's bundle with version 0.1.{@code k}. */
    static Path version(int k, Path to) throws IOException {
        Path jar;
        try (Stream<Path> jars = Files.walk(home.resolve("bundles"))) {
            jar = jars.filter(p -> p.getFileName().toString().startsWith("armature-vla-")).findFirst().orElseThrow();
        }
        try (InputStream file = Files.newInputStream(jar);
                JarInputStream in = new JarInputStream(file)) {
            Manifest manifest = in.getManifest();
            manifest.getMainAttributes().putValue("Bundle-Version", "0.1." + k);
            try (OutputStream raw = Files.newOutputStream(to);
                    JarOutputStream out = new JarOutputStream(raw, manifest)) {
                for (JarEntry entry; (entry = in.getNextJarEntry()) != null; ) {
                    out.putNextEntry(new JarEntry(entry.getName()));
                    in.transferTo(out);
                    out.closeEntry();
                }
            }
        }
        return to;
    }
}
