package org.armature.training;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.armature.train.Progress;
import org.armature.train.Trainer;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code armature train CONFIG.json}. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=train")
@Command(
        name = "train",
        description = "Trains a model as CONFIG says. Ctrl-C ends it with a checkpoint, --resume goes on.")
public final class TrainCommand implements Callable<Integer> {
    private static final Duration BETWEEN_LINES = Duration.ofMillis(500);
    private static final long SECONDS_TO_SAVE = 30;

    private final Trainer trainer;
    private final ConfigReader reader;
    private final List<Progress.Listener> listeners;

    @Parameters(index = "0", paramLabel = "CONFIG", description = "JSON: model, dataset, optimizer, schedule, ...")
    @Nullable
    Path config;

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "folder for checkpoints and curves (runs/<CONFIG's name>)")
    @Nullable
    Path run;

    @Option(names = "--resume", description = "go on from the folder's checkpoint, to the same end as without the stop")
    boolean resume;

    @Option(names = "--json", description = "print one summary object at the end, and nothing else")
    boolean json;

    @Spec
    @Nullable
    CommandSpec spec;

    private long lastLine;

    @Activate
    public TrainCommand(
            @Reference Trainer trainer,
            @Reference ConfigReader reader,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) List<Progress.Listener> listeners) {
        this.trainer = trainer;
        this.reader = reader;
        this.listeners = List.copyOf(listeners);
    }

    @Override
    public Integer call() {
        PrintWriter out = spec == null
                ? new PrintWriter(System.out, true)
                : spec.commandLine().getOut();
        PrintWriter err = spec == null
                ? new PrintWriter(System.err, true)
                : spec.commandLine().getErr();
        Path from = config;
        if (from == null) {
            err.println("armature train needs a configuration: give the path of a JSON file");
            return 2;
        }
        Path folder = run != null
                ? run
                : Path.of("runs", from.getFileName().toString().replaceFirst("\\.json$", ""));
        AtomicBoolean stopped = new AtomicBoolean();
        CountDownLatch done = new CountDownLatch(1);
        // Ctrl-C starts the hook: it asks the loop to stop and waits until the checkpoint is written.
        Thread hook = new Thread(() -> {
            stopped.set(true);
            try {
                done.await(SECONDS_TO_SAVE, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            Trainer.Outcome o = trainer.train(
                    beside(from, reader.read(from)),
                    folder,
                    resume,
                    p -> tell(p, out),
                    () -> stopped.get() || Thread.interrupted());
            summary(o, folder, out);
            return o.finished() ? 0 : 1;
        } catch (IllegalArgumentException e) {
            err.println(from + ": " + e.getMessage());
            return 2;
        } catch (IOException e) {
            err.println(e.getMessage());
            return 1;
        } finally {
            done.countDown();
            if (!stopped.get()) {
                Runtime.getRuntime().removeShutdownHook(hook);
            }
        }
    }

    /** The file of a model lies beside the configuration that names it. */
    private static Config beside(Path file, Config config) {
        Map<String, Object> m = new LinkedHashMap<>(config.asMap());
        m.computeIfPresent("model", (k, v) -> switch (v) {
            case String path -> file.toAbsolutePath().resolveSibling(path).toString();
            case Map<?, ?> section
            when section.get("file") instanceof String path -> {
                Map<Object, Object> copy = new LinkedHashMap<>(section);
                copy.put("file", file.toAbsolutePath().resolveSibling(path).toString());
                yield copy;
            }
            default -> v;
        });
        return Config.of(m);
    }

    private void tell(Progress p, PrintWriter out) {
        long now = System.nanoTime();
        boolean last = p.step() == p.steps();
        if (lastLine != 0 && now - lastLine < BETWEEN_LINES.toNanos() && !last) {
            return;
        }
        lastLine = now;
        listeners.forEach(l -> l.progress(p));
        if (!json) {
            out.print(String.format(
                    Locale.ROOT,
                    "\repoch %d step %d/%d  %s  %s left   ",
                    p.epoch() + 1,
                    p.step(),
                    p.steps(),
                    numbers(p.results()),
                    clock(p.left())));
            out.flush();
        }
    }

    private void summary(Trainer.Outcome o, Path folder, PrintWriter out) {
        if (json) {
            String results = o.results().entrySet().stream()
                    .sorted(Map.Entry.comparingByKey())
                    .map(e -> "\"" + e.getKey() + "\": " + (Double.isFinite(e.getValue()) ? e.getValue() : "null"))
                    .collect(Collectors.joining(", "));
            out.println(
                    "{\"finished\": " + o.finished() + ", \"step\": " + o.step() + ", \"results\": {" + results + "}}");
        } else {
            out.println();
            out.println(
                    o.finished()
                            ? "trained: " + numbers(o.results()) + "; " + folder.resolve("model.safetensors")
                            : "stopped at step " + o.step() + ": go on with --resume --run " + folder);
        }
        out.flush();
    }

    private static String numbers(Map<String, Double> results) {
        return results.entrySet().stream()
                .filter(e -> !e.getKey().equals("rate"))
                .sorted(Map.Entry.comparingByKey())
                .map(e -> String.format(Locale.ROOT, "%s %.4f", e.getKey(), e.getValue()))
                .collect(Collectors.joining("  "));
    }

    private static String clock(Duration d) {
        return String.format(Locale.ROOT, "%d:%02d", d.toMinutes(), d.toSecondsPart());
    }
}
