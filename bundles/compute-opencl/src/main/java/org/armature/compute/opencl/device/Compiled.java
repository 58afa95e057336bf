package org.armature.compute.opencl.device;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.armature.compute.opencl.codegen.Blocks;
import org.armature.compute.opencl.codegen.Generator;
import org.armature.compute.opencl.codegen.Source;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.schedule.Kernel;
import org.armature.compute.opencl.schedule.Schedule;
import org.jspecify.annotations.Nullable;
import org.lwjgl.opencl.CL10;

/**
 * A schedule on a device. Constants, frozen inputs and what is computed from them alone are made once and stay on the device;
 * the rest of the memory belongs to {@link Execution executions}, of which a few are kept for the next run.
 */
public final class Compiled implements AutoCloseable {
    private static final int IDLE = 2;

    private final OpenClDevice device;
    private final Schedule schedule;
    private final List<Launch> launches;
    private final MemoryPlan plan;
    private final Map<Array, Long> resident = new IdentityHashMap<>();
    private final List<Long> owned = new ArrayList<>();
    private final Deque<Execution> idle = new ArrayDeque<>();
    private final Set<Array> results;
    private boolean closed;

    /** A kernel and its source. */
    public record Launch(Kernel kernel, Source source) {}

    /** Time of one kernel of a run. */
    public record Timing(Launch launch, double seconds) {}

    /**
     * @param tuning how long to look for better blocks
     * @param frozen memory of the inputs that are the same for every run; must stay as long as this
     */
    public Compiled(OpenClDevice device, Schedule schedule, Tuning tuning, Map<String, MemorySegment> frozen) {
        this.device = device;
        this.schedule = schedule;
        List<Kernel> kernels = schedule.kernels().stream()
                .filter(k -> k.writes().stream().anyMatch(a -> a.size() > 0))
                .toList();
        Map<Kernel, Blocks> blocks = device.blocks(kernels, tuning);
        List<Launch> all = kernels.stream()
                .map(k -> new Launch(k, Generator.generate(k, device.target(), blocks.getOrDefault(k, Blocks.USUAL))))
                .toList();
        device.prepare(all.stream().map(Launch::source).toList());
        try {
            schedule.inputs().forEach((name, a) -> {
                if (((Array.Given) a.rule()).frozen()) {
                    MemorySegment m = frozen.get(name);
                    if (m == null) {
                        throw new IllegalArgumentException("frozen input " + name + " is not given");
                    }
                    resident.put(a, upload(m, a));
                }
            });
            for (Launch l : all) {
                for (Array a : l.source.arguments()) {
                    if (a.rule() instanceof Array.Literal c && !resident.containsKey(a)) {
                        resident.put(a, upload(c.data().data(), a));
                    }
                }
            }
            Set<Array> outputs = java.util.Collections.newSetFromMap(new IdentityHashMap<>());
            outputs.addAll(schedule.outputs().values());
            results = outputs;
            List<Launch> once = new ArrayList<>();
            List<Launch> rest = new ArrayList<>();
            Set<Array> fixed = java.util.Collections.newSetFromMap(new IdentityHashMap<>());
            fixed.addAll(resident.keySet());
            for (Launch l : all) {
                boolean constant = Schedule.reads(l.kernel).stream().allMatch(fixed::contains)
                        && l.kernel.writes().stream().noneMatch(outputs::contains);
                (constant ? once : rest).add(l);
                if (constant) {
                    fixed.addAll(l.kernel.writes());
                }
            }
            prepare(once, rest);
            launches = List.copyOf(rest);
            plan = plan(launches);
        } catch (RuntimeException | Error e) {
            release();
            throw e;
        }
    }

    private long upload(MemorySegment data, Array a) {
        long b;
        if (device.isHost() && data.isNative() && data.byteSize() > 0) {
            b = device.wrap(data, a.toString());
        } else {
            b = device.allocate(a.bytes(), a.toString());
            owned.add(b);
            if (data.byteSize() > 0) {
                copyIn(b, data);
            }
            return b;
        }
        owned.add(b);
        return b;
    }

