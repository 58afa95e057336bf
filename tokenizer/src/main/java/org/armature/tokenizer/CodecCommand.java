package org.armature.tokenizer;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
import org.armature.model.ConfigReader;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What the commands that use a checkpoint share: where it is, on what it runs, how failure is told. */
abstract class CodecCommand implements Callable<Integer> {
    private final ConfigReader reader;
    private final CheckpointFormat format;
    private final List<Executor> executors;

    @Option(
            names = "--checkpoint",
            paramLabel = "DIR",
            required = true,
            description = "folder with config.json and model.safetensors")
    @Nullable
    Path checkpoint;

    @Option(names = "--executor", paramLabel = "ID", description = "what computes (the first that is there)")
    @Nullable
    String executor;

    @Option(names = "--json", description = "print one object, and nothing else")
    boolean json;

    @Spec
    @Nullable
    CommandSpec spec;

    CodecCommand(ConfigReader reader, CheckpointFormat format, List<Executor> executors) {
        this.reader = reader;
        this.format = format;
        this.executors = List.copyOf(executors);
    }

    abstract int call(Codec codec) throws IOException;

    @Override
    public final Integer call() {
        Executor chosen = executors.stream()
                .filter(e -> executor == null || e.id().equals(executor))
                .findFirst()
                .orElseThrow(() -> usage("there is no executor " + executor + ": running are "
                        + executors.stream().map(Executor::id).toList()));
        try (Codec codec = Codec.open(given(checkpoint), reader, format, chosen, CompileOptions.DEFAULT)) {
            return call(codec);
        } catch (IOException | IllegalArgumentException e) {
            err().println(e.getMessage());
            return 1;
        }
    }

    CheckpointFormat format() {
        return format;
    }

    CommandLine.ParameterException usage(String message) {
        return new CommandLine.ParameterException(given(spec).commandLine(), message);
    }

    PrintWriter out() {
        return spec == null
                ? new PrintWriter(System.out, true)
                : spec.commandLine().getOut();
    }

    PrintWriter err() {
        return spec == null
                ? new PrintWriter(System.err, true)
                : spec.commandLine().getErr();
    }

    /** What picocli has set before a command runs. */
    static <T> T given(@Nullable T value) {
        if (value == null) {
            throw new IllegalStateException("the command runs through picocli");
        }
        return value;
    }
}
