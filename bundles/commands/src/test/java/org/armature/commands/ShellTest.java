package org.armature.commands;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jline.reader.Candidate;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.Parser;
import org.jline.reader.impl.DefaultParser;
import org.jline.terminal.Terminal;
import org.jline.terminal.impl.DumbTerminal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceObjects;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.Version;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

class ShellTest {
    @TempDir
    Path folder;

    @Command(name = "greet")
    static final class Greet implements Callable<Integer> {
        @Spec
        CommandSpec spec;

        @Parameters
        String whom;

        @Option(names = "--loudly")
        boolean loudly;

        @Override
        public Integer call() {
            spec.commandLine().getOut().println("hello " + whom);
            return 0;
        }
    }

    @Test
    void linesAreCommandsUntilExit() throws Exception {
        Answer answer = run("greet 'Ada Lovelace'\rexit\r");
        assertTrue(answer.ended());
        assertTrue(answer.said().contains("hello Ada Lovelace"), answer.said());
    }

    @Test
    void aWrongLineIsAnsweredAndThePromptGoesOn() throws Exception {
        Answer answer = run("great x\rrun\rgreet you\r");
        assertTrue(answer.said().contains("greet"), answer.said());
        assertTrue(answer.said().contains("this is the running runtime"), answer.said());
        assertTrue(answer.said().contains("hello you"), answer.said());
        assertFalse(answer.ended(), "the end of input ends the prompt, not the robot");
        assertTrue(Files.readString(folder.resolve("history")).contains("greet you"));
    }

    @Test
    void commandsAndTheirOptionsAreCompleted() {
        assertTrue(completions("gre").contains("greet"));
        assertTrue(completions("greet --").contains("--loudly"));
        assertFalse(completions("").contains("--loudly"));
    }

    private List<String> completions(String line) {
        List<Candidate> found = new ArrayList<>();
        new Shell(new CommandLineService(context()), folder.resolve("history"))
                .complete(
                        LineReaderBuilder.builder().build(),
                        new DefaultParser().parse(line, line.length(), Parser.ParseContext.COMPLETE),
                        found);
        return found.stream().map(Candidate::value).toList();
    }

    private record Answer(String said, boolean ended) {}

    private Answer run(String typed) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (Terminal terminal =
                new DumbTerminal(new ByteArrayInputStream(typed.getBytes(StandardCharsets.UTF_8)), out)) {
            boolean ended = new Shell(new CommandLineService(context()), folder.resolve("history")).converse(terminal);
            return new Answer(out.toString(StandardCharsets.UTF_8), ended);
        }
    }

    private static BundleContext context() {
        Map<String, Object> properties = Map.of("armature.command", "greet");
        ServiceReference<?> reference = stub(ServiceReference.class, Map.of("getProperty", a -> properties.get(a[0])));
        ServiceObjects<?> objects =
                stub(ServiceObjects.class, Map.of("getService", a -> new Greet(), "ungetService", a -> null));
        Bundle bundle = stub(Bundle.class, Map.of("getVersion", a -> new Version(1, 2, 3)));
        return stub(
                BundleContext.class,
                Map.of(
                        "getServiceReferences", a -> List.of(reference),
                        "getServiceObjects", a -> objects,
                        "getBundle", a -> bundle));
    }

    private interface Method {
        Object call(Object[] arguments);
    }

    private static <T> T stub(Class<T> type, Map<String, Method> methods) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(),
                new Class<?>[] {type},
                (proxy, method, arguments) -> methods.get(method.getName()).call(arguments)));
    }
}
