package org.armature.commands.reproduce;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.armature.commands.Caller;
import org.armature.train.Reproduction;
import org.armature.train.Reproduction.Claim;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code armature reproduce PAPER}. The run folder holds {@code figures.json} and, at the end, {@code table.md}. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=reproduce")
@Command(
        name = "reproduce",
        description = "Repeats a paper's claim in miniature over several seeds, prints the table and says what holds.")
public final class ReproduceCommand implements Callable<Integer> {
    private static final String FIGURES = "figures.json";
    private static final Duration BETWEEN_LINES = Duration.ofMillis(500);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final List<Reproduction> reproductions;

    @Parameters(index = "0", paramLabel = "PAPER", arity = "0..1", description = "its id; none lists what there is")
    @Nullable
    String paper;

    @Option(names = "--seeds", paramLabel = "N,N", split = ",", description = "seeds (1,2,3)")
    List<Long> seeds = List.of(1L, 2L, 3L);

    @Option(names = "--run", paramLabel = "DIR", description = "folder for figures and networks (runs/reproduce/PAPER)")
    @Nullable
    Path run;

    @Option(names = "--resume", description = "go on from the figures in the folder")
    boolean resume;

    @Option(names = "--json", description = "print one object, and nothing else")
    boolean json;

    @Spec
    @Nullable
    CommandSpec spec;

    private final AtomicBoolean stopped = new AtomicBoolean();
    private long lastLine;

    @Activate
    public ReproduceCommand(@Reference(policyOption = ReferencePolicyOption.GREEDY) List<Reproduction> reproductions) {
        this.reproductions = List.copyOf(reproductions);
    }

    @Override
    public Integer call() {
        PrintWriter out = commandLine().getOut();
        if (paper == null) {
            reproductions.forEach(r -> out.println(r.id() + "  " + r.title()));
            return 0;
        }
        Reproduction r = reproductions.stream()
                .filter(x -> x.id().equals(paper))
                .findFirst()
                .orElseThrow(() -> new CommandLine.ParameterException(
                        commandLine(),
                        "there is no reproduction of " + paper + ": there are "
                                + reproductions.stream()
                                        .map(Reproduction::id)
                                        .sorted()
                                        .toList()));
        Path folder = Caller.resolve(run != null ? run : Path.of("runs", "reproduce", r.id()));
        CountDownLatch done = new CountDownLatch(1);
        Thread hook = new Thread(() -> {
            stopped.set(true);
            try {
                done.await(30, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            return report(r, measure(r, folder), folder);
        } catch (IOException e) {
            commandLine().getErr().println(e.getMessage());
            return 1;
        } finally {
            done.countDown();
            if (!stopped.get()) {
                Runtime.getRuntime().removeShutdownHook(hook);
            }
        }
    }

    /** Figures by {@code arm/seed}. */
    private Map<String, Map<String, Double>> measure(Reproduction r, Path folder) throws IOException {
        Path file = folder.resolve(FIGURES);
        Map<String, Map<String, Double>> all = new LinkedHashMap<>();
        if (Files.exists(file)) {
            if (!resume) {
                throw new IOException(
                        folder + " holds a run already: go on with --resume, or choose another with --run");
            }
            all.putAll(JSON.readValue(file.toFile(), new TypeReference<Map<String, Map<String, Double>>>() {}));
        }
        int count = seeds.size() * r.arms().size();
        int at = 0;
        for (long seed : seeds) {
            for (String arm : r.arms()) {
                String key = key(arm, seed);
                if (!all.containsKey(key)) {
                    Path own = folder.resolve("seed-" + seed)
                            .resolve(arm.replaceAll("[^\\w.]+", "-").toLowerCase(Locale.ROOT));
                    Path shared = folder.resolve("seed-" + seed).resolve("shared");
                    Files.createDirectories(own);
                    Files.createDirectories(shared);
                    all.put(key, r.measure(arm, seed, new Place(own, shared, key, at, count)));
                    Path part = folder.resolve(FIGURES + ".part");
                    JSON.writerWithDefaultPrettyPrinter().writeValue(part.toFile(), all);
                    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                }
                at++;
            }
        }
        return all;
    }

    private static String key(String arm, long seed) {
        return arm + "/" + seed;
    }

    private final class Place implements Reproduction.Run {
        private final Path folder;
        private final Path shared;
        private final String key;
        private final int at;
        private final int count;

        Place(Path folder, Path shared, String key, int at, int count) {
            this.folder = folder;
            this.shared = shared;
            this.key = key;
            this.at = at;
            this.count = count;
        }

        @Override
        public Path folder() {
            return folder;
        }

        @Override
        public Path shared() {
            return shared;
        }

        @Override
        public void progress(String what, double share) {
            long now = System.nanoTime();
            if (json || now - lastLine < BETWEEN_LINES.toNanos()) {
                return;
            }
            lastLine = now;
            PrintWriter err = commandLine().getErr();
            err.print(String.format(
                    Locale.ROOT, "\r%3.0f %%  %s: %s   ", 100 * (at + Math.clamp(share, 0, 1)) / count, key, what));
            err.flush();
        }

        @Override
        public boolean stopped() {
            return stopped.get();
        }
    }

    private int report(Reproduction r, Map<String, Map<String, Double>> all, Path folder) throws IOException {
        Reproduction.Figures figures = (arm, figure) -> seeds.stream()
                .map(s -> all.getOrDefault(key(arm, s), Map.of()).getOrDefault(figure, Double.NaN))
                .toList();
        Set<String> columns = new LinkedHashSet<>();
        all.values().forEach(f -> columns.addAll(f.keySet()));
        List<String> lines = new ArrayList<>();
        lines.add(r.title() + " Seeds " + seeds + ": mean (standard deviation).");
        lines.add("");
        lines.add("| arm | " + String.join(" | ", columns) + " |");
        lines.add("|---|" + "---|".repeat(columns.size()));
        for (String arm : r.arms()) {
            StringBuilder row = new StringBuilder("| " + arm + " |");
            for (String c : columns) {
                double mean = figures.mean(arm, c);
                double spread = Math.sqrt(figures.of(arm, c).stream()
                                .mapToDouble(v -> (v - mean) * (v - mean))
                                .sum()
                        / Math.max(1, seeds.size() - 1));
                row.append(Double.isNaN(mean) ? " |" : String.format(Locale.ROOT, " %.4g (%.2g) |", mean, spread));
            }
            lines.add(row.toString());
        }
        lines.add("");
        int failed = 0;
        Map<String, Boolean> claims = new LinkedHashMap<>();
        for (Claim c : r.claims()) {
            double margin = c.margin().applyAsDouble(figures);
            boolean holds = margin >= 0;
            failed += holds ? 0 : 1;
            claims.put(c.text(), holds);
            lines.add("- " + (holds ? "holds" : "DOES NOT HOLD") + ": " + c.text()
                    + String.format(Locale.ROOT, " (margin %+.3g)", margin));
        }
        Files.write(folder.resolve("table.md"), lines);
        PrintWriter out = commandLine().getOut();
        if (json) {
            out.println(
                    JSON.writeValueAsString(Map.of("paper", r.id(), "seeds", seeds, "figures", all, "claims", claims)));
        } else {
            commandLine().getErr().println();
            lines.forEach(out::println);
        }
        out.flush();
        return failed == 0 ? 0 : 1;
    }

    private CommandLine commandLine() {
        if (spec == null) {
            throw new IllegalStateException("reproduce runs through picocli");
        }
        return spec.commandLine();
    }
}
