package org.armature.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Dictionary;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Hashtable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;

/**
 * The folder whose jars run: a jar put there is deployed, a jar changed is replaced, a jar removed is undeployed.
 *
 * <p>Only a private copy that was read to its end and whose signature was checked is installed, so the file may change at
 * any time. A new version starts beside the old one; which of them stays is what the control loop found out when it tried
 * it (the services' {@code armature.kind} says whether it tries), and the other is uninstalled.
 *
 * <p>Registered as {@code Function<Map, Map>} with {@code armature.deployer=true}: {@code {"deploy": path}} or
 * {@code {"undeploy": name}} in, {@code {"outcome", "reason", "name", "bundle", "version"}} out.
 */
final class DeployFolder implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger("org.armature.launcher.deploy");
    private static final long POLL_MILLIS = 100;
    /** A file that does not open as a jar may still be being written. */
    private static final long SETTLE_NANOS = TimeUnit.MILLISECONDS.toNanos(1_000);

    private static final long TRIAL_MILLIS = 30_000;
    private static final Set<String> TRIED_BY_CONTROL = Set.of("policy", "perception", "driver");

    private final Platform platform;
    private final Path folder;
    private final Path staging;
    private final Trust trust;
    private final Map<String, Seen> seen = new HashMap<>();
    private final Map<String, Bundle> running = new java.util.concurrent.ConcurrentHashMap<>();
    private final Map<String, Map<String, Object>> results = new HashMap<>();
    private final Queue<Map<String, Object>> untold = new ArrayDeque<>();
    private final Thread watcher;
    private volatile boolean closed;
    private int generation;

    /** A state of a file, since when, and whether it was acted upon. */
    private record Seen(String state, long since, boolean done) {}

    DeployFolder(Platform platform, Path folder, Path staging, Trust trust) {
        this.platform = platform;
        this.folder = folder;
        this.staging = staging;
        this.trust = trust;
        Dictionary<String, Object> properties = new Hashtable<>(Map.of("armature.deployer", true));
        platform.context()
                .registerService(
                        Function.class, (Function<Map<String, Object>, Map<String, Object>>) this::ask, properties);
        watcher = Thread.ofPlatform().daemon().name("deploy-folder").start(this::watch);
    }

    private void watch() {
        while (!closed) {
            try {
                scan();
                tell();
                Thread.sleep(POLL_MILLIS);
            } catch (InterruptedException e) {
                return;
            } catch (IOException | RuntimeException e) {
                if (!closed) {
                    LOG.log(System.Logger.Level.WARNING, "the deploy folder " + folder + " cannot be read", e);
                    try {
                        Thread.sleep(5_000);
                    } catch (InterruptedException interrupted) {
                        return;
                    }
                }
            }
        }
    }

    private void scan() throws IOException, InterruptedException {
        Set<String> present = new HashSet<>();
        List<Path> files;
        try (Stream<Path> list = Files.list(folder)) {
            files = list.sorted().toList();
        }
        for (Path file : files) {
            String name = file.getFileName().toString();
            if (name.startsWith(".") || name.endsWith(".tmp") || name.endsWith(".part") || name.endsWith("~")) {
                continue;
            }
            String state;
            try {
                BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                if (!attributes.isRegularFile()) {
                    continue;
                }
                state = attributes.size() + " " + attributes.lastModifiedTime() + " " + attributes.fileKey();
            } catch (IOException e) {
                // Gone since it was listed.
                continue;
            }
            present.add(name);
            Seen before = seen.get(name);
            if (before == null || !before.state().equals(state)) {
                seen.put(name, new Seen(state, System.nanoTime(), false));
            } else if (!before.done() && consider(name, file, before)) {
                seen.put(name, new Seen(state, before.since(), true));
            }
        }
        for (String name : List.copyOf(seen.keySet())) {
            if (!present.contains(name)) {
                seen.remove(name);
                withdraw(name);
            }
        }
    }

    /** Whether the file was dealt with; false to look again. */
    private boolean consider(String name, Path file, Seen since) throws IOException, InterruptedException {
        boolean settled = System.nanoTime() - since.since() > SETTLE_NANOS;
        if (!name.endsWith(".jar")) {
            if (settled) {
                refuse(name, "", "is no jar: bundles are deployed as files that end in .jar");
            }
            return settled;
        }
        Path copy = staging.resolve(++generation + "-" + name);
        Files.copy(file, copy, StandardCopyOption.REPLACE_EXISTING);
        Optional<String> objection = trust.objection(copy).or(() -> noBundle(copy));
        if (objection.isPresent()) {
            Files.deleteIfExists(copy);
            if (settled) {
                refuse(name, "", objection.get());
            }
            return settled;
        }
        install(name, copy);
        return true;
    }

    private static Optional<String> noBundle(Path copy) {
        try (JarFile jar = new JarFile(copy.toFile())) {
            Manifest manifest = jar.getManifest();
            if (manifest == null || manifest.getMainAttributes().getValue(Constants.BUNDLE_SYMBOLICNAME) == null) {
                return Optional.of(
                        "is a jar but no bundle: its manifest has no Bundle-SymbolicName; build it with bnd-maven-plugin");
            }
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of("is not a whole jar (" + e.getMessage() + ")");
        }
    }

    private void install(String name, Path copy) throws InterruptedException {
        long begin = System.nanoTime();
        long wall = System.currentTimeMillis();
        Bundle old = running.get(name);
        Bundle fresh = null;
        try {
            fresh = platform.context().installBundle("reference:" + copy.toUri());
            fresh.start();
        } catch (BundleException e) {
            String version = fresh == null ? "" : fresh.getVersion().toString();
            if (fresh != null) {
                uninstall(fresh);
            }
            refuse(name, version, Platform.reason(e));
            return;
        }
        Map<String, Object> result = judge(fresh, wall);
        boolean refused = "refused".equals(result.get("outcome")) || "rolled-back".equals(result.get("outcome"));
        if (refused) {
            uninstall(fresh);
        } else {
            running.put(name, fresh);
            if (old != null) {
                uninstall(old);
            }
        }
        result.put("name", name);
        result.put("bundle", fresh.getSymbolicName());
        result.put("version", fresh.getVersion().toString());
        result.put("ms", (System.nanoTime() - begin) / 1e6);
        LOG.log(
                refused ? System.Logger.Level.WARNING : System.Logger.Level.INFO,
                name + ": " + result.get("outcome") + ": " + result.get("reason"));
        finished(name, result);
    }

    /** What became of a started bundle: the control loop's verdict where it tries the module, else that its services come. */
    private Map<String, Object> judge(Bundle fresh, long since) throws InterruptedException {
        Map<String, Object> result = new LinkedHashMap<>();
        Set<String> tried = new HashSet<>();
        List<String> services = new ArrayList<>();
        ServiceReference<?>[] registered = fresh.getRegisteredServices();
        for (ServiceReference<?> reference : registered == null ? new ServiceReference<?>[0] : registered) {
            Object id = reference.getProperty("armature.id");
            Object kind = reference.getProperty("armature.kind");
            if (id == null) {
                continue;
            }
            services.add(kind + " " + id);
            if (TRIED_BY_CONTROL.contains(String.valueOf(kind))) {
                tried.add(id.toString());
            } else if (platform.context().getService(reference) == null) {
                result.put("outcome", "refused");
                result.put("reason", kind + " " + id + " does not activate" + failures(fresh));
                return result;
            } else {
                platform.context().ungetService(reference);
            }
        }
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(TRIAL_MILLIS);
        while (!tried.isEmpty() && System.nanoTime() < end && !closed) {
            for (Map<String, Object> swap : history()) {
                if (swap.get("time") instanceof Long time
                        && time >= since
                        && tried.contains(String.valueOf(swap.get("id")))
                        && !"removed".equals(swap.get("outcome"))) {
                    result.put("outcome", swap.get("outcome"));
                    result.put("reason", swap.get("reason"));
                    return result;
                }
            }
            Thread.sleep(20);
        }
        result.put("outcome", "deployed");
        String failures = failures(fresh);
        result.put(
                "reason",
                (services.isEmpty() ? "offers no module yet" : "offers " + String.join(", ", services))
                        + failures
                        + (tried.isEmpty() ? "" : "; the control loop has not tried it"));
        return result;
    }

    private String failures(Bundle bundle) {
        @SuppressWarnings("unchecked")
        Function<Long, List<String>> wiring = platform.service(Function.class, "(armature.wiring=true)");
        List<String> sentences = wiring == null ? List.of() : wiring.apply(bundle.getBundleId());
        return sentences.isEmpty() ? "" : ": " + String.join("; ", sentences);
    }

    private List<Map<String, Object>> history() {
        @SuppressWarnings("unchecked")
        Supplier<List<Map<String, Object>>> swaps = platform.service(Supplier.class, "(armature.swaps=true)");
        return swaps == null ? List.of() : swaps.get();
    }

    private void withdraw(String name) {
        Bundle bundle = running.remove(name);
        if (bundle != null) {
            uninstall(bundle);
            LOG.log(System.Logger.Level.INFO, name + ": undeployed");
        }
    }

    private void uninstall(Bundle bundle) {
        try {
            String location = bundle.getLocation();
            bundle.uninstall();
            platform.refresh(bundle);
            if (location.startsWith("reference:file:")) {
                Files.deleteIfExists(Path.of(java.net.URI.create(location.substring("reference:".length()))));
            }
        } catch (BundleException | IOException e) {
            LOG.log(System.Logger.Level.WARNING, bundle.getSymbolicName() + " is not removed cleanly", e);
        }
    }

    private void refuse(String name, String version, String reason) {
        Map<String, Object> refusal = new LinkedHashMap<>();
        refusal.put("outcome", "refused");
        refusal.put("reason", name + " " + reason);
        refusal.put("name", name);
        refusal.put("version", version);
        refusal.put("time", System.currentTimeMillis());
        LOG.log(System.Logger.Level.WARNING, name + " is refused: it " + reason);
        untold.add(refusal);
        finished(name, refusal);
    }

    /** Refusals go into the history of replacements as soon as there is one. */
    private void tell() {
        if (untold.isEmpty()) {
            return;
        }
        @SuppressWarnings("unchecked")
        Consumer<Map<String, Object>> record = platform.service(Consumer.class, "(armature.refusals=true)");
        for (Map<String, Object> refusal; record != null && (refusal = untold.poll()) != null; ) {
            record.accept(refusal);
        }
    }

    private void finished(String name, Map<String, Object> result) {
        synchronized (results) {
            results.put(name, result);
            results.notifyAll();
        }
    }

    /** The deployer service. Any thread; waits for the outcome. */
    private Map<String, Object> ask(Map<String, Object> request) {
        try {
            if (request.get("deploy") instanceof String path) {
                return deploy(Path.of(path));
            }
            if (request.get("undeploy") instanceof String name) {
                return undeploy(name);
            }
            return Map.of("outcome", "refused", "reason", "a request has \"deploy\" or \"undeploy\"");
        } catch (IOException e) {
            return Map.of("outcome", "refused", "reason", e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Map.of("outcome", "refused", "reason", "interrupted");
        }
    }

    private Map<String, Object> deploy(Path file) throws IOException, InterruptedException {
        if (!Files.isRegularFile(file)) {
            throw new IOException(file + " is not there");
        }
        String name = file.getFileName().toString();
        synchronized (results) {
            results.remove(name);
        }
        Path part = folder.resolve("." + name + ".part");
        Files.copy(file, part, StandardCopyOption.REPLACE_EXISTING);
        // A new time, or deploying the same bytes again would not be seen.
        Files.setLastModifiedTime(part, java.nio.file.attribute.FileTime.from(java.time.Instant.now()));
        Files.move(part, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(TRIAL_MILLIS + 10_000);
        synchronized (results) {
            while (!results.containsKey(name) && System.nanoTime() < end) {
                results.wait(100);
            }
            Map<String, Object> result = results.get(name);
            return result != null
                    ? result
                    : Map.of("outcome", "refused", "reason", name + " had no outcome in time; see the log");
        }
    }

    private Map<String, Object> undeploy(String name) throws IOException {
        List<Path> files = new ArrayList<>();
        try (Stream<Path> list = Files.list(folder)) {
            for (Path file : list.toList()) {
                String fileName = file.getFileName().toString();
                Bundle bundle = running.get(fileName);
                if (fileName.equals(name)
                        || fileName.equals(name + ".jar")
                        || bundle != null && (bundle.getSymbolicName().equals(name) || offers(bundle, name))) {
                    files.add(file);
                }
            }
        }
        if (files.isEmpty()) {
            throw new IOException("nothing named " + name + " is deployed; the deploy folder " + folder + " has "
                    + (running.isEmpty() ? "no jars" : String.join(", ", running.keySet())));
        }
        for (Path file : files) {
            Files.deleteIfExists(file);
        }
        return Map.of("outcome", "undeployed", "reason", "removed", "name", name);
    }

    private static boolean offers(Bundle bundle, String id) {
        ServiceReference<?>[] registered = bundle.getRegisteredServices();
        if (registered != null) {
            for (ServiceReference<?> reference : registered) {
                if (id.equals(reference.getProperty("armature.id"))) {
                    return true;
                }
            }
        }
        return false;
    }

    @Override
    public void close() throws IOException {
        closed = true;
        watcher.interrupt();
        try {
            watcher.join(2_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
