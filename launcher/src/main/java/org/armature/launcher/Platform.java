package org.armature.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;
import org.osgi.framework.wiring.FrameworkWiring;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.service.log.LogEntry;
import org.osgi.service.log.LogLevel;
import org.osgi.service.log.LogReaderService;

/** The framework with the bundles of {@code bundles/STAGE/*.jar}, started a stage at a time. */
final class Platform implements AutoCloseable {
    /** In the order of starting; the rest of the product works when a later stage is left out. */
    enum Stage {
        PLATFORM,
        ROBOT,
        CONTROL,
        MODULES,
        WEB
    }

    private static final Logger LOG = Logger.getLogger("org.armature.launcher");
    private static final Pattern MISSING =
            Pattern.compile("osgi\\.wiring\\.package=([\\w.$]+)\\)(?:\\(version>=([^)]*)\\))?");
    /** As Declarative Services begins what it says of a component. */
    private static final Pattern COMPONENT = Pattern.compile("bundle \\S+ \\(\\d+\\)\\[([^(\\]]+)\\(\\d+\\)\\] : (.*)");

    private static final Pattern MISSING_OTHER =
            Pattern.compile("missing requirement \\[[^\\]]*\\] ([\\w.]+); ([^\\[]*)");

    private final Path home;
    private final Framework framework;
    private final List<String> problems = new ArrayList<>();

    private Platform(Path home, Framework framework) {
        this.home = home;
        this.framework = framework;
    }

    /** Starts an empty framework whose bundles live in {@code cache}. */
    static Platform start(Path home, Path cache, Map<String, String> properties) throws BundleException {
        Map<String, String> configuration = new HashMap<>(properties);
        configuration.put(Constants.FRAMEWORK_STORAGE, cache.toString());
        configuration.put(Constants.FRAMEWORK_STORAGE_CLEAN, Constants.FRAMEWORK_STORAGE_CLEAN_ONFIRSTINIT);
        // A new version of a module runs beside the old one until it has shown that it works.
        configuration.put(Constants.FRAMEWORK_BSNVERSION, Constants.FRAMEWORK_BSNVERSION_MULTIPLE);
        configuration.put(
                Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
                "org.slf4j;version=2.0.17,org.slf4j.spi;version=2.0.17,org.slf4j.event;version=2.0.17,"
                        + "org.slf4j.helpers;version=2.0.17,org.slf4j;version=1.7.36,"
                        + "org.osgi.service.cm;version=1.6.1,org.osgi.service.log;version=1.5.0,"
                        + "org.osgi.service.log.admin;version=1.0.0,sun.misc");
        configuration.put("felix.log.level", "1");
        configuration.put("ds.loglevel", "1");
        Framework framework = ServiceLoader.load(FrameworkFactory.class, Platform.class.getClassLoader())
                .findFirst()
                .orElseThrow(() -> new BundleException("no OSGi framework in lib: build again"))
                .newFramework(configuration);
        framework.init();
        framework.start();
        return new Platform(home, framework);
    }

    BundleContext context() {
        return framework.getBundleContext();
    }

    /** Installs and starts the bundles of {@code stage}; what fails is kept for {@link #problems()}. */
    void start(Stage stage) throws IOException {
        Path folder = home.resolve("bundles").resolve(stage.name().toLowerCase(java.util.Locale.ROOT));
        if (!Files.isDirectory(folder)) {
            return;
        }
        List<Bundle> installed = new ArrayList<>();
        try (Stream<Path> jars = Files.list(folder)) {
            for (Path jar :
                    jars.filter(f -> f.toString().endsWith(".jar")).sorted().toList()) {
                try {
                    installed.add(context().installBundle("reference:" + jar.toUri()));
                } catch (BundleException e) {
                    problems.add(jar.getFileName() + " is not installed: " + e.getMessage());
                }
            }
        }
        for (Bundle bundle : installed) {
            try {
                if (bundle.getHeaders("").get(Constants.FRAGMENT_HOST) == null) {
                    bundle.start();
                }
            } catch (BundleException e) {
                problems.add(bundle.getSymbolicName() + " " + reason(e));
            }
        }
        if (stage == Stage.PLATFORM) {
            listen();
        }
    }

