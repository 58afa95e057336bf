package org.armature.compute.opencl.device;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.armature.compute.opencl.codegen.Source;
import org.armature.compute.opencl.codegen.Target;
import org.lwjgl.PointerBuffer;
import org.lwjgl.opencl.CL10;
import org.lwjgl.opencl.CL11;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.system.MemoryUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A device with its context, its in-order queue and the kernels built for it. Equal sources are built once; programs share
 * them.
 */
public final class OpenClDevice implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(OpenClDevice.class);

    private final Devices.Info info;
    private final BinaryCache cache;
    private final Path failures;
    private final long context;
    private final long queue;
    private final Map<String, Long> programs = new HashMap<>();
    private boolean closed;

    /**
     * @param cache where built kernels are kept between processes
     * @param failures folder for sources that did not compile
     */
    public OpenClDevice(Devices.Info info, BinaryCache cache, Path failures) {
        this.info = info;
        this.cache = cache;
        this.failures = failures;
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
        }
    }

    public Devices.Info info() {
        return info;
    }

    public Target target() {
        return new Target(info.cpu(), info.doubles());
    }

    /** Whether kernels work on the host's memory itself. */
    public boolean isHost() {
        return info.cpu();
    }

    // ---- kernels ---------------------------------------------------------------------------------------------------

    /** A kernel of its own, built unless it is known. The caller releases it. */
    synchronized long kernel(Source source) {
        if (closed) {
            throw new IllegalStateException("the device " + info.id() + " is closed: look the executor up again");
        }
        long program = programs.computeIfAbsent(source.text(), t -> build(source));
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer code = stack.mallocInt(1);
            long kernel = CL10.clCreateKernel(program, source.name(), code);
            OpenClException.check("clCreateKernel " + source.name(), code.get(0));
            return kernel;
        }
    }

    private String key(String text) {
        try {
            MessageDigest d = MessageDigest.getInstance("SHA-256");
            for (String s : new String[] {info.name(), info.version(), info.driver(), text}) {
                d.update(s.getBytes(StandardCharsets.UTF_8));
                d.update((byte) 0);
            }
            return HexFormat.of().formatHex(d.digest(), 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private long build(Source source) {
        String key = key(source.text());
        byte[] kept = cache.read(key);
        if (kept != null) {
            long program = fromBinary(kept);
            if (program != 0) {
                return program;
            }
            cache.forget(key);
            LOG.info("the kept binary of kernel {} is of no use: built again", source.name());
        }
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer code = stack.mallocInt(1);
            long program = CL10.clCreateProgramWithSource(context, source.text(), code);
            OpenClException.check("clCreateProgramWithSource", code.get(0));
            int built = CL10.clBuildProgram(program, info.handle(), "-cl-std=CL1.2 -cl-mad-enable -w", null, 0);
            if (built != 0) {
                String log = log(program);
                CL10.clReleaseProgram(program);
                throw failed(source, key, log, built);
            }
            cache.write(key, binary(program));
            return program;
        }
    }

    private long fromBinary(byte[] kept) {
        ByteBuffer b = MemoryUtil.memAlloc(kept.length);
        try (MemoryStack stack = MemoryStack.stackPush()) {
            b.put(kept).flip();
            IntBuffer code = stack.mallocInt(1);
            IntBuffer status = stack.mallocInt(1);
            long program = CL10.clCreateProgramWithBinary(
                    context, stack.pointers(info.handle()), new ByteBuffer[] {b}, status, code);
            if (code.get(0) != 0 || status.get(0) != 0) {
                return 0;
            }
            if (CL10.clBuildProgram(program, info.handle(), "", null, 0) != 0) {
                CL10.clReleaseProgram(program);
                return 0;
            }
            return program;
        } finally {
            MemoryUtil.memFree(b);
        }
    }

    private static byte[] binary(long program) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            PointerBuffer size = stack.mallocPointer(1);
            OpenClException.check(
                    "clGetProgramInfo", CL10.clGetProgramInfo(program, CL10.CL_PROGRAM_BINARY_SIZES, size, null));
            int n = Math.toIntExact(size.get(0));
            ByteBuffer b = MemoryUtil.memAlloc(Math.max(1, n));
            try {
                PointerBuffer p = stack.pointers(MemoryUtil.memAddress(b));
                OpenClException.check(
                        "clGetProgramInfo", CL10.clGetProgramInfo(program, CL10.CL_PROGRAM_BINARIES, p, null));
                byte[] bytes = new byte[n];
                b.get(0, bytes);
                return bytes;
            } finally {
                MemoryUtil.memFree(b);
            }
        }
    }

    private String log(long program) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            PointerBuffer size = stack.mallocPointer(1);
            CL10.clGetProgramBuildInfo(program, info.handle(), CL10.CL_PROGRAM_BUILD_LOG, (ByteBuffer) null, size);
            ByteBuffer b = MemoryUtil.memAlloc((int) Math.max(1, size.get(0)));
            try {
                CL10.clGetProgramBuildInfo(program, info.handle(), CL10.CL_PROGRAM_BUILD_LOG, b, null);
                return MemoryUtil.memUTF8(b).replace("\0", "");
            } finally {
                MemoryUtil.memFree(b);
            }
        }
    }

    private RuntimeException failed(Source source, String key, String log, int code) {
        Path file = failures.resolve("failed-" + source.name() + "-" + key + ".cl");
        try {
            Files.createDirectories(failures);
            Files.writeString(
                    file,
                    source.text() + "\n/* " + info.name() + ", " + info.version() + ", " + info.driver() + ", error "
                            + code + "\n" + log.replace("*/", "* /") + "\n*/\n");
            return new UnsupportedOperationException("kernel " + source.name() + " does not compile on " + info.name()
                    + ": source and log are in " + file + "; use the executor onnx");
        } catch (IOException e) {
            return new UnsupportedOperationException("kernel " + source.name() + " does not compile on " + info.name()
                    + ", and its source could not be kept (" + e.getMessage() + "): use the executor onnx");
        }
    }

    // ---- memory ----------------------------------------------------------------------------------------------------

    /** Device memory; the caller releases it. */
    long allocate(long bytes, String what) {
        return create(CL10.CL_MEM_READ_WRITE, bytes, 0, what);
    }

    /** Memory of the host that kernels work on directly; only where {@link #isHost}. The caller releases it. */
    long wrap(MemorySegment host, String what) {
        return create(CL10.CL_MEM_READ_WRITE | CL10.CL_MEM_USE_HOST_PTR, host.byteSize(), host.address(), what);
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

    static void release(long buffer) {
        CL10.clReleaseMemObject(buffer);
    }

    // ---- running ---------------------------------------------------------------------------------------------------

    /** Queues a kernel whose arguments are set. Returns the event, to be released, if {@code timed}; else 0. */
    long enqueue(long kernel, Source source, boolean timed) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            PointerBuffer global = stack.pointers(source.global());
            PointerBuffer local = null;
            if (source.local() > 0) {
                local = stack.mallocPointer(source.global().length);
                for (int i = 0; i < local.limit(); i++) {
                    local.put(i, source.local());
                }
            }
            PointerBuffer event = timed ? stack.mallocPointer(1) : null;
            OpenClException.check(
                    "kernel " + source.name() + " on " + info.name(),
                    CL10.clEnqueueNDRangeKernel(
                            queue, kernel, source.global().length, null, global, local, null, event));
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
        programs.values().forEach(CL10::clReleaseProgram);
        programs.clear();
        CL10.clReleaseCommandQueue(queue);
        CL10.clReleaseContext(context);
    }
}
