package org.armature.itests;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/** A policy as somebody else's bundle: compiled against the api, with a component of declarative services. */
final class PolicyJar {
    private static final String SOURCE = """
            package sway;

            import org.armature.robot.*;

            /** Sways two joints around where the arm is. */
            public final class Sway implements Policy {
                private final int joints;

                public Sway(RobotDescription robot) {
                    joints = robot.joints().size();
                }

                @Override
                public PolicySpec spec() {
                    return new PolicySpec(joints, 50, 20_000_000, PolicySpec.ActionSpace.ABSOLUTE);
                }

                @Override
                public ActionChunk act(Observation now) {
                    double[] actions = new double[50 * joints];
                    for (int k = 0; k < 50; k++) {
                        System.arraycopy(now.position(), 0, actions, k * joints, joints);
                        double sway = 0.25 * (phase(now.timeNanos() + k * 20_000_000L) - phase(now.timeNanos()));
                        actions[k * joints] += sway;
                        actions[k * joints + 3] += sway / 2;
                    }
                    return new ActionChunk(now.timeNanos(), 20_000_000, joints, actions);
                }

                private static double phase(long nanos) {
                    return Math.sin(2 * Math.PI * 0.4 * (nanos / 1e9));
                }
            }
            """;
    private static final String COMPONENT = """
            <scr:component xmlns:scr="http://www.osgi.org/xmlns/scr/v1.4.0" name="sway.Sway" init="1">
              <implementation class="sway.Sway"/>
              <service><provide interface="org.armature.robot.Policy"/></service>
              <reference name="robot" interface="org.armature.robot.RobotDescription" parameter="0"/>
              <property name="armature.id" value="sway"/>
              <property name="armature.kind" value="policy"/>
              <property name="service.ranking" type="Integer" value="100"/>
            </scr:component>
            """;

    private PolicyJar() {}

    /** Writes {@code sway-1.0.0.jar} into {@code folder}. */
    static Path write(Path folder) throws IOException {
        Path source = Files.createDirectories(folder.resolve("sway")).resolve("Sway.java");
        Files.writeString(source, SOURCE);
        JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
        StringWriter said = new StringWriter();
        boolean compiled = javac.getTask(
                        said,
                        null,
                        null,
                        List.of("--release", "25", "-proc:none", "-cp", System.getProperty("java.class.path")),
                        null,
                        javac.getStandardFileManager(null, null, null).getJavaFileObjects(source))
                .call();
        if (!compiled) {
            throw new IOException(said.toString());
        }
        Manifest manifest = new Manifest();
        Attributes main = manifest.getMainAttributes();
        main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        main.putValue("Bundle-ManifestVersion", "2");
        main.putValue("Bundle-SymbolicName", "sway");
        main.putValue("Bundle-Version", "1.0.0");
        main.putValue("Import-Package", "org.armature.robot;version=\"[1,2)\"");
        main.putValue("Service-Component", "OSGI-INF/sway.xml");
        Path jar = folder.resolve("sway-1.0.0.jar");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
            out.putNextEntry(new ZipEntry("OSGI-INF/sway.xml"));
            out.write(COMPONENT.getBytes(StandardCharsets.UTF_8));
            out.putNextEntry(new ZipEntry("sway/Sway.class"));
            out.write(Files.readAllBytes(source.resolveSibling("Sway.class")));
        }
        return jar;
    }
}
