package org.armature.compute.opencl.device;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.opencl.ir.Array;
import org.jspecify.annotations.Nullable;
import org.lwjgl.opencl.CL10;

/** Memory and kernels for running a {@link Compiled} program, one run at a time. */
public final class Execution implements AutoCloseable {
    private final Compiled program;
    private final OpenClDevice device;
    private final List<Long> buffers = new ArrayList<>();
    private final List<Long> kernels = new ArrayList<>();
    private final Map<Array, Long> regions = new IdentityHashMap<>();

    Execution(Compiled program) {
        this.program = program;
        this.device = program.device();
        try {
            List<Long> chunks = new ArrayList<>();
            for (long bytes : program.plan().chunks()) {
                long b = device.allocate(bytes, "intermediate results");
                buffers.add(b);
                chunks.add(b);
            }
            program.plan().places().forEach((a, p) -> {
                long r = device.region(chunks.get(p.chunk()), p.offset(), p.bytes());
                regions.put(a, r);
                buffers.add(r);
            });
            for (Compiled.Launch l : program.launches()) {
                long kernel = device.kernel(l.source());
                kernels.add(kernel);
                int i = 0;
                for (Array a : l.source().arguments()) {
                    Long b = program.resident(a) != null ? program.resident(a) : regions.get(a);
                    if (b != null) {
                        OpenClException.check("clSetKernelArg", CL10.clSetKernelArg1p(kernel, i, b));
                    }
                    i++;
                }
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** Inputs and outputs in the memory of a caller, attached to the kernels' arguments until closed. */
    public final class Attached implements AutoCloseable {
        private final Map<Array, Long> attached = new IdentityHashMap<>();
        private final Map<Array, MemorySegment> up = new IdentityHashMap<>();
        private final Map<Array, MemorySegment> down = new IdentityHashMap<>();
        private final Map<MemorySegment, MemorySegment> copies = new IdentityHashMap<>();
        private final Arena arena = Arena.ofShared();

        private Attached(Map<Array, MemorySegment> inputs, Map<Array, MemorySegment> outputs) {
            try {
                inputs.forEach((a, m) -> attach(a, m, true));
                outputs.forEach((a, m) -> attach(a, m, false));
                int k = 0;
                for (Compiled.Launch l : program.launches()) {
                    int i = 0;
                    for (Array a : l.source().arguments()) {
                        Long b = attached.get(a);
                        if (b != null) {
                            OpenClException.check("clSetKernelArg", CL10.clSetKernelArg1p(kernels.get(k), i, b));
                        }
                        i++;
                    }
                    k++;
                }
            } catch (RuntimeException | Error e) {
                close();
                throw e;
            }
        }

        private void attach(Array a, MemorySegment m, boolean in) {
            if (device.isHost() && m.byteSize() > 0) {
                MemorySegment host = m;
                if (!m.isNative()) {
                    host = arena.allocate(m.byteSize(), 64);
                    copies.put(m, host);
                    (in ? up : down).put(a, m);
                }
                attached.put(a, device.wrap(host, a.toString()));
            } else {
                attached.put(a, device.allocate(a.bytes(), a.toString()));
                (in ? up : down).put(a, m);
            }
        }

        /** Computes; returns when the outputs are there. With a list, notes the time of each kernel. */
        public void run(@Nullable List<Compiled.Timing> timings) {
            up.forEach(this::copyIn);
            List<Long> events = new ArrayList<>();
            try {
                for (int k = 0; k < kernels.size(); k++) {
                    long event = device.enqueue(
                            kernels.get(k), program.launches().get(k).source(), timings != null);
                    if (timings != null) {
                        events.add(event);
                    }
                }
                down.forEach(this::copyOut);
            } catch (RuntimeException | Error e) {
                events.forEach(CL10::clReleaseEvent);
                throw e;
            } finally {
                device.finish();
            }
            down.forEach((a, m) -> {
                MemorySegment host = copies.get(m);
                if (host != null) {
                    m.copyFrom(host);
                }
            });
            if (timings != null) {
                for (int k = 0; k < events.size(); k++) {
                    timings.add(new Compiled.Timing(program.launches().get(k), OpenClDevice.seconds(events.get(k))));
                }
            }
        }

        private void copyIn(Array a, MemorySegment m) {
            if (m.byteSize() == 0) {
                return;
            }
            if (m.isNative()) {
                device.write(buffer(a), m);
                return;
            }
            MemorySegment host = copies.computeIfAbsent(m, k -> arena.allocate(k.byteSize(), 64));
            host.copyFrom(m);
            if (!device.isHost()) {
                device.write(buffer(a), host);
            }
        }

        private void copyOut(Array a, MemorySegment m) {
            if (m.byteSize() == 0) {
                return;
            }
            if (m.isNative()) {
                device.read(buffer(a), m);
            } else if (!device.isHost()) {
                device.read(buffer(a), copies.computeIfAbsent(m, k -> arena.allocate(k.byteSize(), 64)));
            }
        }

        private long buffer(Array a) {
            Long b = attached.get(a);
            if (b == null) {
                throw new IllegalStateException(a + " is not attached");
            }
            return b;
        }

        @Override
        public void close() {
            attached.values().forEach(device::release);
            attached.clear();
            if (arena.scope().isAlive()) {
                arena.close();
            }
        }
    }

    /**
     * Attaches memory.
     *
     * @param inputs of every input that is not frozen
     * @param outputs of every output that a kernel writes
     */
    public Attached attach(Map<Array, MemorySegment> inputs, Map<Array, MemorySegment> outputs) {
        return new Attached(inputs, outputs);
    }

    @Override
    public void close() {
        kernels.forEach(CL10::clReleaseKernel);
        kernels.clear();
        buffers.reversed().forEach(device::release);
        buffers.clear();
    }
}
