package org.armature.compute.opencl.device;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.armature.compute.opencl.codegen.Source;
import org.armature.compute.opencl.codegen.Unit;
import org.lwjgl.PointerBuffer;
import org.lwjgl.opencl.CL10;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.system.MemoryUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kernels built for a device, in {@link Unit units}. Equal sources are built once; programs share them. The cache knows of each
 * kernel in which unit it is, and of each unit its source and, where the driver keeps none by itself, its binary.
 */
final class Kernels implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Kernels.class);
    private static final String OPTIONS = "-cl-std=CL1.2 -cl-mad-enable -w";
    private static final String FORMAT = "unit 2";

    /** A unit grows to so many kernels, or so many characters: then its build takes more than linear time. */
    private static final int MOST = 24;

    private static final int LONGEST = 100_000;

    private final Devices.Info info;
    private final long context;
    private final long queue;
    private final BinaryCache cache;
    private final Path failures;
    /** The item that is taken next, zero between kernels: those of a queue run one after the other. */
    private final long next;

    private final Map<String, Entry> entries = new HashMap<>();
    private final List<Long> programs = new ArrayList<>();

    /** Where a kernel is. {@code pointers} is what the unit's kernel takes before the number, or -1 if it is a kernel itself. */
    private record Entry(long program, int number, int pointers) {}

    Kernels(Devices.Info info, long context, long queue, BinaryCache cache, Path failures) {
        this.info = info;
        this.context = context;
        this.queue = queue;
        this.cache = cache;
        this.failures = failures;
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer code = stack.mallocInt(1);
            next = CL10.clCreateBuffer(
                    context, CL10.CL_MEM_READ_WRITE | CL10.CL_MEM_COPY_HOST_PTR, stack.callocInt(1), code);
            OpenClException.check("clCreateBuffer", code.get(0));
        }
    }

    /** PoCL's own cache holds what it built; a binary of it has every kernel built once more, for groups of any size. */
    private boolean keepsBinaries() {
        return info.id().startsWith("pocl");
    }

    /** Builds what is not known yet. */
    void prepare(Collection<Source> sources) {
        SequencedMap<String, Source> open = new LinkedHashMap<>();
        for (Source s : sources) {
            String key = key(s.text());
            if (!entries.containsKey(key) && !isKept(key)) {
                open.put(key, s);
            }
        }
        SequencedMap<String, Source> unit = new LinkedHashMap<>();
        int length = 0;
        for (Map.Entry<String, Source> e : open.entrySet()) {
            unit.put(e.getKey(), e.getValue());
            length += e.getValue().body().length();
            if (unit.size() == MOST || length >= LONGEST) {
                build(unit);
                unit.clear();
                length = 0;
            }
        }
        if (!unit.isEmpty()) {
            build(unit);
        }
    }

    /** A kernel of its own whose first arguments are the source's. The caller releases it. */
    long kernel(Source source) {
        String key = key(source.text());
        if (!entries.containsKey(key)) {
            prepare(List.of(source));
        }
        Entry e = entries.get(key);
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer code = stack.mallocInt(1);
            boolean joined = e.pointers >= 0;
            long kernel = CL10.clCreateKernel(e.program, joined ? Unit.JOINED : Unit.name(e.number), code);
            OpenClException.check("clCreateKernel " + source.name(), code.get(0));
            if (joined) {
                choose(kernel, source.parameters().size(), e);
                take(kernel, e, source.items(0), source.items(1), source.count());
            }
            return kernel;
        }
    }

    private static void choose(long kernel, int from, Entry e) {
        for (int i = from; i < e.pointers; i++) {
            OpenClException.check("clSetKernelArg", CL10.nclSetKernelArg(kernel, i, Long.BYTES, 0));
        }
        OpenClException.check("clSetKernelArg", CL10.clSetKernelArg1i(kernel, e.pointers, e.number));
    }

    /** The items of a grid, the first dimension's one after the other. */
    private void take(long kernel, Entry e, long... grid) {
        int i = e.pointers + 1;
        for (long n : grid) {
            OpenClException.check("clSetKernelArg", CL10.clSetKernelArg1i(kernel, i++, Math.toIntExact(n)));
        }
        OpenClException.check("clSetKernelArg", CL10.clSetKernelArg1p(kernel, i, next));
    }

    private String key(String text) {
        return key(info, FORMAT, OPTIONS, text);
    }

    static String key(Devices.Info info, String... texts) {
        try {
            MessageDigest d = MessageDigest.getInstance("SHA-256");
            for (String s : Stream.concat(Stream.of(info.name(), info.version(), info.driver()), Stream.of(texts))
                    .toList()) {
                d.update(s.getBytes(StandardCharsets.UTF_8));
                d.update((byte) 0);
            }
            return HexFormat.of().formatHex(d.digest(), 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    // ---- what is kept ----------------------------------------------------------------------------------------------

    /** A unit in the cache: its kernels' keys, pointers of its joined kernel, source, and binary or nothing. */
    private record Kept(List<String> keys, int pointers, String text, byte[] binary) {
        byte[] bytes() {
            byte[] head = (String.join(" ", keys) + "\n" + pointers + "\n").getBytes(StandardCharsets.UTF_8);
            byte[] source = text.getBytes(StandardCharsets.UTF_8);
            return ByteBuffer.allocate(2 * Integer.BYTES + head.length + source.length + binary.length)
                    .putInt(head.length)
                    .putInt(source.length)
                    .put(head)
                    .put(source)
                    .put(binary)
                    .array();
        }

        static Kept of(byte[] bytes) {
            ByteBuffer b = ByteBuffer.wrap(bytes);
            byte[] head = new byte[b.getInt()];
            byte[] source = new byte[b.getInt()];
            b.get(head).get(source);
            byte[] binary = new byte[b.remaining()];
            b.get(binary);
            String[] lines = new String(head, StandardCharsets.UTF_8).split("\n");
            return new Kept(
                    List.of(lines[0].split(" ")),
                    Integer.parseInt(lines[1]),
                    new String(source, StandardCharsets.UTF_8),
                    binary);
        }
    }

    /** Brings a kernel's unit from the cache; false if it is not there or of no use. */
    private boolean isKept(String key) {
        byte[] name = cache.read(key);
        byte[] bytes = name == null ? null : cache.read(new String(name, StandardCharsets.UTF_8));
        if (bytes == null) {
            return false;
        }
        Kept kept = Kept.of(bytes);
        long program = keepsBinaries() ? fromSource(kept.text) : fromBinary(kept.binary);
        if (program == 0) {
            LOG.info("the kept unit {} is of no use: built again", key);
            return false;
        }
        add(kept.keys, kept.pointers, program);
        return entries.containsKey(key);
    }

    private void add(List<String> keys, int pointers, long program) {
        programs.add(program);
        for (int i = 0; i < keys.size(); i++) {
            entries.putIfAbsent(keys.get(i), new Entry(program, i, pointers));
        }
    }

    // ---- building --------------------------------------------------------------------------------------------------

    private void build(SequencedMap<String, Source> unit) {
        List<Source> sources = List.copyOf(unit.values());
        List<String> keys = List.copyOf(unit.keySet());
        boolean joined = info.cpu();
        String text = Unit.text(sources, joined);
        int pointers = joined ? Unit.pointers(sources) : -1;
        long program = fromSource(text);
        if (program == 0) {
            program = fromSource(text); // where signals are not chained (Signals), the next try may hold
        }
        if (program == 0) {
            throw blame(sources);
        }
        add(keys, pointers, program);
        if (joined) {
            finish(program, pointers);
        }
        String name = key(text);
        cache.write(name, new Kept(keys, pointers, text, keepsBinaries() ? new byte[0] : binary(program)).bytes());
        keys.forEach(k -> cache.write(k, name.getBytes(StandardCharsets.UTF_8)));
    }

    /** PoCL makes machine code when a kernel runs first: that is part of building. No function has the number -1. */
    private void finish(long program, int pointers) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer code = stack.mallocInt(1);
            long kernel = CL10.clCreateKernel(program, Unit.JOINED, code);
            OpenClException.check("clCreateKernel " + Unit.JOINED, code.get(0));
            try {
                Entry none = new Entry(program, -1, pointers);
                choose(kernel, 0, none);
                take(kernel, none, 1, 1, 0);
                PointerBuffer one = stack.pointers(1);
                OpenClException.check(
                        "building on " + info.name(),
                        CL10.clEnqueueNDRangeKernel(queue, kernel, 1, null, one, one, null, null));
                OpenClException.check("clFinish on " + info.name(), CL10.clFinish(queue));
            } finally {
                CL10.clReleaseKernel(kernel);
            }
        }
    }

    /** 0 if it does not compile. */
    private long fromSource(String text) {
        long program = create(text);
        if (CL10.clBuildProgram(program, info.handle(), OPTIONS, null, 0) != 0) {
            CL10.clReleaseProgram(program);
            return 0;
        }
        return program;
    }

    private long create(String text) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer code = stack.mallocInt(1);
            long program = CL10.clCreateProgramWithSource(context, text, code);
            OpenClException.check("clCreateProgramWithSource", code.get(0));
            return program;
        }
    }

    /** Names the kernel because of which a unit does not compile. */
    private RuntimeException blame(List<Source> sources) {
        for (Source s : sources) {
            String text = s.text();
            long program = create(text);
            try {
                int code = CL10.clBuildProgram(program, info.handle(), OPTIONS, null, 0);
                if (code != 0) {
                    return failed(s.name(), text, log(program), code);
                }
            } finally {
                CL10.clReleaseProgram(program);
            }
        }
        return failed(Unit.JOINED, Unit.text(sources, info.cpu()), "its kernels compile one by one", 0);
    }

    /** 0 if the driver does not take it. */
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

    private RuntimeException failed(String name, String text, String log, int code) {
        Path file = failures.resolve("failed-" + name + "-" + key(text) + ".cl");
        try {
            Files.createDirectories(failures);
            Files.writeString(
                    file,
                    text + "\n/* " + info.name() + ", " + info.version() + ", " + info.driver() + ", error " + code
                            + "\n" + log.replace("*/", "* /") + "\n*/\n");
            return new UnsupportedOperationException("kernel " + name + " does not compile on " + info.name()
                    + ": source and log are in " + file + "; use the executor onnx");
        } catch (IOException e) {
            return new UnsupportedOperationException("kernel " + name + " does not compile on " + info.name()
                    + ", and its source could not be kept (" + e.getMessage() + "): use the executor onnx");
        }
    }

    @Override
    public void close() {
        programs.forEach(CL10::clReleaseProgram);
        programs.clear();
        entries.clear();
        CL10.clReleaseMemObject(next);
    }
}
