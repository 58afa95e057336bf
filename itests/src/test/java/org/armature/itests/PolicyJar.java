package org.armature.itests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** A policy as somebody else's bundle: compiled against the api, with a component of declarative services. */
final class PolicyJar {
    private static final String SOURCE = """
            package sway;

            import org.armature.robot.*;
            import org.osgi.service.component.annotations.*;

            /** Sways two joints around where the arm is. */
            @Component(property = {"armature.id=sway", "armature.kind=policy", "service.ranking:Integer=100"})
            public final class Sway implements Policy {
                private final int joints;

                @Activate
                public Sway(@Reference RobotDescription robot) {
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

    private PolicyJar() {}

    /** Writes {@code sway-1.0.0.jar} into {@code folder}. */
    static Path write(Path folder) throws IOException {
        return ModuleJar.of(Files.createDirectories(folder), "sway", "Sway", SOURCE, "sway", "1.0.0", Map.of());
    }
}
