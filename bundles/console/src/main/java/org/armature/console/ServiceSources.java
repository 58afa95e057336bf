package org.armature.console;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.armature.robot.Control;
import org.armature.robot.Episodes;
import org.armature.robot.LoopMonitor;
import org.armature.robot.ObservationHub;
import org.armature.robot.Replacement;
import org.armature.robot.RobotClock;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDriver;
import org.armature.robot.Sensor;
import org.armature.robot.Simulator;
import org.armature.show.FigureSource;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.log.LogEntry;
import org.osgi.service.log.LogLevel;
import org.osgi.service.log.LogListener;
import org.osgi.service.log.LogReaderService;

/**
 * The sources in the service registry. Every reference is optional and dynamic, so that the page stays up while control,
 * drivers and cameras are replaced under it.
 */
@Component(service = Sources.class)
public final class ServiceSources implements Sources {
    private static final int LOG_LINES = 500;
    /** Where slf4j's lines arrive: java.util.logging. The framework's own come from its log service. */
    private static final Logger ROOT = Logger.getLogger("");

    private static final Formatter MESSAGES = new SimpleFormatter();

    private final BundleContext bundles;
    private final Deque<LogLine> log = new ArrayDeque<>();
    private final LogListener listener = this::logged;
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            if (entry.getLevel().intValue() >= Level.INFO.intValue()) {
                int level = entry.getLevel().intValue();
                add(
                        entry.getMillis(),
                        level >= Level.SEVERE.intValue()
                                ? "ERROR"
                                : level >= Level.WARNING.intValue() ? "WARN" : "INFO",
                        entry.getLoggerName(),
                        MESSAGES.formatMessage(entry),
                        entry.getThrown());
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };
    private long logged;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable LoopMonitor monitor;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable ObservationHub hub;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable Replacement replacement;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable Episodes episodes;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable Control control;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable RobotClock clock;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile Simulator.@Nullable World world;

    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    private volatile @Nullable RobotDriver driver;

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    private volatile List<Sensor> sensors = new CopyOnWriteArrayList<>();

    private final List<Shown> figures = new CopyOnWriteArrayList<>();

    @Activate
    public ServiceSources(BundleContext bundles) {
        this.bundles = bundles;
        ROOT.addHandler(handler);
    }

    @Deactivate
    void close() {
        ROOT.removeHandler(handler);
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addLog(LogReaderService reader) {
        reader.addLogListener(listener);
    }

    void removeLog(LogReaderService reader) {
        reader.removeLogListener(listener);
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addFigures(FigureSource source, Map<String, Object> properties) {
        Object id = properties.get("armature.id");
        figures.add(new Shown(id == null ? source.getClass().getSimpleName() : id.toString(), source));
    }

    void removeFigures(FigureSource source) {
        figures.removeIf(shown -> shown.source() == source);
    }

    private void logged(LogEntry entry) {
        if (entry.getLogLevel() == LogLevel.WARN || entry.getLogLevel() == LogLevel.ERROR) {
            add(
                    entry.getTime(),
                    entry.getLogLevel().name(),
                    entry.getLoggerName(),
                    entry.getMessage(),
                    entry.getException());
        }
    }

    private void add(
            long millis, String level, @Nullable String source, @Nullable String message, @Nullable Throwable thrown) {
        String text = thrown == null ? String.valueOf(message) : message + ": " + thrown;
        synchronized (log) {
            if (log.size() == LOG_LINES) {
                log.removeFirst();
            }
            log.addLast(new LogLine(
                    ++logged,
                    millis,
                    level,
                    shortName(source),
                    text.length() > 2000 ? text.substring(0, 2000) + "…" : text));
        }
    }

    private static String shortName(@Nullable String logger) {
        return logger == null ? "" : logger.substring(logger.lastIndexOf('.') + 1);
    }

    @Override
    public Optional<LoopMonitor> monitor() {
        return Optional.ofNullable(monitor);
    }

    @Override
    public Optional<ObservationHub> hub() {
        return Optional.ofNullable(hub);
    }

    @Override
    public Optional<Replacement> replacement() {
        return Optional.ofNullable(replacement);
    }

    @Override
    public Optional<Episodes> episodes() {
        return Optional.ofNullable(episodes);
    }

    @Override
    public Optional<Control> control() {
        return Optional.ofNullable(control);
    }

    @Override
    public Optional<RobotClock> clock() {
        return Optional.ofNullable(clock);
    }

    @Override
    public Optional<Simulator.World> world() {
        return Optional.ofNullable(world);
    }

    @Override
    public Optional<RobotDescription> robot() {
        RobotDriver wire = driver;
        return world().map(Simulator.World::robot)
                .or(() -> Optional.ofNullable(wire).map(RobotDriver::describe));
    }

    @Override
    public List<Sensor> sensors() {
        return List.copyOf(sensors);
    }

    @Override
    public List<Module> modules() {
        List<Module> all = new ArrayList<>();
        try {
            ServiceReference<?>[] services = bundles.getAllServiceReferences(null, "(armature.id=*)");
            for (ServiceReference<?> service : services == null ? new ServiceReference<?>[0] : services) {
                Bundle bundle = service.getBundle();
                if (bundle != null) {
                    String id = text(service, "armature.id");
                    String kind = text(service, "armature.kind");
                    all.add(new Module(
                            id,
                            kind,
                            text(service, "armature.paper"),
                            name(bundle),
                            bundle.getVersion().toString(),
                            state(bundle),
                            service.getProperty(Constants.SERVICE_RANKING) instanceof Integer n ? n : 0,
                            !id.isEmpty() && id.equals(followed(kind))));
                }
            }
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException("the filter for modules is no filter", e);
        }
        for (Bundle bundle : bundles.getBundles()) {
            boolean fragment = bundle.getHeaders("").get(Constants.FRAGMENT_HOST) != null;
            boolean up = (bundle.getState() & (Bundle.ACTIVE | Bundle.STARTING)) != 0;
            if (!fragment && !up) {
                all.add(new Module(
                        "", "bundle", "", name(bundle), bundle.getVersion().toString(), state(bundle), 0, false));
            }
        }
        all.sort(Comparator.comparing(Module::kind)
                .thenComparing(Module::ranking, Comparator.reverseOrder())
                .thenComparing(Module::id)
                .thenComparing(Module::bundle));
        return all;
    }

    private String followed(String kind) {
        return replacement().map(r -> r.inUse(kind)).orElse("");
    }

    private static String text(ServiceReference<?> service, String key) {
        return Objects.toString(service.getProperty(key), "");
    }

    private static String name(Bundle bundle) {
        return Objects.requireNonNullElse(bundle.getSymbolicName(), bundle.getLocation());
    }

    private static String state(Bundle bundle) {
        return switch (bundle.getState()) {
            case Bundle.UNINSTALLED -> "UNINSTALLED";
            case Bundle.INSTALLED -> "INSTALLED";
            case Bundle.RESOLVED -> "RESOLVED";
            case Bundle.STARTING -> "STARTING";
            case Bundle.STOPPING -> "STOPPING";
            default -> "ACTIVE";
        };
    }

    @Override
    public List<LogLine> logAfter(long sequence) {
        synchronized (log) {
            return log.stream().filter(line -> line.sequence() > sequence).toList();
        }
    }

    @Override
    public List<Shown> figures() {
        return List.copyOf(figures);
    }
}
