package org.armature.tabletop;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * The shipped learned policy of the table-top: picks up what an instruction names and puts it where it says, as a network
 * learned it from the baseline's demonstrations ({@code training/tabletop.json}). It sees what {@link Perception} finds.
 */
@Component(
        property = {
            "armature.id=learned-pick-place",
            "armature.kind=policy",
            "armature.paper=Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware (action chunks)",
            "service.ranking:Integer=-10"
        })
public final class TabletopPolicy implements Policy {
    private static final String WEIGHTS = "/policies/tabletop.safetensors";

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    @SuppressWarnings("NullAway.Init")
    volatile @Nullable Perception perception;

    private final RobotDescription robot;
    private final Executor executor;
    private final CheckpointFormat checkpoints;
    private @Nullable TabletopNetwork network;

    @Activate
    public TabletopPolicy(
            @Reference RobotDescription robot,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat checkpoints) {
        this.robot = robot;
        this.executor = executor;
        this.checkpoints = checkpoints;
    }

    /** Made when it is first asked for: a policy that stands by should not delay the robot's start. */
    private synchronized TabletopNetwork network() {
        if (network == null) {
            try {
                network = shipped(robot, executor, checkpoints);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return network;
    }

    /** From the weights in this bundle. */
    static TabletopNetwork shipped(RobotDescription robot, Executor executor, CheckpointFormat checkpoints)
            throws IOException {
        Path file = Files.createTempFile("tabletop", ".safetensors");
        try (InputStream in = TabletopPolicy.class.getResourceAsStream(WEIGHTS)) {
            if (in == null) {
                throw new IOException("this bundle has no " + WEIGHTS + ": build it again");
            }
            Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
            return new TabletopNetwork(robot, executor, checkpoints.open(file), Config.empty());
        } finally {
            // The memory map outlives the name.
            Files.deleteIfExists(file);
        }
    }

    @Override
    public PolicySpec spec() {
        return network().spec();
    }

    @Override
    public ActionChunk act(Observation observation) {
        TabletopNetwork n = network();
        n.sees(perception);
        return n.act(observation);
    }

    @Override
    public void reset() {
        network().reset();
    }

    /** Gives the network's memory back. */
    @Deactivate
    synchronized void close() {
        if (network != null) {
            network.close();
        }
    }
}
