package org.armature.launcher;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToIntFunction;
import org.osgi.framework.BundleException;

/** The program: {@code run} starts a runtime; every other command runs in a running one or in a framework of its own. */
public final class Main {
    /** Commands that are about the running runtime. */
    private static final Set<String> REMOTE = Set.of("modules", "deploy", "undeploy");

    /** Exit codes. */
    static final int DONE = 0;

    static final int FAILED = 1;
    static final int USAGE = 2;

    private Main() {}

    /** Exits with 0 done, 1 failed, 2 wrong usage. */
    public static void main(String[] args) {
        PrintStream out = Logging.takeStandardOutput();
        boolean debug = List.of(args).contains("--debug");
        int code;
        try {
            code = main(List.of(args), out);
        } catch (UsageException e) {
            System.err.println("armature: " + e.getMessage());
            code = USAGE;
        } catch (InterruptedException e) {
            code = FAILED;
        } catch (Exception | LinkageError e) {
            System.err.println("armature: " + (e.getMessage() == null ? e.toString() : e.getMessage()));
            if (debug) {
                e.printStackTrace();
            }
            code = FAILED;
        }
        out.flush();
        System.err.flush();
        // The framework's threads are not daemons: only exit ends the process after a failed start.
        System.exit(code);
    }

    private static int main(List<String> args, PrintStream out)
            throws IOException, BundleException, InterruptedException {
        String command = args.isEmpty() ? "help" : args.getFirst();
        if (command.equals("run")) {
            List<String> options = args.subList(1, args.size());
            if (options.contains("--help") || options.contains("-h")) {
                out.print(RunOptions.USAGE);
                return DONE;
            }
            return new Run(RunOptions.parse(options), home(), instances(), out).call();
        }
        if (REMOTE.contains(command)) {
            List<String> local = new ArrayList<>(args);
            Path data = takeData(local);
            java.util.OptionalInt code =
                    ControlChannel.call(data == null ? instances() : data, data == null, local, out);
            if (code.isPresent()) {
                return code.getAsInt();
            }
            if (!command.equals("modules")) {
                System.err.println("armature: no runtime is running here: start one with ./armature run.");
                return FAILED;
            }
            System.err.println("armature: no runtime is running; these are the modules installed here.");
            args = local;
        }
        return alone(args, out);
    }

    private static @org.jspecify.annotations.Nullable Path takeData(List<String> args) {
        int at = args.indexOf("--data");
        if (at < 0) {
            return null;
        }
        if (at + 1 >= args.size()) {
            throw new UsageException("--data needs a folder.");
        }
        args.remove(at);
        return Path.of(args.remove(at));
    }

    /** One command in a framework without control and web. */
    private static int alone(List<String> given, PrintStream out)
            throws IOException, BundleException, InterruptedException {
        List<String> args = new ArrayList<>(given);
        Map<String, Map<String, Object>> overrides = RunOptions.takeDefinitions(args);
        Logging.console(args.contains("--debug"));
        Path cache = Files.createTempDirectory("armature-");
        try (Platform platform = Platform.start(home(), cache, Map.of("armature.home", home().toString()))) {
            platform.start(Platform.Stage.PLATFORM);
            platform.configure(
                    Configurations.read(home().resolve("conf/armature.json")).with(overrides));
            platform.start(Platform.Stage.ROBOT);
            platform.start(Platform.Stage.MODULES);
            platform.problems().forEach(problem -> System.err.println("armature: " + problem));
            @SuppressWarnings("unchecked")
            ToIntFunction<Map<String, Object>> commandLine =
                    platform.await(ToIntFunction.class, "(armature.commandline=true)", 5_000);
            if (commandLine == null) {
                throw new IOException("the commands bundle is not there: build again with ./armature build");
            }
            PrintWriter writer = new PrintWriter(out, true, StandardCharsets.UTF_8);
            PrintWriter errors = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
            int code = commandLine.applyAsInt(Map.of(
                    "args",
                    args,
                    "out",
                    writer,
                    "err",
                    errors,
                    "directory",
                    Path.of("").toAbsolutePath()));
            writer.flush();
            errors.flush();
            return code;
        } finally {
            Instance.delete(cache);
        }
    }

    static Path home() {
        String home = System.getProperty("armature.home");
        if (home == null) {
            throw new IllegalStateException("-Darmature.home is not set: start with ./armature");
        }
        return Path.of(home).toAbsolutePath().normalize();
    }

    /** The default instance folder. */
    static Path instances() {
        return Path.of(System.getProperty(
                        "armature.data", home().resolveSibling("run").toString()))
                .toAbsolutePath();
    }
}
