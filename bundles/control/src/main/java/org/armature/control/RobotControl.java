package org.armature.control;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Dictionary;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.armature.robot.Control;
import org.armature.robot.Episodes;
import org.armature.robot.LoopMonitor;
import org.armature.robot.ObservationHub;
import org.armature.robot.Perception;
import org.armature.robot.Policy;
import org.armature.robot.Replacement;
import org.armature.robot.RobotClock;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDriver;
import org.armature.robot.Sensor;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.Filter;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.util.tracker.ServiceTracker;
import org.osgi.util.tracker.ServiceTrackerCustomizer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Puts the parts together: drivers, policies and sensors come and go on one side, the loop and its services stay. */
@Component(
        service = {},
        immediate = true,
        configurationPid = RobotControl.PID,
        configurationPolicy = ConfigurationPolicy.REQUIRE)
public final class RobotControl implements Control, DriverDeck.Listener {
    static final String PID = "org.armature.control";

    /** Marks the perception that policies are to take: the one that hands on to the module in use. */
    static final String GATE = "armature.gate";

    private static final Logger LOG = LoggerFactory.getLogger("armature.control");

    private final BundleContext context;
    private final ControlConfig config;
    private final LoopSettings settings;
    private final DeckSettings bounds;
    private final Blending blending;
    private final Schedule.Interpolation interpolation;
    private final LoopClock clock;
    private final LoopRecord record;
    private final Swaps swaps = new Swaps();
    private final GcPauses pauses = new GcPauses();
    private final Hub hub;
    private final DriverDeck drivers;
    private final PerceptionDeck perceptions;
    private final PolicyDeck policies;
    private final EpisodeJudge judge;
    private final Watchdog watchdog;
    private final List<ServiceRegistration<?>> registrations = new ArrayList<>();
    private final List<ServiceTracker<?, ?>> trackers = new ArrayList<>();
    private @Nullable ServiceRegistration<RobotDescription> described;
    private final Object describing = new Object();
    private volatile @Nullable RobotDescription description;
    private @Nullable ServiceRegistration<Perception> gate;
    private volatile String engine = "none";

    /** @throws IllegalArgumentException naming the setting that is wrong */
    @Activate
    public RobotControl(BundleContext context, ControlConfig config) {
        this.context = context;
        this.config = config;
        WarmUp.started();
        settings = settings(config);
        blending = Blending.of(config.ensembling());
        interpolation = choice(Schedule.Interpolation.class, "interpolation", config.interpolation());
        clock = new LoopClock(config.speed());
        record = new LoopRecord(config.rateHz());
        hub = new Hub(record, config.instruction());
        bounds = new DeckSettings(
                config.trialTimeout(),
                config.policyTimeout(),
                // More would be an OutOfMemoryError of whoever allocates next, which need not be the module.
                Math.min(
                        (long) config.maxMegabytes() << 20, Runtime.getRuntime().maxMemory() / 4),
                config.stopTimeout(),
                config.replan(),
                config.policyHz(),
                blending == Blending.ACT);
        perceptions = new PerceptionDeck(hub, swaps, bounds, this::offerPerception);
        policies = new PolicyDeck(hub, clock, record, swaps, bounds, perceptions);
        judge = new EpisodeJudge(hub, clock, record, policies, config.instruction(), config.episodeSeconds());
        drivers = new DriverDeck(config.driver(), swaps, bounds, this);
        watchdog = new Watchdog(drivers::loop, policies, config.heartbeatTimeout());
        if (!GcPauses.zgc()) {
            LOG.warn("the JVM does not run ZGC: expect the loop to be late while it collects; start with -XX:+UseZGC");
        }
        swaps.decides("policy", policies::driving);
        swaps.decides("perception", perceptions::seeing);
        swaps.decides("driver", drivers::driving);
        register(RobotClock.class, clock);
        register(LoopMonitor.class, record);
        register(ObservationHub.class, hub);
        register(Replacement.class, swaps);
        register(Control.class, this);
        register(Episodes.class, judge);
        Summary summary = new Summary(context, record, judge, swaps, pauses, () -> engine, this::standing);
        Hashtable<String, Object> marked = new Hashtable<>(Map.of("armature.summary", true));
        registrations.add(context.registerService(Supplier.class, summary, marked));
        BooleanSupplier moving = () -> record.firstMotionNanos() != 0;
        registrations.add(context.registerService(
                BooleanSupplier.class, moving, new Hashtable<String, Object>(Map.of("armature.moving", true))));
        registrations.add(context.registerService(
                Function.class,
                (Function<Map<String, Object>, String>) this::trial,
                new Hashtable<String, Object>(Map.of("armature.trial", true))));
        track(Sensor.class, (r, s) -> hub.add(s), hub::remove);
        track(
                Perception.class,
                (r, p) -> {
                    if (r.getProperty(GATE) == null) {
                        perceptions.added(Module.of(r, "perception", p));
                    }
                },
                perceptions::removed);
        track(
                Policy.class,
                (r, p) -> policies.added(Module.of(r, "policy", p).preferred(config.policy())),
                policies::removed);
        track(RobotDriver.class, (r, d) -> drivers.added(Module.of(r, "driver", d)), drivers::removed);
        if (!config.words().isEmpty() && !config.words().equals("scene")) {
            trackWords(config.words());
        }
        watchdog.start();
        judge.start();
    }

