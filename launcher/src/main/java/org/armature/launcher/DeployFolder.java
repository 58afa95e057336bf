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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
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
    /** For static initialisers, activators and the constructors of components. */
    private static final long ACTIVATION_MILLIS = 10_000;

    /** What this class and the dashboard call a jar that is not yet there as a whole. */
    private static final Pattern PART = Pattern.compile("\\..+\\.jar(\\.\\d+)?\\.part");

    private static final Set<String> TRIED_BY_CONTROL = Set.of("policy", "perception", "driver");

    private final Platform platform;
    private final Path folder;
    private final Path staging;
    private final Trust trust;
    private final Map<String, Seen> seen = new HashMap<>();
    private final Map<String, Deployment> running = new java.util.concurrent.ConcurrentHashMap<>();
    private final Map<String, Map<String, Object>> results = new HashMap<>();
    private final Queue<Map<String, Object>> untold = new ArrayDeque<>();
    private final Thread watcher;
    private volatile boolean closed;
    private int generation;

    /** A bundle that runs, and since when (milliseconds of the wall clock). */
    private record Deployment(Bundle bundle, long since) {}

    /** A state of a file, since when, and whether it was acted upon. */
    private record Seen(String state, long since, boolean done) {}

    DeployFolder(Platform platform, Path folder, Path staging, Trust trust) throws IOException {
        this.platform = platform;
        this.folder = folder;
        this.staging = staging;
        this.trust = trust;
        removeParts();
        Dictionary<String, Object> properties = new Hashtable<>(Map.of("armature.deployer", true));
        platform.context()
                .registerService(
                        Function.class, (Function<Map<String, Object>, Map<String, Object>>) this::ask, properties);
        watcher = Thread.ofPlatform().daemon().name("deploy-folder").start(this::watch);
    }

    /** Uploads that ended with the run before, by {@code kill -9}. */
    private void removeParts() throws IOException {
        try (Stream<Path> list = Files.list(folder)) {
            for (Path part : list.filter(
                            file -> PART.matcher(file.getFileName().toString()).matches())
                    .toList()) {
                Files.deleteIfExists(part);
            }
        }
    }

    private void watch() {
        boolean ranOut = false;
        while (!closed) {
            try {
                if (ranOut) {
                    LOG.log(System.Logger.Level.WARNING, "memory ran out; the deploy folder goes on");
                    ranOut = false;
                }
                scan();
                removeRolledBack();
                tell();
                Thread.sleep(POLL_MILLIS);
            } catch (InterruptedException e) {
                return;
            } catch (OutOfMemoryError e) {
                // A module took it all; it is found out by the control loop and removed here at the next look.
                // Saying so now would need memory.
                ranOut = true;
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
        Deployment old = running.get(name);
        Bundle fresh;
        try {
            fresh = platform.context().installBundle("reference:" + copy.toUri());
        } catch (BundleException e) {
            refuse(name, "", Platform.reason(e));
            return;
        }
        AtomicBoolean hung = new AtomicBoolean();
        Verdict verdict;
        try {
            Optional<Verdict> objection = activate(name, fresh, hung);
            verdict = objection.isPresent() ? objection.get() : judge(fresh, wall);
        } catch (OutOfMemoryError e) {
            // It is tried again at the next look.
            uninstall(fresh);
            throw e;
        }
        if (hung.get()) {
            // Uninstalling it would wait for its thread.
            LOG.log(System.Logger.Level.WARNING, fresh.getSymbolicName() + " hangs and stays installed");
        } else if (verdict.refused()) {
            uninstall(fresh);
        } else {
            running.put(name, new Deployment(fresh, wall));
            if (old != null) {
                uninstall(old.bundle());
            }
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("outcome", verdict.outcome());
        result.put("reason", verdict.reason());
        result.put("name", name);
        result.put("bundle", fresh.getSymbolicName());
        result.put("version", fresh.getVersion().toString());
        result.put("ms", (System.nanoTime() - begin) / 1e6);
        LOG.log(
                verdict.refused() ? System.Logger.Level.WARNING : System.Logger.Level.INFO,
                name + ": " + verdict.outcome() + ": " + verdict.reason());
        if (verdict.refused() && !verdict.known()) {
            Map<String, Object> refusal = new LinkedHashMap<>(result);
            refusal.put("name", verdict.id().isEmpty() ? name : verdict.id());
            refusal.put("kind", verdict.kind());
            refusal.put("time", System.currentTimeMillis());
            untold.add(refusal);
        }
        finished(name, result);
    }

    /**
     * What became of a bundle.
     *
     * @param id of the module it is about; empty if of the file
     * @param known whether the history of replacements has it already
     */
    private record Verdict(String outcome, String reason, String kind, String id, boolean known) {
        boolean refused() {
            return outcome.equals("refused") || outcome.equals("rolled-back");
        }

        static Verdict refused(String reason, String kind, String id) {
            return new Verdict("refused", reason, kind, id, false);
        }
    }

    /**
     * Starts the bundle and makes its modules, within the control loop's bounds of time and memory: a constructor is a
     * stranger's code, and this folder must not hang with it. Why it does not run, or empty.
     *
     * @param hung left true when it did not come back
     */
    private Optional<Verdict> activate(String name, Bundle bundle, AtomicBoolean hung) {
        AtomicReference<Optional<Verdict>> verdict = new AtomicReference<>(Optional.empty());
        hung.set(true);
        Runnable work = () -> {
            try {
                bundle.start();
                verdict.set(inactive(bundle));
            } catch (BundleException | RuntimeException e) {
                String why = e instanceof BundleException b ? Platform.reason(b) : "does not start: " + e;
                verdict.set(Optional.of(Verdict.refused(name + " " + why, "", "")));
            } finally {
                hung.set(false);
            }
        };
        String objection = bounded(bundle.getSymbolicName() + " " + bundle.getVersion(), work);
        if (objection.isEmpty()) {
            return verdict.get();
        }
        Module module =
                modules(bundle).stream().findFirst().orElse(new Module("bundle", bundle.getSymbolicName(), null));
        return Optional.of(Verdict.refused(
                module.kind() + " " + module.id() + " " + bundle.getVersion() + " does not activate: " + objection
                        + (hung.get() ? "; its thread was abandoned" : ""),
                module.kind(),
                module.id()));
    }

    /** Why the work was given up, or an empty text; without control nobody bounds it. */
    private String bounded(String what, Runnable work) {
        @SuppressWarnings("unchecked")
        Function<Map<String, Object>, String> trial = platform.service(Function.class, "(armature.trial=true)");
        if (trial == null) {
            work.run();
            return "";
        }
        return trial.apply(Map.of("what", what, "work", work, "millis", ACTIVATION_MILLIS));
    }

    /** A module that a bundle offers. */
    private record Module(String kind, String id, @Nullable ServiceReference<?> reference) {}

    private static List<Module> modules(Bundle bundle) {
        List<Module> modules = new ArrayList<>();
        ServiceReference<?>[] registered = bundle.getRegisteredServices();
        for (ServiceReference<?> reference : registered == null ? new ServiceReference<?>[0] : registered) {
            if (reference.getProperty("armature.id") instanceof Object id) {
                modules.add(
                        new Module(String.valueOf(reference.getProperty("armature.kind")), id.toString(), reference));
            }
        }
        return modules;
    }

    /** The first module whose component cannot be made. */
    private Optional<Verdict> inactive(Bundle bundle) {
        for (Module module : modules(bundle)) {
            ServiceReference<?> reference = module.reference();
            if (reference == null || platform.context().getService(reference) == null) {
                return Optional.of(Verdict.refused(
                        module.kind() + " " + module.id() + " " + bundle.getVersion() + " does not activate"
                                + failures(bundle),
                        module.kind(),
                        module.id()));
            }
            platform.context().ungetService(reference);
        }
        return Optional.empty();
    }

    /** What became of a running bundle: the control loop's verdict where it tries the module, else that it runs. */
    private Verdict judge(Bundle fresh, long since) throws InterruptedException {
        List<Module> modules = modules(fresh);
        Set<String> tried = new HashSet<>();
        for (Module module : modules) {
            if (TRIED_BY_CONTROL.contains(module.kind())) {
                tried.add(module.id());
            }
        }
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(TRIAL_MILLIS);
        while (!tried.isEmpty() && System.nanoTime() < end && !closed) {
            for (Map<String, Object> swap : history()) {
                if (swap.get("time") instanceof Long time
                        && time >= since
                        && tried.contains(String.valueOf(swap.get("id")))
                        && !"removed".equals(swap.get("outcome"))) {
                    return new Verdict(
                            String.valueOf(swap.get("outcome")),
                            String.valueOf(swap.get("reason")),
                            "",
                            String.valueOf(swap.get("id")),
                            true);
                }
            }
            Thread.sleep(20);
        }
        String offers = modules.isEmpty()
                ? "offers no module yet"
                : "offers "
                        + modules.stream()
                                .map(module -> module.kind() + " " + module.id())
                                .collect(Collectors.joining(", "));
        return new Verdict(
                "deployed",
                offers + failures(fresh) + (tried.isEmpty() ? "" : "; the control loop has not tried it"),
                "",
                "",
                true);
    }

    /**
     * A module that was rolled back after its cut-over goes: what its classes hold must not stay. Its file stays where
     * it is, and is deployed again when it changes.
     */
    private void removeRolledBack() {
        for (Map<String, Object> swap : history()) {
            if (!"rolled-back".equals(swap.get("outcome")) || !(swap.get("time") instanceof Long time)) {
                continue;
            }
            running.forEach((name, deployment) -> {
                if (time >= deployment.since()
                        && deployment.bundle().getVersion().toString().equals(swap.get("version"))
                        && offers(deployment.bundle(), String.valueOf(swap.get("id")))) {
                    withdraw(name);
                }
            });
        }
    }

    private String failures(Bundle bundle) {
        @SuppressWarnings("unchecked")
        Function<Long, List<String>> wiring = platform.service(Function.class, "(armature.wiring=true)");
        List<String> sentences = wiring == null ? List.of() : wiring.apply(bundle.getBundleId());
        return sentences.isEmpty() ? "" : ": " + String.join("; ", sentences);
    }

    private List<Map<String, Object>> history() {
        try {
            @SuppressWarnings("unchecked")
            Supplier<List<Map<String, Object>>> swaps = platform.service(Supplier.class, "(armature.swaps=true)");
            return swaps == null ? List.of() : swaps.get();
        } catch (OutOfMemoryError e) {
            // The module now tried took it, and is found out; whoever asked asks again.
            return List.of();
        }
    }

    private void withdraw(String name) {
        Deployment deployment = running.remove(name);
        if (deployment != null) {
            uninstall(deployment.bundle());
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
                Deployment deployment = running.get(fileName);
                Bundle bundle = deployment == null ? null : deployment.bundle();
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
