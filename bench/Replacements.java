import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.jar.JarEntry;
import java.util.jar.JarInputStream;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** See replacements.sh. */
class Replacements {
    /** What one run came to. {@code rate} is missed ticks per million; lateness in microseconds, swaps in milliseconds. */
    record Outcome(long ticks, long missed, double p50, double p99, double max, List<Double> swaps, int other) {
        double rate() {
            return 1e6 * missed / ticks;
        }
    }

    static Path root;

    public static void main(String[] args) throws Exception {
        root = Path.of(args[0]);
        int runs = args.length > 1 ? Integer.parseInt(args[1]) : 5;
        int seconds = args.length > 2 ? Integer.parseInt(args[2]) : 30;
        double every = args.length > 3 ? Double.parseDouble(args[3]) : 2;
        List<Outcome> with = new ArrayList<>();
        List<Outcome> without = new ArrayList<>();
        for (int i = 0; i < 2 * runs; i++) {
            // with, without, without, with, ...: a slow drift of the machine favours neither
            boolean replacing = i % 4 == 0 || i % 4 == 3;
            Outcome o = run(i, seconds, replacing ? every : 0);
            (replacing ? with : without).add(o);
            System.out.printf(
                    Locale.ROOT,
                    "%-8s ticks %7d  missed %5d (%.0f per million)  lateness us p50 %.1f p99 %.1f max %.1f  swaps %d%s%n",
                    replacing ? "with" : "without",
                    o.ticks,
                    o.missed,
                    o.rate(),
                    o.p50,
                    o.p99,
                    o.max,
                    o.swaps.size(),
                    o.other > 0 ? ", NOT cut over " + o.other : "");
        }
        compare("missed per million ticks", with.stream().mapToDouble(Outcome::rate).toArray(),
                without.stream().mapToDouble(Outcome::rate).toArray());
        compare("lateness p99, us", with.stream().mapToDouble(Outcome::p99).toArray(),
                without.stream().mapToDouble(Outcome::p99).toArray());
        double[] swaps = with.stream().flatMap(o -> o.swaps.stream()).mapToDouble(x -> x).sorted().toArray();
        if (swaps.length > 0) {
            System.out.printf(Locale.ROOT, "swap, ms: median %.0f, p95 %.0f, worst %.0f of %d%n", median(swaps),
                    swaps[(int) (0.95 * (swaps.length - 1))], swaps[swaps.length - 1], swaps.length);
        }
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
        try {
            List<String> line = new ArrayList<>(List.of(root.resolve("armature").toString(), "run", "--headless", "--json",
                    "--seed", "1", "--for", Integer.toString(seconds), "--data", folder.toString()));
            String more = System.getenv().getOrDefault("OPTIONS", "").strip();
            if (!more.isEmpty()) {
                line.addAll(List.of(more.split("\\s+")));
            }
            Path out = folder.resolve("out");
            Path err = folder.resolve("err");
            Process run = new ProcessBuilder(line).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
            while (run.isAlive() && !Files.readString(err).contains("running after")) {
                Thread.sleep(50);
            }
            Path deploy = folder.resolve("deploy");
            long next = System.nanoTime() + (long) (every * 1e9);
            for (int k = 1; run.isAlive(); ) {
                Thread.sleep(20);
                if (every > 0 && System.nanoTime() > next && Files.isDirectory(deploy)) {
                    next += (long) (every * 1e9);
                    Files.move(version(k++, folder.resolve("next")), deploy.resolve("pick-place.jar"),
                            StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                }
            }
            if (run.waitFor() != 0) {
                throw new IOException("run " + number + " failed: " + Files.readString(err));
            }
            return outcome(Files.readString(out));
        } finally {
            try (Stream<Path> all = Files.walk(folder)) {
                for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(p);
                }
            }
        }
    }

    static Outcome outcome(String json) {
        List<Double> swaps = new ArrayList<>();
        int other = 0;
        Matcher m = Pattern.compile("\\{\"id\": ?\"pick-place\", ?\"version\": ?\"0\\.1\\.[1-9]\\d*\", ?\"ms\": ?([\\d.]+), ?"
                + "\"outcome\": ?\"([a-z-]+)\"").matcher(json);
        while (m.find()) {
            if (m.group(2).equals("cut-over")) {
                swaps.add(Double.parseDouble(m.group(1)));
            } else {
                other++;
            }
        }
        String lateness = json.substring(json.indexOf("\"lateness_us\""));
        return new Outcome((long) number(json, "ticks"), (long) number(json, "missed"), number(lateness, "p50"),
                number(lateness, "p99"), number(lateness, "max"), swaps, other);
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
        try (Stream<Path> jars = Files.list(root.resolve("build/armature/bundles/robot"))) {
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
