package org.armature.itests;

import aQute.bnd.osgi.Builder;
import aQute.bnd.osgi.Jar;
import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import java.util.jar.JarEntry;
import java.util.jar.JarInputStream;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Policies written, compiled and packed by a test, with the same bnd that an author's Maven build runs. */
final class ModuleJar {
    private static final String PACKAGE = "misbehaving";

    private ModuleJar() {}

    /**
     * A policy that outranks the one which comes with the product: it stands still where the arm is, unless the snippets
     * say otherwise.
     *
     * @param activate statements at the end of the component's constructor
     * @param act statements before the answer; {@code seen} is the observation, {@code n} counts the calls from 1, {@code still} is the answer
     */
    static Path policy(Path folder, String id, String version, String activate, String act) throws IOException {
        return policy(folder, id, version, activate, act, Map.of());
    }

    /** @param instructions bnd's, on top of the usual ones */
    static Path policy(
            Path folder, String id, String version, String activate, String act, Map<String, String> instructions)
            throws IOException {
        String type = Arrays.stream(id.split("-"))
                .map(word -> Character.toUpperCase(word.charAt(0)) + word.substring(1))
                .reduce("", String::concat);
        String source = """
                package %s;

                import java.util.*;
                import org.armature.robot.*;
                import org.osgi.service.component.annotations.*;

                @Component(property = {"armature.id=%s", "armature.kind=policy", "service.ranking:Integer=100"})
                public final class %s implements Policy {
                    static final List<byte[]> KEPT = new ArrayList<>();
                    private final int joints;
                    private final JointLimits limits;
                    private int n;

                    @Activate
                    public %s(@Reference RobotDescription robot) {
                        joints = robot.joints().size();
                        limits = robot.limits();
                        %s
                    }

                    @Override
                    public PolicySpec spec() {
                        return new PolicySpec(joints, 25, 20_000_000, PolicySpec.ActionSpace.ABSOLUTE);
                    }

                    @Override
                    public ActionChunk act(Observation seen) {
                        n++;
                        double[] still = new double[25 * joints];
                        for (int i = 0; i < still.length; i++) {
                            int j = i %% joints;
                            // A gripper that opens may swing a little beyond its limit.
                            still[i] = Math.clamp(seen.position()[j], limits.lower()[j], limits.upper()[j]);
                        }
                        %s
                        return new ActionChunk(seen.timeNanos(), 20_000_000, joints, still);
                    }
                }
                """.formatted(PACKAGE, id, type, type, activate, act);
        Map<String, String> all = new HashMap<>(instructions);
        all.put("Bundle-SymbolicName", PACKAGE + "." + id);
        return of(folder, PACKAGE, type, source, id, version, all);
    }

    /** {@code ID-VERSION.jar} of one class; its symbolic name is {@code id} unless the instructions say otherwise. */
    static Path of(
            Path folder,
            String home,
            String type,
            String source,
            String id,
            String version,
            Map<String, String> instructions)
            throws IOException {
        Path work = Files.createTempDirectory(folder, id);
        Path java = Files.createDirectories(work.resolve("src/" + home)).resolve(type + ".java");
        Files.writeString(java, source);
        Path classes = Files.createDirectory(work.resolve("classes"));
        compile(java, classes);
        return pack(classes, folder.resolve(id + "-" + version + ".jar"), home, id, version, instructions);
    }

    /** The distribution's module of that artifact, e.g. {@code armature-vla}. */
    static Path installed(String artifact) throws IOException {
        try (Stream<Path> jars = Files.walk(FrameworkExtension.DISTRIBUTION.resolve("bundles"))) {
            return jars.filter(p -> p.getFileName().toString().matches(Pattern.quote(artifact) + "-\\d.*\\.jar"))
                    .findFirst()
                    .orElseThrow(() -> new IOException(artifact + " is not in the distribution"));
        }
    }

    /** The same bundle under another version. */
    static Path withVersion(Path jar, String version, Path to) throws IOException {
        return copy(jar, version, to, (name, content) -> content);
    }

    /** The same bundle under another version, one of its components with another ranking. */
    static Path withRanking(Path jar, String version, String component, int ranking, Path to) throws IOException {
        AtomicBoolean found = new AtomicBoolean();
        copy(jar, version, to, (name, content) -> {
            if (!name.equals("OSGI-INF/" + component + ".xml")) {
                return content;
            }
            String xml = new String(content, StandardCharsets.UTF_8);
            String ranked =
                    xml.replaceFirst("(name=\"service.ranking\" type=\"Integer\" value=\")-?\\d+", "$1" + ranking);
            found.set(!ranked.equals(xml));
            return ranked.getBytes(StandardCharsets.UTF_8);
        });
        if (!found.get()) {
            throw new IOException(jar + " has no component " + component + " with a ranking");
        }
        return to;
    }

    private static Path copy(Path jar, String version, Path to, BiFunction<String, byte[], byte[]> change)
            throws IOException {
        try (JarInputStream in = new JarInputStream(Files.newInputStream(jar))) {
            Manifest manifest = in.getManifest();
            manifest.getMainAttributes().putValue("Bundle-Version", version);
            try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(to), manifest)) {
                for (JarEntry entry; (entry = in.getNextJarEntry()) != null; ) {
                    out.putNextEntry(new JarEntry(entry.getName()));
                    out.write(change.apply(entry.getName(), in.readAllBytes()));
                    out.closeEntry();
                }
            }
        }
        return to;
    }

    private static void compile(Path source, Path classes) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter said = new StringWriter();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            List<String> options = List.of(
                    "-d",
                    classes.toString(),
                    "-cp",
                    System.getProperty("java.class.path"),
                    "-proc:none",
                    "--release",
                    "25");
            if (!compiler.getTask(said, files, null, options, null, files.getJavaFileObjects(source))
                    .call()) {
                throw new IOException(said.toString());
            }
        }
    }

    private static Path pack(
            Path classes, Path jar, String home, String id, String version, Map<String, String> instructions)
            throws IOException {
        try (Builder builder = new Builder()) {
            builder.setProperty("Bundle-SymbolicName", id);
            builder.setProperty("Bundle-Version", version);
            builder.setProperty("-privatepackage", home);
            builder.setProperty("-noextraheaders", "true");
            instructions.forEach(builder::setProperty);
            builder.addClasspath(classes.toFile());
            for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
                if (entry.contains("armature-api") && !entry.endsWith("-tests.jar")
                        || entry.endsWith("api/target/classes")) {
                    builder.addClasspath(new File(entry));
                }
            }
            Jar packed = builder.build();
            if (!builder.isOk()) {
                throw new IOException(builder.getErrors().toString());
            }
            packed.write(jar.toFile());
            return jar;
        } catch (IOException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException("bnd could not pack " + id, e);
        }
    }

    /** Puts {@code jar} into a deploy folder in one step. */
    static void drop(Path jar, Path deployFolder) throws IOException {
        Path part = deployFolder.resolve("." + jar.getFileName() + ".part");
        Files.copy(jar, part, StandardCopyOption.REPLACE_EXISTING);
        Files.move(
                part,
                deployFolder.resolve(jar.getFileName()),
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
    }
}
