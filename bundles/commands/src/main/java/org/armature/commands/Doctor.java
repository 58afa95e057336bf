package org.armature.commands;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code armature doctor}: what of this machine the runtime can use, and what to do about the rest. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=doctor")
@Command(name = "doctor", description = "look at JVM, native libraries, OpenCL, real-time permissions and wiring")
public final class Doctor implements Callable<Integer> {
    /** {@code OK}, {@code NOTE} (works, could be better) or {@code BAD} (something does not work). */
    private enum Verdict {
        OK,
        NOTE,
        BAD
    }

    private record Finding(String about, Verdict verdict, String found, String advice) {}

    private final Wiring wiring;
    private final BundleContext context;
    private final List<Finding> findings = new ArrayList<>();

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Option(names = "--json", description = "one JSON array")
    private boolean json;

    @Activate
    public Doctor(BundleContext context, @Reference Wiring wiring) {
        this.context = context;
        this.wiring = wiring;
    }

    /** 1 if something is BAD. */
    @Override
    public Integer call() throws IOException {
        jvm();
        library("EGL", "libEGL.so.1", "cameras cannot be rendered by MuJoCo: install libegl1 and libegl-mesa0");
        openCl();
        realTime();
        List<String> waiting = wiring.get();
        // Without a runtime nothing offers a robot, so components that wait for one are no finding.
        boolean robot = context.getServiceReference("org.armature.robot.LoopMonitor") != null;
        if (waiting.isEmpty() || !robot && waiting.stream().allMatch(w -> w.contains(" waits: "))) {
            add("wiring", Verdict.OK, context.getBundles().length + " bundles, all active", "");
        } else {
            waiting.forEach(w -> add("wiring", Verdict.BAD, w, "see log/armature.0.log in the instance folder"));
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            List<Map<String, Object>> list = new ArrayList<>();
            for (Finding finding : findings) {
                Map<String, Object> map = new LinkedHashMap<>();
                map.put("about", finding.about());
                map.put("verdict", finding.verdict().name().toLowerCase(java.util.Locale.ROOT));
                map.put("found", finding.found());
                map.put("advice", finding.advice());
                list.add(map);
            }
            out.println(new ObjectMapper().writeValueAsString(list));
        } else {
            for (Finding finding : findings) {
                out.printf(
                        "%-5s %-18s %s%s%n",
                        finding.verdict(),
                        finding.about(),
                        finding.found(),
                        finding.advice().isEmpty() ? "" : ": " + finding.advice());
            }
        }
        return findings.stream().anyMatch(f -> f.verdict() == Verdict.BAD) ? 1 : 0;
    }

    private void add(String about, Verdict verdict, String found, String advice) {
        findings.add(new Finding(about, verdict, found, advice));
    }

    private void jvm() {
        add("JVM", Verdict.OK, System.getProperty("java.vm.name") + " " + Runtime.version(), "");
        String collectors = ManagementFactory.getGarbageCollectorMXBeans().stream()
                .map(GarbageCollectorMXBean::getName)
                .collect(Collectors.joining(", "));
        boolean robot = context.getServiceReference("org.armature.robot.LoopMonitor") != null;
        if (robot && !collectors.contains("ZGC")) {
            add("garbage collector", Verdict.NOTE, collectors, "its pauses are longer than a tick; leave --gc at zgc");
        } else {
            add("garbage collector", Verdict.OK, collectors, "");
        }
        int cores = Runtime.getRuntime().availableProcessors();
        add(
                "processors",
                cores >= 2 ? Verdict.OK : Verdict.NOTE,
                cores + " cores, " + (Runtime.getRuntime().maxMemory() >> 20) + " MB heap",
                cores >= 2 ? "" : "the control loop and the policy share one core; expect late ticks");
    }

    private void library(String about, String name, String advice) {
        try (Arena arena = Arena.ofConfined()) {
            SymbolLookup.libraryLookup(name, arena);
            add(about, Verdict.OK, name + " loads", "");
        } catch (IllegalArgumentException e) {
            add(about, Verdict.NOTE, name + " does not load", advice);
        }
    }

    private void openCl() {
        library(
                "OpenCL",
                "libOpenCL.so.1",
                "the GPU is not used: install ocl-icd-libopencl1 and a driver, or pocl-opencl-icd");
        Path vendors = Path.of("/etc/OpenCL/vendors");
        List<String> names = List.of();
        if (Files.isDirectory(vendors)) {
            try (Stream<Path> files = Files.list(vendors)) {
                names = files.map(f -> f.getFileName().toString()).sorted().toList();
            } catch (IOException e) {
                add("OpenCL drivers", Verdict.NOTE, vendors + " cannot be read", "check its permissions");
                return;
            }
        }
        add(
                "OpenCL drivers",
                names.isEmpty() ? Verdict.NOTE : Verdict.OK,
                names.isEmpty() ? "none" : String.join(", ", names),
                names.isEmpty() ? "install your GPU's OpenCL driver, or pocl-opencl-icd for the CPU" : "");
    }

    /** CAP_SYS_NICE is bit 23, CAP_IPC_LOCK bit 14 of the effective capabilities. */
    private void realTime() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.isReadable(status)) {
            add("real time", Verdict.NOTE, "not Linux", "SCHED_FIFO and locked memory are off");
            return;
        }
        long capabilities = Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("CapEff:"))
                .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
                .findFirst()
                .orElse(0);
        boolean nice = (capabilities >> 23 & 1) == 1;
        boolean lock = (capabilities >> 14 & 1) == 1;
        add(
                "SCHED_FIFO",
                nice ? Verdict.OK : Verdict.NOTE,
                nice ? "allowed" : "not allowed",
                nice ? "" : "late ticks are rarer with it: add 'rtprio 80' for your user to /etc/security/limits.conf");
        add(
                "locked memory",
                lock ? Verdict.OK : Verdict.NOTE,
                lock ? "allowed" : "limited",
                lock ? "" : "add 'memlock unlimited' for your user to /etc/security/limits.conf");
    }
}
