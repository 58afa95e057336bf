package org.armature.compute.opencl.device;

import java.lang.foreign.MemorySegment;
import java.nio.IntBuffer;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.armature.compute.opencl.codegen.Blocks;
import org.armature.compute.opencl.codegen.Source;
import org.armature.compute.opencl.codegen.Target;
import org.armature.compute.opencl.schedule.Kernel;
import org.lwjgl.PointerBuffer;
import org.lwjgl.opencl.CL10;
import org.lwjgl.opencl.CL11;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.system.MemoryUtil;

/**
 * A device with its context, its in-order queue and the kernels built for it. Equal sources are built once; programs share
 * them.
 */
public final class OpenClDevice implements AutoCloseable {
    private final Devices.Info info;
    private final long context;
    private final long queue;
    private final Kernels kernels;
    private final Tuner tuner;
    private final Map<Long, Long> huge = new ConcurrentHashMap<>();
    private boolean closed;

    /**
     * @param cache where built kernels are kept between processes
     * @param failures folder for sources that did not compile
     */
    public OpenClDevice(Devices.Info info, BinaryCache cache, Path failures) {
        this.info = info;
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer code = stack.mallocInt(1);
            PointerBuffer properties = stack.pointers(CL10.CL_CONTEXT_PLATFORM, info.platform(), 0);
            context = CL10.clCreateContext(properties, info.handle(), null, 0, code);
            OpenClException.check("clCreateContext on " + info.name(), code.get(0));
            queue = CL10.clCreateCommandQueue(context, info.handle(), CL10.CL_QUEUE_PROFILING_ENABLE, code);
            if (code.get(0) != 0) {
                CL10.clReleaseContext(context);
            }
            OpenClException.check("clCreateCommandQueue on " + info.name(), code.get(0));
            kernels = new Kernels(info, context, queue, cache, failures);
            tuner = new Tuner(this, cache);
        }
    }

    public Devices.Info info() {
        return info;
    }

    public Target target() {
        return new Target(info.cpu(), info.doubles(), info.vector(), info.units(), info.group(), info.local());
    }

    /** Whether kernels work on the host's memory itself. */
    public boolean isHost() {
        return info.cpu();
    }

    // ---- kernels ---------------------------------------------------------------------------------------------------

    /** Builds what is not known yet of these; together, which is many times faster than one by one. */
    synchronized void prepare(Collection<Source> sources) {
        open().prepare(sources);
    }

    /** A kernel of its own, built unless it is known. The caller releases it. */
    synchronized long kernel(Source source) {
        return open().kernel(source);
    }

    /** The blocks of products for which others than the usual ones are better; no more than one program is tuned at a time. */
    synchronized Map<Kernel, Blocks> blocks(List<Kernel> all, Tuning tuning) {
        open();
        return tuner.blocks(all, tuning);
    }

    /** Name in the cache of what belongs to this device, its driver and version. */
    String key(String format, String text) {
        return Kernels.key(info, format, text);
    }

    private Kernels open() {
        if (closed) {
            throw new IllegalStateException("the device " + info.id() + " is closed: look the executor up again");
        }
        return kernels;
    }

    // ---- memory ----------------------------------------------------------------------------------------------------

    /** Device memory; the caller releases it. */
    long allocate(long bytes, String what) {
        long host = isHost() ? HugePages.allocate(bytes) : 0;
        if (host == 0) {
            return create(CL10.CL_MEM_READ_WRITE, bytes, 0, what);
        }
        try {
            long b = wrap(host, bytes, what);
            huge.put(b, host);
            return b;
        } catch (RuntimeException | Error e) {
            HugePages.free(host);
            throw e;
        }
    }

    /** Memory of the host that kernels work on directly; only where {@link #isHost}. The caller releases it. */
    long wrap(MemorySegment host, String what) {
        return wrap(host.address(), host.byteSize(), what);
    }

    private long wrap(long host, long bytes, String what) {
        return create(CL10.CL_MEM_READ_WRITE | CL10.CL_MEM_USE_HOST_PTR, bytes, host, what);
    }

    private long create(long flags, long bytes, long host, String what) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer code = stack.mallocInt(1);
            long b = CL10.nclCreateBuffer(context, flags, Math.max(1, bytes), host, MemoryUtil.memAddress(code));
            memory(code.get(0), bytes, what);
            return b;
        }
    }

    /** A part of a buffer; the caller releases it. */
    long region(long buffer, long offset, long bytes) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer code = stack.mallocInt(1);
            PointerBuffer region = stack.pointers(offset, Math.max(1, bytes));
            long b = CL11.nclCreateSubBuffer(
                    buffer,
                    CL10.CL_MEM_READ_WRITE,
                    Devices.REGION,
                    MemoryUtil.memAddress(region),
                    MemoryUtil.memAddress(code));
            OpenClException.check("clCreateSubBuffer", code.get(0));
            return b;
        }
    }

    private void memory(int code, long bytes, String what) {
        if (code == 0) {
            return;
        }
        OpenClException e = new OpenClException("clCreateBuffer", code);
        if (e.isMemory()) {
            OutOfMemoryError error = new OutOfMemoryError("the device " + info.id() + " has no memory for " + what
                    + " of " + bytes + " bytes: use a smaller batch, or close other programs");
            error.initCause(e);
            throw error;
        }
        throw e;
    }

    void write(long buffer, MemorySegment from) {
        OpenClException.check(
                "clEnqueueWriteBuffer",
                CL10.nclEnqueueWriteBuffer(queue, buffer, CL10.CL_FALSE, 0, from.byteSize(), from.address(), 0, 0, 0));
    }

    void read(long buffer, MemorySegment to) {
        OpenClException.check(
                "clEnqueueReadBuffer",
                CL10.nclEnqueueReadBuffer(queue, buffer, CL10.CL_FALSE, 0, to.byteSize(), to.address(), 0, 0, 0));
    }

    /** Releases memory that no kernel in the queue uses any more; regions before what they are a part of. */
    void release(long buffer) {
        Long host = huge.remove(buffer);
        CL10.clReleaseMemObject(buffer);
        if (host != null) {
            HugePages.free(host);
        }
    }

    // ---- running ---------------------------------------------------------------------------------------------------

    /** Queues a kernel whose arguments are set. Returns the event, to be released, if {@code timed}; else 0. */
    long enqueue(long kernel, Source source, boolean timed) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            // A work-item a core takes the items of a CPU's kernel.
            PointerBuffer global = source.taken()
                    ? stack.pointers(Math.min(source.count(), info.units()))
                    : stack.pointers(source.items());
            PointerBuffer local =
                    source.taken() ? stack.pointers(1) : source.group() > 0 ? stack.pointers(source.group()) : null;
            PointerBuffer event = timed ? stack.mallocPointer(1) : null;
            OpenClException.check(
                    "kernel " + source.name() + " on " + info.name(),
                    CL10.clEnqueueNDRangeKernel(queue, kernel, global.limit(), null, global, local, null, event));
            return event == null ? 0 : event.get(0);
        }
    }

    /** Waits until what has been queued is done. */
    void finish() {
        OpenClException.check("clFinish on " + info.name(), CL10.clFinish(queue));
    }

    /** Seconds a kernel ran; releases its event. */
    static double seconds(long event) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            java.nio.LongBuffer t = stack.mallocLong(1);
            CL10.clGetEventProfilingInfo(event, CL10.CL_PROFILING_COMMAND_START, t, null);
            long start = t.get(0);
            CL10.clGetEventProfilingInfo(event, CL10.CL_PROFILING_COMMAND_END, t, null);
            CL10.clReleaseEvent(event);
            return (t.get(0) - start) * 1e-9;
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        CL10.clFinish(queue);
        kernels.close();
        CL10.clReleaseCommandQueue(queue);
        CL10.clReleaseContext(context);
    }
}
