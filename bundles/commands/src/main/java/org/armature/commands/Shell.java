package org.armature.commands;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jline.builtins.Completers.FileNameCompleter;
import org.jline.reader.Candidate;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.AutoComplete;
import picocli.CommandLine;

/**
 * The commands at a prompt of the running runtime, with history and completion. They are looked up anew for every line, so
 * those of a bundle deployed a moment ago are there.
 */
@Component(service = Consumer.class, property = "armature.shell:Boolean=true")
public final class Shell implements Consumer<Runnable> {
    private static final Logger LOG = LoggerFactory.getLogger(Shell.class);
    private static final FileNameCompleter FILES = new FileNameCompleter();

    private final CommandLineService commands;
    private final Path history;

    @Activate
    public Shell(
            BundleContext context, @Reference(target = "(armature.commandline=true)") CommandLineService commands) {
        this(commands, Path.of(context.getProperty("armature.data"), "history"));
    }

    Shell(CommandLineService commands, Path history) {
        this.commands = commands;
        this.history = history;
    }

    /** Reads this process's terminal until {@code exit} or Ctrl-C, either of which runs {@code stop}; Ctrl-D ends the prompt alone. */
    @Override
    public void accept(Runnable stop) {
        // JLine finds its access to the terminal by ServiceLoader.
        Thread.currentThread().setContextClassLoader(Terminal.class.getClassLoader());
        try (Terminal terminal = TerminalBuilder.builder().name("armature").build()) {
            if (converse(terminal)) {
                stop.run();
            }
        } catch (IOException | IllegalStateException e) {
            LOG.info("no prompt: {}", e.getMessage());
        }
    }

    /** True when the runtime shall end. */
    boolean converse(Terminal terminal) {
        LineReader reader = LineReaderBuilder.builder()
                .terminal(terminal)
                .appName("armature")
                .completer(this::complete)
                .variable(LineReader.HISTORY_FILE, history)
                .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
                .build();
        PrintWriter out = terminal.writer();
        while (true) {
            try {
                reader.readLine("armature> ");
            } catch (UserInterruptException e) {
                return true;
            } catch (EndOfFileException e) {
                out.println("The runtime goes on; Ctrl-C stops it.");
                out.flush();
                return false;
            }
            List<String> words = new ArrayList<>(reader.getParsedLine().words());
            words.removeIf(String::isEmpty);
            if (words.isEmpty()) {
                continue;
            }
            switch (words.getFirst()) {
                case "exit", "quit" -> {
                    return true;
                }
                case "run", "test" -> out.println("armature: this is the running runtime; leave it first with exit.");
                default -> commands.applyAsInt(Map.of("args", words, "out", out, "err", out));
            }
            out.flush();
        }
    }

    void complete(LineReader reader, ParsedLine line, List<Candidate> candidates) {
        List<Runnable> release = new ArrayList<>();
        try {
            CommandLine commandLine = commands.commandLine(release);
            List<CharSequence> found = new ArrayList<>();
            AutoComplete.complete(
                    commandLine.getCommandSpec(),
                    line.words().toArray(String[]::new),
                    line.wordIndex(),
                    0,
                    line.cursor(),
                    found);
            found.forEach(word -> candidates.add(new Candidate(word.toString())));
        } finally {
            release.forEach(Runnable::run);
        }
        if (line.wordIndex() == 0) {
            candidates.add(new Candidate("exit"));
        } else {
            FILES.complete(reader, line, candidates);
        }
    }
}
