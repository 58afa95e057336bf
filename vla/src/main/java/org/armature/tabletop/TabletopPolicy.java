package org.armature.tabletop;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
import org.armature.model.Parameters;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * The shipped learned policy of the table-top: picks up what an instruction names and puts it where it says, as networks
 * learned it from the baseline's demonstrations ({@code training/tabletop-eyes.json} and {@code tabletop-hand.json}): from
 * pixels, depth, calibration and joint readings, without a {@link org.armature.robot.Perception}.
 */
@Component(
        property = {
            "armature.id=learned-pick-place",
            "armature.kind=policy",
            "armature.paper=Deep Hough Voting for 3D Object Detection in Point Clouds; Perceiver-Actor (key poses)",
            "service.ranking:Integer=-10"
        })
public final class TabletopPolicy implements Policy {
    private static final String EYES = "/policies/tabletop-eyes.safetensors";
    private static final String HAND = "/policies/tabletop-hand.safetensors";

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
        return new TabletopNetwork(
                robot, executor, new Eyes(executor, weights(EYES, checkpoints)), weights(HAND, checkpoints));
    }

    private static Parameters weights(String name, CheckpointFormat checkpoints) throws IOException {
        Path file = Files.createTempFile("tabletop", ".safetensors");
        try (InputStream in = TabletopPolicy.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("this bundle has no " + name + ": build it again");
            }
            Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
            return checkpoints.open(file);
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
        return network().act(observation);
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
