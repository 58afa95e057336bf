package org.armature.commands.reproduce;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
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

    @Option(
            names = "--at-once",
            paramLabel = "N",
            description = "measurements side by side, each trains on one thread (the number of processors)")
    int atOnce = Runtime.getRuntime().availableProcessors();

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
        if (atOnce < 1) {
            throw new CommandLine.ParameterException(commandLine(), "--at-once " + atOnce + ": at least 1");
        }
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
            Measurements all = new Measurements(r, seeds, folder, this::show, stopped::get);
            return report(r, all.take(atOnce, resume), folder);
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

    private synchronized void show(String what, double share) {
        long now = System.nanoTime();
        if (json || now - lastLine < BETWEEN_LINES.toNanos()) {
            return;
        }
        lastLine = now;
        PrintWriter err = commandLine().getErr();
        err.print(String.format(Locale.ROOT, "\r%3.0f %%  %s   ", 100 * share, what));
        err.flush();
    }

    private int report(Reproduction r, Map<String, Map<String, Double>> all, Path folder) throws IOException {
        Reproduction.Figures figures = (arm, figure) -> seeds.stream()
                .map(s -> all.getOrDefault(Measurements.key(arm, s), Map.of()).getOrDefault(figure, Double.NaN))
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
