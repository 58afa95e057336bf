package org.armature.commands;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.ToIntFunction;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceObjects;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * All commands as one. A command is a service of type {@link Callable} with prototype scope, property
 * {@code armature.command} = its name, and picocli annotations on its class; it returns its exit code (or null for 0),
 * prints through {@code spec.commandLine().getOut()}, and throws with one sentence when its work fails.
 *
 * <p>The launcher calls it with {@code args} (list of strings), {@code out} and {@code err} ({@link PrintWriter}) and
 * {@code directory} (the caller's, against which relative paths are meant: see {@link Caller}).
 */
@Component(
        service = {ToIntFunction.class, CommandLineService.class},
        property = "armature.commandline:Boolean=true")
public final class CommandLineService implements ToIntFunction<Map<String, Object>> {
    private final BundleContext context;

    @Activate
    public CommandLineService(BundleContext context) {
        this.context = context;
    }

    /** What is the same for every command. */
    @Command(
            name = "armature",
            description = "A robot runtime whose modules are replaced while the robot moves.",
            synopsisSubcommandLabel = "COMMAND",
            commandListHeading = "%nCommands:%n",
            footer = {
                "",
                "armature COMMAND --help says what a command takes. Exit codes: 0 done, 1 failed, 2 wrong usage."
            })
    static final class Root {
        @Option(names = "--debug", scope = CommandLine.ScopeType.INHERIT, description = "stack traces in messages")
        boolean debug;

        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                scope = CommandLine.ScopeType.INHERIT,
                description = "this text")
        boolean help;

        @Option(
                names = {"-V", "--version"},
                versionHelp = true,
                description = "the version")
        boolean version;
    }

    @Command(description = "start the robot, its cameras, the policy, the control loop and the dashboard")
    static final class RunCommand {}

    @Command(description = "set up and run every test")
    static final class TestCommand {}

    @Command(description = "say what a command takes")
    static final class HelpCommand {}

    @Override
    public int applyAsInt(Map<String, Object> request) {
        String[] given = ((List<?>) request.getOrDefault("args", List.of()))
                .stream().map(String::valueOf).toArray(String[]::new);
        // picocli's own help command would know --help twice: ours is inherited by every command.
        boolean help = given.length == 0 || given[0].equals("help");
        String[] words = !help ? given : given.length > 1 ? new String[] {given[1], "--help"} : new String[] {"--help"};
        PrintWriter out = (PrintWriter) request.get("out");
        PrintWriter err = (PrintWriter) request.get("err");
        Path directory = (Path) request.getOrDefault("directory", Path.of(""));
        List<Runnable> release = new ArrayList<>();
        try {
            return Caller.in(directory, () -> {
                CommandLine commandLine = commandLine(release);
                commandLine.setOut(out).setErr(err);
                return commandLine.execute(words);
            });
        } finally {
            release.forEach(Runnable::run);
        }
    }

    /** Every command there is now; each of {@code release} gives one back. */
    CommandLine commandLine(List<Runnable> release) {
        Root root = new Root();
        CommandLine commandLine = new CommandLine(root);
        commandLine.getCommandSpec().version("armature " + context.getBundle().getVersion());
        commandLine.addSubcommand("run", new RunCommand());
        commandLine.addSubcommand("test", new TestCommand());
        Map<String, Object> commands = new TreeMap<>();
        try {
            for (ServiceReference<?> reference : context.getServiceReferences(Callable.class, "(armature.command=*)")) {
                Object command = get(reference, release);
                if (command != null) {
                    commands.putIfAbsent(String.valueOf(reference.getProperty("armature.command")), command);
                }
            }
        } catch (InvalidSyntaxException e) {
            throw new AssertionError(e);
        }
        commands.forEach(commandLine::addSubcommand);
        commandLine.addSubcommand("help", new HelpCommand());
        commandLine.setExecutionExceptionHandler((failure, failed, parsed) -> {
            String message = failure.getMessage() == null ? failure.toString() : failure.getMessage();
            failed.getErr()
                    .println("armature " + failed.getCommandName() + ": "
                            + message.lines().findFirst().orElse(message));
            if (root.debug) {
                failure.printStackTrace(failed.getErr());
            }
            return CommandLine.ExitCode.SOFTWARE;
        });
        commandLine.setParameterExceptionHandler((wrong, args) -> {
            CommandLine failed = wrong.getCommandLine();
            PrintWriter err = failed.getErr();
            err.println("armature" + (failed.getParent() == null ? "" : " " + failed.getCommandName()) + ": "
                    + wrong.getMessage());
            if (!CommandLine.UnmatchedArgumentException.printSuggestions(wrong, err)) {
                err.println("armature " + (failed.getParent() == null ? "" : failed.getCommandName() + " ")
                        + "--help says what it takes.");
            }
            return CommandLine.ExitCode.USAGE;
        });
        commandLine.setExitCodeExceptionMapper(failure -> 1);
        return commandLine;
    }

    private <S> Object get(ServiceReference<S> reference, List<Runnable> release) {
        ServiceObjects<S> objects = context.getServiceObjects(reference);
        if (objects == null) {
            return null;
        }
        S command = objects.getService();
        if (command != null) {
            release.add(() -> objects.ungetService(command));
        }
        return command;
    }
}