    /** A component that cannot be made says so in the framework's log: from now on in ours too. */
    private void listen() {
        ServiceReference<LogReaderService> reference = context().getServiceReference(LogReaderService.class);
        if (reference == null) {
            problems.add("no Log Service: what goes wrong in components is not told");
            return;
        }
        context().getService(reference).addLogListener(entry -> {
            if (entry.getLogLevel() == LogLevel.ERROR) {
                LOG.log(Level.SEVERE, sentence(entry), cause(entry.getException()));
            }
        });
    }

    private static String sentence(LogEntry entry) {
        String text = String.valueOf(entry.getMessage()).lines().findFirst().orElse("");
        Matcher component = COMPONENT.matcher(text);
        return component.matches()
                ? component.group(1) + ": " + component.group(2)
                : entry.getBundle().getSymbolicName() + ": " + text;
    }

    /** The innermost cause: reflection and the log wrap it. */
    private static @Nullable Throwable cause(@Nullable Throwable thrown) {
        Throwable t = thrown;
        while (t != null && t.getCause() != null) {
            t = t.getCause();
        }
        return t;
    }

    void configure(Configurations configurations) throws IOException {
        ServiceReference<ConfigurationAdmin> reference = context().getServiceReference(ConfigurationAdmin.class);
        if (reference == null) {
            problems.add("no Configuration Admin: conf/armature.json is not applied");
            return;
        }
        configurations.apply(context().getService(reference));
    }

    /** What did not start, a sentence each. */
    List<String> problems() {
        return problems;
    }

    /** Why a bundle did not start, without Felix's numbers. */
    static String reason(BundleException e) {
        String text = String.valueOf(e.getMessage());
        if (e.getType() == BundleException.RESOLVE_ERROR) {
            // Felix nests requirements; the innermost one is the cause.
            String last = null;
            for (Matcher missing = MISSING.matcher(text); missing.find(); ) {
                last = "does not resolve: nothing here exports package " + missing.group(1)
                        + (missing.group(2) == null ? "" : " in version " + missing.group(2) + " or what follows it");
            }
            if (last != null) {
                return last;
            }
            Matcher other = MISSING_OTHER.matcher(text);
            return "does not resolve: "
                    + (other.find()
                            ? "needs " + other.group(1) + " " + other.group(2).strip()
                            : text);
        }
        Throwable cause = e.getCause() == null ? e : e.getCause();
        return "does not start: " + (cause.getMessage() == null ? cause.toString() : cause.getMessage());
    }

    /** The service of a JDK type that has {@code filter}, or null. */
    <T> @Nullable T service(Class<T> type, String filter) {
        try {
            return context().getServiceReferences(type, filter).stream()
                    .max(java.util.Comparator.naturalOrder())
                    .map(context()::getService)
                    .orElse(null);
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException(filter, e);
        }
    }

    /** As {@link #service}, waiting. */
    <T> @Nullable T await(Class<T> type, String filter, long millis) throws InterruptedException {
        long end = System.nanoTime() + millis * 1_000_000;
        T found;
        while ((found = service(type, filter)) == null && System.nanoTime() < end) {
            Thread.sleep(20);
        }
        return found;
    }

    /** Lets go of an uninstalled bundle's classes. */
    void refresh(Bundle bundle) {
        framework.adapt(FrameworkWiring.class).refreshBundles(List.of(bundle));
    }

    /** Stops web, then control, then the rest, each bundle in its time. */
    @Override
    public void close() {
        try {
            for (String stage : List.of("/bundles/web/", "/bundles/control/")) {
                for (Bundle bundle : context().getBundles()) {
                    if (bundle.getState() == Bundle.ACTIVE
                            && bundle.getLocation().contains(stage)) {
                        try {
                            bundle.stop(Bundle.STOP_TRANSIENT);
                        } catch (BundleException e) {
                            System.err.println(
                                    "armature: " + bundle.getSymbolicName() + " stops badly: " + e.getMessage());
                        }
                    }
                }
            }
            framework.stop();
            framework.waitForStop(10_000);
        } catch (BundleException e) {
            System.err.println("armature: the framework stops badly: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