    @Deactivate
    void deactivate() {
        trackers.reversed().forEach(ServiceTracker::close);
        judge.close();
        drivers.close();
        policies.close();
        perceptions.close();
        watchdog.close();
        pauses.close();
        registrations.forEach(ServiceRegistration::unregister);
        withdraw();
    }

    // ---- Control: any thread ----

    @Override
    public void emergencyStop(String reason) {
        ControlLoop loop = drivers.loop();
        if (loop != null) {
            loop.emergencyStop(reason.isBlank() ? "stopped by a person" : reason);
        }
        LOG.warn("emergency stop: {}", reason);
    }

    @Override
    public void arm() {
        ControlLoop loop = drivers.loop();
        RobotDriver driver = drivers.driver();
        if (loop == null || driver == null) {
            throw new IllegalStateException("there is no robot to arm: no driver is connected, see armature modules");
        }
        if (driver.status() == RobotDriver.Status.FAULT) {
            throw new IllegalStateException(
                    "robot " + loop.robot().name() + " reports a fault of its own: clear it at the robot, then arm");
        }
        loop.arm();
    }

    @Override
    public void disarm() {
        ControlLoop loop = drivers.loop();
        if (loop != null) {
            loop.disarm();
        }
    }

    // ---- DriverDeck.Listener: the drivers' thread ----

    @Override
    public void connecting(RobotDriver driver) {
        if (driver instanceof Staged staged) {
            staged.timedBy(clock);
        }
    }

    @Override
    public ControlLoop connected(RobotDriver driver, RobotDescription robot) {
        Staged staged = driver instanceof Staged s ? s : null;
        ActionSchedule schedule = new ActionSchedule(robot, blending, config.executionHorizon(), interpolation);
        ControlLoop loop = new ControlLoop(driver, robot, schedule, settings, clock, record, staged != null);
        WarmUp.started().join();
        engine = staged == null ? "none" : staged.engine();
        describe(robot);
        if (config.arm().equals("always") || (config.arm().equals("simulated") && staged != null)) {
            loop.arm();
        }
        loop.start();
        if (staged != null) {
            judge.opened(staged, loop);
        }
        policies.robot(loop);
        return loop;
    }

    @Override
    public void leaving(ControlLoop loop) {
        judge.closed();
        policies.robot(null);
    }

    /**
     * The description goes to planners as a service, and stays when another driver of the same robot takes over. Modules that
     * waited for a robot are activated where it is registered, for as long as they take: the loop starts without them.
     */
    private void describe(RobotDescription robot) {
        RobotDescription old = description;
        if (old != null && same(old, robot)) {
            return;
        }
        withdraw();
        description = robot;
        Thread.ofPlatform().daemon().name("robot-description").start(() -> announce(robot));
    }

    private void announce(RobotDescription robot) {
        synchronized (describing) {
            if (description != robot) {
                return;
            }
            Dictionary<String, Object> properties =
                    new Hashtable<>(Map.of("armature.kind", "robot", "armature.id", robot.name()));
            try {
                described = context.registerService(RobotDescription.class, robot, properties);
            } catch (IllegalStateException e) {
                LOG.debug("the control bundle has stopped", e);
            }
        }
    }

    private void withdraw() {
        description = null;
        synchronized (describing) {
            if (described != null) {
                described.unregister();
                described = null;
            }
        }
    }

    /**
     * Runs a stranger's code within the bounds of time and memory, for the launcher, which knows none of these classes:
     * {@code what} it is, {@code work} and {@code millis} in, why it was given up or an empty text out.
     */
    private String trial(Map<String, Object> request) {
        try {
            Runnable work = (Runnable) request.get("work");
            return Trial.run(
                    String.valueOf(request.get("what")),
                    () -> {
                        work.run();
                        return "";
                    },
                    (Long) request.get("millis"),
                    bounds.maxBytes(),
                    () -> false);
        } catch (Refused e) {
            return e.getMessage();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "interrupted";
        }
    }

