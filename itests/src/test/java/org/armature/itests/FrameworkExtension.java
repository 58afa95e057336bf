package org.armature.itests;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;

/** See {@link InFramework}. */
final class FrameworkExtension implements BeforeAllCallback, AfterAllCallback, ParameterResolver {
    private static final long WAIT_MILLIS = 5_000;
    static final Path DISTRIBUTION = Path.of(System.getProperty("armature.distribution"));

    private Framework framework;
    private Path cache;

    @Override
    public void beforeAll(ExtensionContext context) throws Exception {
        InFramework wanted = context.getRequiredTestClass().getAnnotation(InFramework.class);
        cache = Files.createTempDirectory("armature-itest-");
        framework = ServiceLoader.load(FrameworkFactory.class)
                .findFirst()
                .orElseThrow()
                .newFramework(Map.of(
                        Constants.FRAMEWORK_STORAGE,
                        cache.toString(),
                        Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
                        shared(),
                        "armature.home",
                        DISTRIBUTION.toString(),
                        "org.apache.felix.http.host",
                        "127.0.0.1",
                        "org.osgi.service.http.port",
                        freePort(),
                        "ds.loglevel",
                        "1"));
        framework.start();
        BundleContext bundles = framework.getBundleContext();
        for (String stage : wanted.value()) {
            List<Bundle> installed = new ArrayList<>();
            for (Path jar : jars(DISTRIBUTION.resolve("bundles").resolve(stage))) {
                if (!jar.getFileName().toString().startsWith("armature-api-")) {
                    installed.add(bundles.installBundle("reference:" + jar.toUri()));
                }
            }
            for (Bundle bundle : installed) {
                if (bundle.getHeaders("").get(Constants.FRAGMENT_HOST) == null) {
                    bundle.start();
                }
            }
            if (stage.equals("platform")) {
                configure(bundles, wanted.configuration());
            }
        }
    }

    private static String freePort() throws IOException {
        try (ServerSocket any = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return Integer.toString(any.getLocalPort());
        }
    }

    /** The api's packages in the versions its manifest says, and what the launcher shares too. */
    private static String shared() throws IOException {
        Path api = jars(DISTRIBUTION.resolve("bundles/robot")).stream()
                .filter(jar -> jar.getFileName().toString().startsWith("armature-api-"))
                .findFirst()
                .orElseThrow(
                        () -> new IOException("no api in " + DISTRIBUTION + ": run mvn verify, or ./armature test"));
        try (JarFile jar = new JarFile(api.toFile())) {
            // uses: directives name packages only the api bundle sees.
            String exported = jar.getManifest()
                    .getMainAttributes()
                    .getValue(Constants.EXPORT_PACKAGE)
                    .replaceAll(";uses:=\"[^\"]*\"", "");
            return exported + ",org.slf4j;version=2.0.17,org.slf4j.spi;version=2.0.17,org.slf4j.event;version=2.0.17,"
                    + "org.slf4j.helpers;version=2.0.17,org.slf4j;version=1.7.36,org.osgi.service.cm;version=1.6.1,sun.misc";
        }
    }

    private static List<Path> jars(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".jar"))
                    .sorted()
                    .toList();
        }
    }

    private static void configure(BundleContext bundles, String[] lines) throws IOException {
        ConfigurationAdmin admin = bundles.getService(bundles.getServiceReference(ConfigurationAdmin.class));
        Map<String, Hashtable<String, Object>> all = new java.util.LinkedHashMap<>();
        for (String line : lines) {
            String[] parts = line.split(":", 2);
            Hashtable<String, Object> properties = all.computeIfAbsent(parts[0], pid -> new Hashtable<>());
            if (parts.length == 2) {
                String[] pair = parts[1].split("=", 2);
                properties.put(pair[0], pair[1]);
            }
        }
        for (Map.Entry<String, Hashtable<String, Object>> entry : all.entrySet()) {
            Configuration configuration = admin.getConfiguration(entry.getKey(), "?");
            configuration.update(entry.getValue());
        }
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.isAnnotated(Service.class) || parameter.getParameter().getType() == BundleContext.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        BundleContext bundles = framework.getBundleContext();
        Class<?> type = parameter.getParameter().getType();
        if (type == BundleContext.class) {
            return bundles;
        }
        String filter = parameter.findAnnotation(Service.class).orElseThrow().value();
        long end = System.nanoTime() + WAIT_MILLIS * 1_000_000;
        try {
            do {
                Collection<? extends ServiceReference<?>> found =
                        bundles.getServiceReferences(type, filter.isEmpty() ? null : filter);
                Object service = found.stream()
                        .max(Comparator.naturalOrder())
                        .map(bundles::getService)
                        .orElse(null);
                if (service != null) {
                    return service;
                }
                Thread.sleep(20);
            } while (System.nanoTime() < end);
        } catch (InvalidSyntaxException e) {
            throw new ParameterResolutionException(e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        throw new ParameterResolutionException("0 of 1 services " + type.getName() + " " + filter + " came within 5 s; "
                + Stream.of(bundles.getBundles())
                        .filter(bundle -> bundle.getState() != Bundle.ACTIVE)
                        .map(bundle -> bundle.getSymbolicName() + " is not active")
                        .toList());
    }

    @Override
    public void afterAll(ExtensionContext context) throws BundleException, InterruptedException, IOException {
        framework.stop();
        framework.waitForStop(10_000);
        try (Stream<Path> files = Files.walk(cache)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
