package org.armature.learned;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import org.armature.robot.PolicyEndpoint;
import org.armature.robot.PolicyFiles;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;

/**
 * The shipped Meta-World policy: four tasks by instruction, from {@code observation/state} float32 [39] and {@code prompt} to
 * {@code actions} [5, 4] in [-1, 1]. Made by {@code armature train training/metaworld.json}.
 */
@Component(
        service = PolicyEndpoint.class,
        property = {
            "armature.id=metaworld",
            "armature.kind=endpoint",
            "armature.paper=Meta-World: A Benchmark and Evaluation for Multi-Task and Meta Reinforcement Learning"
        })
public final class MetaWorld implements PolicyEndpoint {
    private final PolicyFiles.Opened policy;

    /** Opens the files in this bundle. */
    @Activate
    public MetaWorld(BundleContext context, @Reference PolicyFiles files) throws IOException {
        Path json = null;
        for (String name : new String[] {"metaworld.safetensors", "metaworld.json"}) {
            json = context.getDataFile(name).toPath();
            try (InputStream in = MetaWorld.class.getResourceAsStream("/policies/" + name)) {
                if (in == null) {
                    throw new IOException("this bundle has no policies/" + name + ": build it again");
                }
                Files.copy(in, json, StandardCopyOption.REPLACE_EXISTING);
            }
        }
        policy = files.open(java.util.Objects.requireNonNull(json));
    }

    @Override
    public Map<String, Object> metadata() {
        return policy.metadata();
    }

    @Override
    public Session open() {
        return policy.open();
    }

    /** Gives the network's memory back. */
    @Deactivate
    void close() {
        policy.close();
    }
}