    private void copyIn(long b, MemorySegment data) {
        try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
            MemorySegment from =
                    data.isNative() ? data : arena.allocate(data.byteSize(), 64).copyFrom(data);
            device.write(b, from);
            device.finish();
        }
    }

    /** Runs what depends on constants alone; keeps of it what later kernels read. */
    private void prepare(List<Launch> once, List<Launch> rest) {
        if (once.isEmpty()) {
            return;
        }
        Map<Array, Long> made = new IdentityHashMap<>();
        for (Launch l : once) {
            for (Array a : l.kernel.writes()) {
                made.put(a, device.allocate(a.bytes(), a.toString()));
            }
            long kernel = device.kernel(l.source);
            try {
                int i = 0;
                for (Array a : l.source.arguments()) {
                    Long b = made.containsKey(a) ? made.get(a) : resident.get(a);
                    OpenClException.check("clSetKernelArg", CL10.clSetKernelArg1p(kernel, i++, b));
                }
                device.enqueue(kernel, l.source, false);
                device.finish();
            } finally {
                CL10.clReleaseKernel(kernel);
            }
        }
        Set<Array> read = java.util.Collections.newSetFromMap(new IdentityHashMap<>());
        rest.forEach(l -> read.addAll(l.source.arguments()));
        made.forEach((a, b) -> {
            if (read.contains(a)) {
                resident.put(a, b);
                owned.add(b);
            } else {
                device.release(b);
            }
        });
    }

    private MemoryPlan plan(List<Launch> order) {
        SequencedMap<Array, int[]> lives = new LinkedHashMap<>();
        for (int i = 0; i < order.size(); i++) {
            for (Array a : order.get(i).source.arguments()) {
                if (resident.containsKey(a) || results.contains(a) || a.rule() instanceof Array.Given) {
                    continue;
                }
                int at = i;
                lives.computeIfAbsent(a, k -> new int[] {at, at})[1] = i;
            }
        }
        List<MemoryPlan.Life> list = lives.entrySet().stream()
                .map(e -> new MemoryPlan.Life(e.getKey(), e.getValue()[0], e.getValue()[1]))
                .toList();
        MemoryPlan p =
                MemoryPlan.of(list, device.info().alignment(), device.info().largestBuffer());
        if (p.bytes() > device.info().memory()) {
            throw new OutOfMemoryError("the program needs " + (p.bytes() >> 20) + " MiB of the device "
                    + device.info().id()
                    + ", which has " + (device.info().memory() >> 20) + " MiB; the largest tensors are "
                    + largest(list) + ": use a smaller batch");
        }
        return p;
    }

    private static String largest(List<MemoryPlan.Life> lives) {
        return String.join(
                ", ",
                lives.stream()
                        .map(MemoryPlan.Life::array)
                        .sorted(Comparator.comparingLong(Array::bytes).reversed())
                        .limit(3)
                        .map(Array::toString)
                        .toList());
    }

    public Schedule schedule() {
        return schedule;
    }

    /** What a run launches, in order. */
    public List<Launch> launches() {
        return launches;
    }

    /** Bytes for what lives between kernels. */
    public long memory() {
        return plan.bytes();
    }

    /** An execution to use by one thread; give it back. */
    public Execution borrow() {
        synchronized (this) {
            if (closed) {
                throw new IllegalStateException("the program is closed: compile again");
            }
            Execution e = idle.poll();
            if (e != null) {
                return e;
            }
        }
        return new Execution(this);
    }

    public void giveBack(Execution e) {
        synchronized (this) {
            if (!closed && idle.size() < IDLE) {
                idle.push(e);
                return;
            }
        }
        e.close();
    }

    OpenClDevice device() {
        return device;
    }

    MemoryPlan plan() {
        return plan;
    }

    @Nullable
    Long resident(Array a) {
        return resident.get(a);
    }

    boolean isResult(Array a) {
        return results.contains(a);
    }

    private void release() {
        owned.forEach(device::release);
        owned.clear();
    }

    /** Executions in use close when they are given back. */
    @Override
    public void close() {
        List<Execution> drop;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            drop = List.copyOf(idle);
            idle.clear();
        }
        drop.forEach(Execution::close);
        release();
    }
}
