package org.armature.control;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Hashtable;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.armature.robot.CameraFrame;
import org.armature.robot.RobotClock;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDriver;
import org.armature.robot.Sensor;
import org.armature.robot.Simulator;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drives the robot of the highest ranking simulator. The world steps in {@link #write}, on the loop's thread; its cameras
 * are rendered on one thread of their own and offered as sensors.
 */
@Component(
        service = RobotDriver.class,
        configurationPid = RobotControl.PID,
        configurationPolicy = ConfigurationPolicy.REQUIRE,
        property = {"armature.id=simulator", "armature.kind=driver"})
public final class SimulatorDriver implements RobotDriver, Staged {
    private static final Logger LOG = LoggerFactory.getLogger("armature.simulator");
    private static final int WARM_STEPS = 500;
    private static final long JOIN_MILLIS = 3000;
    /** A camera thread that works more of the time than this takes the processor from the loop. */
    private static final double CAMERA_DUTY = 0.5;

    private final BundleContext context;
    private final Simulator simulator;
    private final ControlConfig config;
    private final int substeps;
    private final long stepNanos;
    private final AtomicReference<Status> status = new AtomicReference<>(Status.DISCONNECTED);
    private final List<ServiceRegistration<?>> registrations = new ArrayList<>();
    private Simulator.@Nullable World world;
    private @Nullable RobotDescription robot;
    private @Nullable Cameras cameras;
    private volatile @Nullable RobotClock clock;
    private volatile long wantedSeed;
    private volatile long asked;
    private volatile long placed;

    @Activate
    public SimulatorDriver(
            BundleContext context,
            ControlConfig config,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Simulator simulator) {
        this.context = context;
        this.config = config;
        this.simulator = simulator;
        long period = Math.round(1e9 / config.rateHz());
        substeps = (int) Math.max(1, Math.ceilDiv(period, Math.max(1, config.physicsStepMicros() * 1000L)));
        stepNanos = period / substeps;
    }

    @Override
    public String engine() {
        return simulator.engine();
    }

    @Override
    public synchronized RobotDescription describe() {
        if (robot == null) {
            robot = open().robot();
        }
        return robot;
    }

    private Simulator.World open() {
        Simulator.World w = world;
        if (w == null) {
            w = simulator.open(config.seed(), stepNanos);
            world = w;
        }
        return w;
    }

    @Override
    public Clock clock() {
        return Clock.OWN;
    }

    @Override
    public synchronized void connect() throws IOException {
        if (status.get() == Status.CONNECTED) {
            return;
        }
        Simulator.World w;
        try {
            w = open();
            RobotDescription r = describe();
            // The first picture takes long too: OpenGL and its shaders come with it. It is drawn meanwhile.
            cameras = new Cameras(w);
            // The first steps of a cold world are slow; they are taken before anyone waits for them.
            double[] hold = r.home().clone();
            double[] speed = new double[hold.length];
            double[] at = new double[hold.length];
            for (int i = 0; i < WARM_STEPS; i++) {
                w.step(hold);
                w.joints(at, speed);
            }
            w.reset(config.seed());
        } catch (RuntimeException | LinkageError e) {
            close();
            throw new IOException("simulator " + simulator.engine() + " could not open its world: " + Trial.told(e), e);
        }
        status.set(Status.CONNECTED);
        Hashtable<String, Object> properties = new Hashtable<>();
        properties.put("armature.id", simulator.engine());
        properties.put("engine", simulator.engine());
        registrations.add(context.registerService(Simulator.World.class, w, properties));
        LOG.info(
                "world of {} open, seed {}, {} steps of {} us a tick",
                simulator.engine(),
                config.seed(),
                substeps,
                stepNanos / 1000);
    }

    @Override
    public long read(double[] position, double[] velocity) {
        Simulator.World w = world;
        if (w == null) {
            return -1;
        }
        w.joints(position, velocity);
        return System.nanoTime();
    }

    @Override
    public void write(double[] command) {
        Simulator.World w = world;
        if (w == null) {
            return;
        }
        long request = asked;
        if (request != placed) {
            w.reset(wantedSeed);
            placed = request;
        }
        for (int i = 0; i < substeps; i++) {
            w.step(command);
        }
    }

    @Override
    public Status status() {
        return status.getAcquire();
    }

    @Override
    public void timedBy(RobotClock robotTime) {
        clock = robotTime;
    }

    @Override
    public synchronized Simulator.World world() {
        return open();
    }

    @Override
    public void stage(long seed) {
        wantedSeed = seed;
        asked++;
    }

    @Override
    public boolean staged() {
        return asked == placed;
    }

    @Override
    public long seed() {
        return config.seed();
    }

    @Override
    @Deactivate
    public synchronized void close() {
        status.set(Status.DISCONNECTED);
        registrations.forEach(r -> {
            try {
                r.unregister();
            } catch (IllegalStateException e) {
                LOG.debug("already gone", e);
            }
        });
        registrations.clear();
        Cameras c = cameras;
        cameras = null;
        Simulator.World w = world;
        world = null;
        if (c != null && !c.stop()) {
            LOG.warn("a camera of {} is still being rendered; its world is left open", simulator.engine());
            return;
        }
        if (w != null) {
            w.close();
        }
    }

    /** Renders all cameras in turn, at a rate that leaves the loop its processor. */
    private final class Cameras implements Runnable {
        private final Simulator.World scene;
        private final List<Camera> all;
        private final Thread thread = new Thread(this, "cameras");
        private volatile boolean stopped;

        Cameras(Simulator.World scene) {
            this.scene = scene;
            all = scene.cameras().stream().map(Camera::new).toList();
            for (Camera camera : all) {
                Hashtable<String, Object> properties = new Hashtable<>();
                properties.put("armature.id", camera.name);
                properties.put("armature.kind", "sensor");
                registrations.add(context.registerService(Sensor.class, camera, properties));
            }
            thread.setDaemon(true);
            thread.start();
        }

        boolean stop() {
            stopped = true;
            LockSupport.unpark(thread);
            try {
                thread.join(JOIN_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return !thread.isAlive();
        }

        @Override
        public void run() {
            Realtime.giveWay(3);
            long next = System.nanoTime();
            long period = (long) (1e9 / config.cameraHz() / config.speed());
            boolean complained = false;
            while (!stopped) {
                long begun = System.nanoTime();
                try {
                    for (Camera camera : all) {
                        if (stopped) {
                            return;
                        }
                        camera.newest =
                                scene.render(camera.name, config.cameraWidth(), config.cameraHeight(), robotTime());
                    }
                } catch (RuntimeException | LinkageError e) {
                    if (!complained) {
                        LOG.warn("the cameras could not be rendered: {}", Trial.told(e));
                        complained = true;
                    }
                } catch (OutOfMemoryError e) {
                    // Whoever took it goes; the next frame finds some again. Saying so would need some now.
                }
                long cost = System.nanoTime() - begun;
                next = Math.max(next + Math.max(period, (long) (cost / CAMERA_DUTY)), begun + cost);
                long left;
                while (!stopped && (left = next - System.nanoTime()) > 0) {
                    LockSupport.parkNanos(left);
                }
            }
        }

        private long robotTime() {
            RobotClock c = clock;
            return c == null ? 0 : c.nanos();
        }
    }

    private static final class Camera implements Sensor {
        private final String name;
        private volatile @Nullable CameraFrame newest;

        Camera(String name) {
            this.name = name;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public Optional<CameraFrame> latest() {
            return Optional.ofNullable(newest);
        }
    }
}
