package org.armature.tabletop;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Hashtable;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
import org.armature.model.Parameters;
import org.armature.robot.Policy;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The shipped learned policy of the table-top: picks up what an instruction names and puts it where it says, as networks
 * learned it from the baseline's demonstrations ({@code training/tabletop-*.json}): from
 * pixels, depth, calibration and joint readings, without a {@link org.armature.robot.Perception}.
 *
 * <p>The policy that a robot has by itself: registered as {@code learned-pick-place}, above the baseline, once its networks are
 * compiled, on a thread of its own. Until then, and wherever it is refused, the baseline drives, and no trial waits for a compiler.
 */
@Component(service = {})
public final class TabletopPolicy {
    private static final Logger LOG = LoggerFactory.getLogger(TabletopPolicy.class);
    private static final String EYES = "/policies/tabletop-eyes.safetensors";
    private static final String GRIP = "/policies/tabletop-grip.safetensors";
    private static final String HAND = "/policies/tabletop-hand.safetensors";

    /** Above the baseline, below whatever is deployed without a ranking of its own. */
    private static final int RANKING = -5;

    /** Answers before it is offered. */
    private static final int WARM_UP = 20;

    private static final int LOOKS = 100;
    private static final long LOOK_MILLIS = 20;

    private boolean left;
    private @Nullable TabletopNetwork network;
    private @Nullable ServiceRegistration<Policy> registration;

    /** Begins to compile. */
    @Activate
    public TabletopPolicy(
            BundleContext context,
            @Reference RobotDescription robot,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat checkpoints) {
        Thread.ofPlatform().daemon().name("learned-pick-place").start(() -> {
            try {
                awaitFirstMotion(context);
                TabletopNetwork ready = shipped(robot, executor, checkpoints);
                ready.warm(WARM_UP);
                offer(context, ready);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (IOException | RuntimeException e) {
                LOG.warn("the learned policy cannot be used: {}", e.getMessage());
                LOG.debug("the learned policy cannot be used", e);
            }
        });
    }

    /** Two processors are soon busy: the robot's start goes before, for a while. */
    private static void awaitFirstMotion(BundleContext context) throws InterruptedException {
        try {
            for (ServiceReference<BooleanSupplier> r :
                    context.getServiceReferences(BooleanSupplier.class, "(armature.moving=true)")) {
                BooleanSupplier moving = context.getService(r);
                for (int i = 0; moving != null && i < LOOKS && !moving.getAsBoolean(); i++) {
                    Thread.sleep(LOOK_MILLIS);
                }
                context.ungetService(r);
            }
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private synchronized void offer(BundleContext context, TabletopNetwork ready) {
        network = ready;
        if (left) {
            ready.close();
            return;
        }
        registration = context.registerService(
                Policy.class,
                ready,
                new Hashtable<String, Object>(Map.of(
                        "armature.id",
                        "learned-pick-place",
                        "armature.kind",
                        "policy",
                        "armature.paper",
                        "Deep Hough Voting for 3D Object Detection in Point Clouds; Perceiver-Actor (key poses)",
                        Constants.SERVICE_RANKING,
                        RANKING)));
    }

    /** From the weights in this bundle. */
    static TabletopNetwork shipped(RobotDescription robot, Executor executor, CheckpointFormat checkpoints)
            throws IOException {
        return shipped(
                robot,
                executor,
                checkpoints,
                new Eyes(robot, executor, weights(EYES, checkpoints), weights(GRIP, checkpoints)));
    }

    /** The hand in this bundle with other eyes, which it closes with itself. */
    static TabletopNetwork shipped(
            RobotDescription robot, Executor executor, CheckpointFormat checkpoints, Pointer eyes) throws IOException {
        return new TabletopNetwork(robot, executor, eyes, weights(HAND, checkpoints));
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

    /** Withdraws the policy and gives its networks' memory back. */
    @Deactivate
    synchronized void close() {
        left = true;
        if (registration != null) {
            registration.unregister();
        }
        if (network != null) {
            network.close();
        }
    }
}