    private synchronized void offerPerception(boolean wanted) {
        if (wanted && gate == null) {
            Hashtable<String, Object> properties = new Hashtable<>();
            properties.put(GATE, true);
            properties.put(Constants.SERVICE_RANKING, Integer.MAX_VALUE);
            gate = context.registerService(Perception.class, perceptions, properties);
        } else if (!wanted && gate != null) {
            gate.unregister();
            gate = null;
        }
    }

    private static boolean same(RobotDescription a, RobotDescription b) {
        return a.name().equals(b.name())
                && a.joints().equals(b.joints())
                && Arrays.equals(a.home(), b.home())
                && Arrays.equals(a.limits().lower(), b.limits().lower())
                && Arrays.equals(a.limits().upper(), b.limits().upper())
                && Arrays.equals(a.limits().velocity(), b.limits().velocity())
                && Arrays.equals(a.limits().acceleration(), b.limits().acceleration())
                && a.kinematics().size() == b.kinematics().size();
    }

    private String standing(ServiceReference<?> reference) {
        Object service = trackers.stream()
                .map(t -> t.getService(cast(reference)))
                .filter(java.util.Objects::nonNull)
                .findFirst()
                .orElse(null);
        return switch (service) {
            case Policy p -> policies.standing(p);
            case RobotDriver d -> drivers.standing(d);
            case Perception p -> perceptions.standing(p);
            case null, default -> "";
        };
    }

    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
    private static <T> T cast(Object reference) {
        return (T) reference;
    }

    private <T> void register(Class<T> type, T service) {
        registrations.add(context.registerService(type, service, new Hashtable<>()));
    }

    private interface Coming<T> {
        void of(ServiceReference<T> reference, T service);
    }

    /** Scenes ask in their own words until who knows others comes, and after it has gone. */
    private void trackWords(String which) {
        Filter filter;
        try {
            filter = context.createFilter(
                    "(&(objectClass=" + BiFunction.class.getName() + ")(armature.words=" + which + "))");
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException("words must be a plain name, not '" + which + "'", e);
        }
        ServiceTracker<BiFunction<String, Long, String>, BiFunction<String, Long, String>> tracker =
                new ServiceTracker<>(context, filter, null) {
                    @Override
                    public BiFunction<String, Long, String> addingService(
                            ServiceReference<BiFunction<String, Long, String>> reference) {
                        BiFunction<String, Long, String> service = super.addingService(reference);
                        judge.wording(service);
                        return service;
                    }

                    @Override
                    public void removedService(
                            ServiceReference<BiFunction<String, Long, String>> reference,
                            BiFunction<String, Long, String> service) {
                        judge.wording(getService());
                        super.removedService(reference, service);
                    }
                };
        tracker.open();
        trackers.add(tracker);
    }

    private <T> void track(Class<T> type, Coming<T> coming, java.util.function.Consumer<T> going) {
        ServiceTracker<T, T> tracker = new ServiceTracker<>(context, type, new ServiceTrackerCustomizer<T, T>() {
            @Override
            public @Nullable T addingService(ServiceReference<T> reference) {
                T service = context.getService(reference);
                if (service != null) {
                    coming.of(reference, service);
                }
                return service;
            }

            @Override
            public void modifiedService(ServiceReference<T> reference, T service) {}

            @Override
            public void removedService(ServiceReference<T> reference, T service) {
                going.accept(service);
                context.ungetService(reference);
            }
        });
        trackers.add(tracker);
        tracker.open();
    }

    private static LoopSettings settings(ControlConfig c) {
        return new LoopSettings(
                c.rateHz(),
                c.speed(),
                choice(LoopSettings.Overrun.class, "overrun", c.overrun()),
                choice(LoopSettings.Wait.class, "waiting", c.waiting()),
                c.fifoPriority(),
                c.affinity(),
                c.lockMemory(),
                c.staleTimeout() * 1_000_000L,
                c.stateTimeout() * 1_000_000L,
                c.trackingFault(),
                c.tracking(),
                c.workspace(),
                c.limitShare(),
                !c.emergency().equals("decelerate"));
    }

    private static <E extends Enum<E>> E choice(Class<E> type, String key, String text) {
        return Arrays.stream(type.getEnumConstants())
                .filter(e -> e.name().equalsIgnoreCase(text.replace('-', '_')))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(key + " is '" + text + "', but must be one of "
                        + Arrays.stream(type.getEnumConstants())
                                .map(e -> e.name()
                                        .toLowerCase(java.util.Locale.ROOT)
                                        .replace('_', '-'))
                                .collect(java.util.stream.Collectors.joining(", "))));
    }
}
