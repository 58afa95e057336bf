package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import aQute.bnd.differ.DiffPluginImpl;
import aQute.bnd.osgi.Jar;
import aQute.bnd.service.diff.Delta;
import aQute.bnd.service.diff.Diff;
import aQute.bnd.service.diff.Tree;
import aQute.bnd.service.diff.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Version;

/**
 * No package of the api changes without its version saying so: bnd's comparison with {@code api/baseline.txt}, what the last
 * release promised. A release writes it anew with {@code -Darmature.baseline=write}.
 */
class ApiBaselineTest {
    private static final Path BASELINE = Path.of(System.getProperty("armature.root"), "api", "baseline.txt");

    @Test
    void aChangeOfThePromiseIsAChangeOfTheVersion() throws Exception {
        Map<String, Tree> now = packages(ModuleJar.installed("armature-api"));
        if (System.getProperty("armature.baseline", "").equals("write")) {
            Files.writeString(BASELINE, written(now));
        }
        assertEquals(List.of(), findings(read(Files.readAllLines(BASELINE)), now));
    }

    @Test
    void whatIsWrittenIsWhatWasThere() throws Exception {
        Map<String, Tree> now = packages(ModuleJar.installed("armature-api"));
        assertTrue(now.size() > 5, now.keySet().toString());
        Map<String, Tree> again = read(written(now).lines().toList());
        assertEquals(now.keySet(), again.keySet());
        again.forEach((name, old) ->
                assertEquals(Delta.UNCHANGED, now.get(name).diff(old).getDelta(), name));
    }

    @Test
    void changesAreFound(@TempDir Path folder) throws Exception {
        String one = "public interface Arm { void move(); }";
        Map<String, Tree> old = api(folder.resolve("a"), "1.0.0", one);
        String more = "public interface Arm { void move(); default void stop() {} }";
        String less = "public interface Arm { }";
        assertEquals(List.of(), findings(old, api(folder.resolve("b"), "1.0.0", one)));
        assertEquals(
                List.of(
                        "promised was removed or changed for those who use or implement it: its version must be 2.0.0, is 1.0.0"),
                findings(old, api(folder.resolve("c"), "1.0.0", less)));
        assertEquals(List.of(), findings(old, api(folder.resolve("d"), "2.0.0", less)));
        assertEquals(
                List.of("promised has more than before: its version must be 1.1.0, is 1.0.0"),
                findings(old, api(folder.resolve("e"), "1.0.0", more)));
        assertEquals(List.of("promised is gone"), findings(old, Map.of()));
    }

    private static Map<String, Tree> api(Path folder, String version, String source) throws Exception {
        Files.createDirectories(folder);
        return packages(ModuleJar.of(
                folder,
                "promised",
                "Arm",
                "package promised; " + source,
                "promised",
                "1.0.0",
                Map.of("-privatepackage", "", "-exportcontents", "", "Export-Package", "promised;version=" + version)));
    }

    /** What each package says that is not reflected in its version, a sentence each. */
    private static List<String> findings(Map<String, Tree> before, Map<String, Tree> now) {
        List<String> findings = new ArrayList<>();
        before.forEach((name, old) -> {
            Tree fresh = now.get(name);
            if (fresh == null) {
                findings.add(name + " is gone");
                return;
            }
            Version was = version(old);
            Version is = version(fresh);
            Delta delta = delta(fresh.diff(old));
            boolean major = delta == Delta.MAJOR || delta == Delta.REMOVED;
            boolean minor = delta == Delta.MINOR || delta == Delta.ADDED;
            Version least = major
                    ? new Version(was.getMajor() + 1, 0, 0)
                    : minor ? new Version(was.getMajor(), was.getMinor() + 1, 0) : was;
            if (is.compareTo(least) < 0) {
                findings.add(name
                        + (major
                                ? " was removed or changed for those who use or implement it"
                                : " has more than before")
                        + ": its version must be " + least + ", is " + is);
            }
        });
        return findings;
    }

    /** Of all but the version. */
    private static Delta delta(Diff diff) {
        return diff.getDelta(part -> part.getType() == Type.VERSION);
    }

    private static Version version(Tree p) {
        return Arrays.stream(p.getChildren())
                .filter(child -> child.getType() == Type.VERSION)
                .map(child -> new Version(child.getName()))
                .findFirst()
                .orElseThrow();
    }

    /** What the bundle exports, by package. */
    private static Map<String, Tree> packages(Path bundle) throws Exception {
        try (Jar jar = new Jar(bundle.toFile())) {
            Tree api = new DiffPluginImpl().tree(jar).get("<api>");
            Map<String, Tree> packages = new TreeMap<>();
            for (Tree p : api.getChildren()) {
                if (p.getType() == Type.PACKAGE) {
                    packages.put(p.getName(), p);
                }
            }
            return packages;
        }
    }

    /** A line an element: its depth, what adding and removing it means, its type and name. */
    private static String written(Map<String, Tree> packages) {
        StringBuilder text = new StringBuilder();
        packages.values().forEach(p -> write(p.serialize(), 0, text));
        return text.toString();
    }

    private static void write(Tree.Data data, int depth, StringBuilder text) {
        text.append(" ".repeat(depth))
                .append(String.join(" ", data.type.name(), data.add.name(), data.rem.name(), data.name))
                .append('\n');
        for (Tree.Data child : data.children == null ? new Tree.Data[0] : data.children) {
            write(child, depth + 1, text);
        }
    }

    private static Map<String, Tree> read(List<String> lines) throws Exception {
        Map<String, Tree> packages = new TreeMap<>();
        List<Tree.Data> open = new ArrayList<>();
        List<Tree.Data> roots = new ArrayList<>();
        for (String line : lines) {
            int depth = line.length() - line.stripLeading().length();
            String[] words = line.stripLeading().split(" ", 4);
            Tree.Data data = new Tree.Data();
            data.type = Type.valueOf(words[0]);
            data.add = Delta.valueOf(words[1]);
            data.rem = Delta.valueOf(words[2]);
            data.name = words[3];
            data.children = new Tree.Data[0];
            open.subList(depth, open.size()).clear();
            if (depth == 0) {
                roots.add(data);
            } else {
                Tree.Data parent = open.get(depth - 1);
                parent.children = Arrays.copyOf(parent.children, parent.children.length + 1);
                parent.children[parent.children.length - 1] = data;
            }
            open.add(data);
        }
        for (Tree.Data root : roots) {
            packages.put(root.name, new DiffPluginImpl().deserialize(root));
        }
        return packages;
    }
}
