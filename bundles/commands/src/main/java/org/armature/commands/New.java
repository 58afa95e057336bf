package org.armature.commands;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code armature new}: a Maven project of one module that depends on the installed api alone. The api jar goes into the
 * local Maven repository, where {@code mvn package} finds it.
 */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=new")
@Command(name = "new", description = "write a project of your own module: policy, layer or model")
public final class New implements Callable<Integer> {
    /** What can be written; the templates are resources of the same name. */
    enum Kind {
        POLICY,
        LAYER,
        MODEL
    }

    private final BundleContext context;

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "policy|layer|model", description = "what it is")
    @SuppressWarnings("NullAway.Init")
    private String kind;

    @Parameters(index = "1", paramLabel = "NAME", description = "its id: small letters, digits and hyphens")
    @SuppressWarnings("NullAway.Init")
    private String name;

    @Parameters(index = "2", arity = "0..1", paramLabel = "DIR", description = "folder to write to (default: NAME)")
    private @Nullable Path directory;

    @Option(names = "--json", description = "one JSON object")
    private boolean json;

    @Activate
    public New(BundleContext context) {
        this.context = context;
    }

    @Override
    public Integer call() throws IOException {
        Kind chosen = Arrays.stream(Kind.values())
                .filter(k -> k.name().equalsIgnoreCase(kind))
                .findFirst()
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(), "there is no kind " + kind + ": choose policy, layer or model"));
        if (!name.matches("[a-z][a-z0-9]*(-[a-z0-9]+)*")) {
            throw new ParameterException(
                    spec.commandLine(), name + " is no id: use small letters, digits and hyphens, a letter first");
        }
        Path target = Caller.resolve(directory == null ? Path.of(name) : directory);
        if (Files.exists(target)) {
            try (Stream<Path> files = Files.list(target)) {
                if (files.findAny().isPresent()) {
                    throw new IOException(target + " is not empty: choose another folder");
                }
            }
        }
        String version = installApi();
        String pkg = name.replace("-", "");
        String type = Arrays.stream(name.split("-"))
                .map(word -> word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1))
                .collect(Collectors.joining());
        String small = chosen.name().toLowerCase(Locale.ROOT);
        Map<String, String> words =
                Map.of("@name@", name, "@package@", pkg, "@Type@", type, "@api@", version, "@kind@", small);
        write(target.resolve("pom.xml"), "pom.xml", words);
        write(target.resolve("bnd.bnd"), "bnd.bnd", words);
        write(target.resolve("src/main/java/" + pkg + "/" + type + ".java"), small + ".java", words);
        write(target.resolve("src/test/java/" + pkg + "/" + type + "Test.java"), small + "Test.java", words);
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper()
                    .writeValueAsString(
                            Map.of("kind", small, "id", name, "directory", target.toString(), "api", version)));
        } else {
            out.println("wrote " + target + ": build it with mvn package, then armature deploy target/" + name
                    + "-0.1.0.jar");
        }
        return 0;
    }

    private void write(Path file, String template, Map<String, String> words) throws IOException {
        String text;
        try (InputStream in = New.class.getResourceAsStream("/new/" + template + ".txt")) {
            if (in == null) {
                throw new IOException("the template " + template + " is missing in the commands bundle");
            }
            text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
        for (Map.Entry<String, String> word : words.entrySet()) {
            text = text.replace(word.getKey(), word.getValue());
        }
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    /** Puts the api jar of this runtime into the local Maven repository; the api's version. */
    private String installApi() throws IOException {
        Path robot = Path.of(context.getProperty("armature.home"), "bundles", "robot");
        List<Path> jars;
        try (Stream<Path> files = Files.list(robot)) {
            jars = files.filter(f -> f.getFileName().toString().matches("armature-api-.*\\.jar"))
                    .toList();
        }
        if (jars.size() != 1) {
            throw new IOException("there is no api jar in " + robot + ": build again with ./armature build");
        }
        String file = jars.getFirst().getFileName().toString();
        String version = file.substring("armature-api-".length(), file.length() - ".jar".length());
        String local = System.getProperty("maven.repo.local");
        Path repository =
                local != null ? Path.of(local) : Path.of(System.getProperty("user.home"), ".m2", "repository");
        Path folder = repository.resolve("org/armature/armature-api/" + version);
        Files.createDirectories(folder);
        Files.copy(jars.getFirst(), folder.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        Files.writeString(folder.resolve("armature-api-" + version + ".pom"), """
                <project xmlns="http://maven.apache.org/POM/4.0.0">
                  <modelVersion>4.0.0</modelVersion>
                  <groupId>org.armature</groupId>
                  <artifactId>armature-api</artifactId>
                  <version>%s</version>
                </project>
                """.formatted(version));
        return version;
    }
}
