package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Dependencies point one way: modules -> api <- bundles; the launcher knows nobody. */
class ArchitectureTest {
    private static final Path ROOT = Path.of(System.getProperty("armature.root"));
    private static List<Path> modules;
    private static JavaClasses classes;

    @BeforeAll
    static void readEveryModule() throws IOException {
        try (Stream<Path> folders = Files.find(ROOT, 4, (path, attributes) -> path.endsWith("target/classes"))) {
            modules = folders.map(path -> path.getParent().getParent())
                    .filter(path -> Files.exists(path.resolve("pom.xml")))
                    // Wrapped libraries are none of our code.
                    .filter(path -> Files.isDirectory(path.resolve("src/main/java")))
                    .toList();
        }
        classes = new ClassFileImporter()
                .importPaths(modules.stream()
                        .map(module -> module.resolve("target/classes/org/armature"))
                        .filter(Files::isDirectory)
                        .toList());
    }

    @Test
    void everyModuleIsLookedAt() {
        assertTrue(modules.size() > 8, modules.toString());
        assertTrue(classes.size() > 100, classes.size() + " classes");
    }

    @Test
    void noBundleImportsAnothersImplementation() {
        assertNone((from, to) -> !moduleOf(to).isEmpty()
                && !moduleOf(to).equals(moduleOf(from))
                && !moduleOf(to).equals("api"));
    }

    @Test
    void apiStandsOnTheJdkAlone() {
        assertNone((from, to) -> moduleOf(from).equals("api")
                && !moduleOf(to).equals("api")
                && !to.getBaseComponentType().isPrimitive()
                && !to.getPackageName().startsWith("java.")
                && !to.getPackageName().startsWith("org.osgi.annotation")
                && !to.getPackageName().startsWith("org.jspecify.annotations"));
    }

    @Test
    void nothingReadsSerialisedObjects() {
        assertNone((from, to) -> to.getName().equals("java.io.ObjectInputStream"));
    }

    private static void assertNone(BiPredicate<JavaClass, JavaClass> forbidden) {
        Set<String> found = new TreeSet<>();
        for (JavaClass from : classes) {
            for (Dependency dependency : from.getDirectDependenciesFromSelf()) {
                if (forbidden.test(from, dependency.getTargetClass())) {
                    found.add(from.getName() + " -> "
                            + dependency.getTargetClass().getName());
                }
            }
        }
        assertEquals(Set.of(), found);
    }

    /** The folder of the module a class was compiled in; empty for the JDK's and third parties'. */
    private static String moduleOf(JavaClass type) {
        JavaClass plain = type.getBaseComponentType();
        return plain.getSource()
                .filter(source -> source.getUri().getScheme().equals("file"))
                .map(source -> Path.of(source.getUri()))
                .flatMap(file ->
                        modules.stream().filter(file::startsWith).max(Comparator.comparingInt(Path::getNameCount)))
                .map(module -> ROOT.relativize(module).toString())
                .orElse("");
    }
}
