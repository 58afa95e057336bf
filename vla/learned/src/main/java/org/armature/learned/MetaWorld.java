package org.armature.learned;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.armature.model.BundledFiles;
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
        Path folder = BundledFiles.unpack(
                MetaWorld.class,
                "/policies",
                context.getDataFile("policies").toPath(),
                "metaworld.safetensors",
                "metaworld.json");
        policy = files.open(folder.resolve("metaworld.json"));
    }

    @Override
    public Map<String, Object> metadata() {
        return policy.metadata();
    }

    @Override
    public Session open() {
        return policy.open();
    }

    @Override
    public boolean immediate() {
        return policy.immediate();
    }

    /** Gives the network's memory back. */
    @Deactivate
    void close() {
        policy.close();
    }
}
