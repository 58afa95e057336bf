package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** NOTICE names what the distribution holds of others: jars beside our bundles, and packages within them. */
class NoticeTest {
    private static final Pattern VERSION = Pattern.compile("-\\d[^/]*\\.jar$");
    private static final Pattern PACKAGE = Pattern.compile("^([a-z]+/[a-z]+)/.*\\.class$");
    private static final String OURS = "armature-";

    @Test
    void namesWhatIsNotOurs() throws IOException {
        SortedSet<String> others = new TreeSet<>();
        List<Path> jars;
        try (Stream<Path> files = Files.walk(FrameworkExtension.DISTRIBUTION)) {
            jars = files.filter(f -> f.toString().endsWith(".jar")).toList();
        }
        for (Path jar : jars) {
            String name = VERSION.matcher(jar.getFileName().toString()).replaceFirst("");
            if (!name.startsWith(OURS)) {
                others.add(name);
                continue;
            }
            try (JarFile bundle = new JarFile(jar.toFile())) {
                bundle.stream()
                        .map(entry -> PACKAGE.matcher(entry.getName()))
                        .filter(Matcher::matches)
                        .map(m -> m.group(1).replace('/', '.'))
                        .filter(p -> !p.equals("org.armature"))
                        .forEach(others::add);
            }
        }
        assertTrue(others.size() > 15, others.toString());
        String notice = Files.readString(Path.of(System.getProperty("armature.root"), "NOTICE"));
        assertEquals(List.of(), others.stream().filter(o -> !notice.contains(o)).toList());
    }
}
