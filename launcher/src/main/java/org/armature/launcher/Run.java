package org.armature.launcher;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.osgi.framework.BundleException;
import sun.misc.Signal;

/** {@code armature run}: from an empty framework to a moving robot, and back. */
final class Run {
    private static final int DEFAULT_PORT = 8080;
    private static final int LOOK_MILLIS = 200;
    private static final int SETTLED_MILLIS = 3000;
    private static final long MOTION_NANOS = 1_500_000_000L;
    private static final int MOTION_LOOK_MILLIS = 25;

    private final RunOptions options;
    private final Path home;
    private final Path instances;
    private final PrintStream out;
    private final CountDownLatch stop = new CountDownLatch(1);

    Run(RunOptions options, Path home, Path instances, PrintStream out) {
        this.options = options;
        this.home = home;
        this.instances = instances;
        this.out = out;
    }

    int call() throws IOException, BundleException, InterruptedException {
        Path wanted = options.data();
        Trust trust = options.requireSigned() ? Trust.read(options.trustStore()) : Trust.NONE;
        // Before anything starts: a wrong file must not cost a start.
        Configurations configured = Configurations.read(home.resolve("conf/armature.json"));
        int port = port();
        try (Instance instance = Instance.open(wanted == null ? instances : wanted, wanted == null)) {
            Path deploy = options.deploy() == null ? instance.folder().resolve("deploy") : options.deploy();
            Files.createDirectories(deploy);
            Logging.start(instance.log(), options.debug());
            stopOnSignal();
            Map<String, String> properties = new HashMap<>();
            properties.put("armature.home", home.toString());
            properties.put("armature.data", instance.folder().toString());
            properties.put("armature.deploy", deploy.toAbsolutePath().toString());
            properties.put("org.osgi.service.http.port", Integer.toString(port));
            properties.put("org.apache.felix.http.host", "127.0.0.1");
            try (Platform platform = Platform.start(home, instance.cache(), properties)) {
                platform.start(Platform.Stage.PLATFORM);
                platform.configure(configured
                        .withDefaults(Map.of(
                                // Present means: move a robot. Commands that stand alone do not.
                                "org.armature.control",
                                Map.of(),
                                "org.armature.console",
                                Map.of(
                                        "deployFolder", deploy.toAbsolutePath().toString(),
                                        "tokenFile",
                                                instance.folder()
                                                        .resolve("token")
                                                        .toAbsolutePath()
                                                        .toString())))
                        .with(options.overrides()));
                platform.start(Platform.Stage.ROBOT);
                platform.start(Platform.Stage.CONTROL);
                awaitMotion(platform);
                double start = sinceStart();
                platform.start(Platform.Stage.MODULES);
                try (DeployFolder folder = new DeployFolder(platform, deploy, instance.staging(), trust);
                        ControlChannel channel = ControlChannel.open(platform, instance.folder())) {
                    platform.start(Platform.Stage.WEB);
                    report(platform);
                    say("running after " + String.format(Locale.ROOT, "%.1f", start / 1000)
                            + " s; dashboard http://localhost:"
                            + port + "; deploy folder " + deploy + "; "
                            + (options.seconds() > 0 ? "stops after " + options.seconds() + " s" : "Ctrl-C stops"));
                    shell(platform);
                    await();
                    return finish(platform);
                }
            }
        }
    }

    /** On few processors everything else would only delay the robot; but what drives it may be among the modules. */
    private static void awaitMotion(Platform platform) throws InterruptedException {
        BooleanSupplier moving = platform.service(BooleanSupplier.class, "(armature.moving=true)");
        long end = System.nanoTime() + MOTION_NANOS;
        while (moving != null && !moving.getAsBoolean() && System.nanoTime() < end) {
            Thread.sleep(MOTION_LOOK_MILLIS);
        }
    }

    private void await() throws InterruptedException {
        if (options.seconds() > 0) {
            if (stop.await((long) (options.seconds() * 1000), TimeUnit.MILLISECONDS)) {
                say("stopped early");
            }
        } else {
            stop.await();
        }
    }

    private int finish(Platform platform) {
        @SuppressWarnings("unchecked")
        Supplier<Map<String, Object>> summary = platform.service(Supplier.class, "(armature.summary=true)");
        if (!options.json()) {
            return Main.DONE;
        }
        if (summary == null) {
            System.err.println(
                    "armature: there is no summary: the control loop is not running; see the start report above.");
            return Main.FAILED;
        }
        out.println(Json.write(summary.get()));
        return Main.DONE;
    }

    /**
     * What did not start and why, to the console and the log. A component that waits for the robot's own services is no
     * news until they had time to come, so components are named once nothing has changed for a while.
     */
    private void report(Platform platform) {
        platform.problems().forEach(this::say);
        @SuppressWarnings("unchecked")
        Supplier<List<String>> components = platform.service(Supplier.class, "(armature.report=true)");
        if (components != null) {
            Thread.ofPlatform().daemon().name("start-report").start(() -> {
                try {
                    settled(components).forEach(this::say);
                } catch (InterruptedException | IllegalStateException e) {
                    // The runtime has stopped before it settled.
                }
            });
        }
    }

    private static List<String> settled(Supplier<List<String>> components) throws InterruptedException {
        List<String> last = components.get();
        for (int same = 0; !last.isEmpty() && same < SETTLED_MILLIS; same += LOOK_MILLIS) {
            Thread.sleep(LOOK_MILLIS);
            List<String> now = components.get();
            same = now.equals(last) ? same : 0;
            last = now;
        }
        return last;
    }

    private void shell(Platform platform) {
        if (options.headless() || System.console() == null || !System.console().isTerminal()) {
            return;
        }
        @SuppressWarnings("unchecked")
        Consumer<Runnable> shell = platform.service(Consumer.class, "(armature.shell=true)");
        if (shell != null) {
            Thread.ofPlatform().daemon().name("shell").start(() -> shell.accept(stop::countDown));
        }
    }

    private void say(String sentence) {
        System.err.println("armature: " + sentence);
        java.util.logging.Logger.getLogger("org.armature.launcher").info(sentence);
    }

    private int port() throws IOException {
        if (options.port() == 0) {
            try (ServerSocket any = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                return any.getLocalPort();
            }
        }
        if (options.port() > 0) {
            if (!free(options.port())) {
                throw new IOException("port " + options.port() + " is taken: choose another with --port");
            }
            return options.port();
        }
        for (int port = DEFAULT_PORT; port < DEFAULT_PORT + 100; port++) {
            if (free(port)) {
                return port;
            }
        }
        throw new IOException("no port from 8080 to 8179 is free: choose one with --port");
    }

    private static boolean free(int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** INT and TERM end the run in order, with exit code 0; the second one ends it at once. */
    private void stopOnSignal() {
        for (String name : List.of("INT", "TERM")) {
            Signal.handle(new Signal(name), signal -> {
                if (stop.getCount() == 0) {
                    Runtime.getRuntime().halt(Main.FAILED);
                }
                stop.countDown();
            });
        }
    }

    private static double sinceStart() {
        return System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime();
    }
}
