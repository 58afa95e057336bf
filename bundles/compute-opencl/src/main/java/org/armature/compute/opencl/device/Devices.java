package org.armature.compute.opencl.device;

import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import org.lwjgl.PointerBuffer;
import org.lwjgl.opencl.CL;
import org.lwjgl.opencl.CL10;
import org.lwjgl.opencl.CL11;
import org.lwjgl.system.Configuration;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.system.MemoryUtil;

/** Finds the devices of every installed OpenCL platform. */
public final class Devices {
    private static boolean loaded;

    private Devices() {}

    /**
     * A device as it describes itself.
     *
     * @param id short: {@code pocl}, {@code nvidia:0}
     * @param cpu whether it gets the kernels for CPUs, on the host's memory
     * @param group work-items of a work-group at most
     * @param local bytes of memory a work-group shares
     */
    public record Info(
            String id,
            String name,
            String version,
            String driver,
            long platform,
            long handle,
            boolean cpu,
            boolean doubles,
            int vector,
            int units,
            int group,
            long local,
            long memory,
            long largestBuffer,
            int alignment) {
        /** The same device with the kernels for GPUs. */
        public Info asGpu() {
            return new Info(
                    id,
                    name + " as a GPU",
                    version,
                    driver,
                    platform,
                    handle,
                    false,
                    doubles,
                    vector,
                    units,
                    group,
                    local,
                    memory,
                    largestBuffer,
                    alignment);
        }
    }

    /**
     * All devices, the preferred first: GPUs before CPUs, those with more compute units before others.
     *
     * @param library file name of the OpenCL loader, empty for the usual ones
     * @throws IllegalStateException in one sentence, if there is no loader or no device
     */
    public static synchronized List<Info> find(String library) {
        load(library);
        List<Info> all = new ArrayList<>();
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer n = stack.mallocInt(1);
            int code = CL10.clGetPlatformIDs(null, n);
            if (code == 0 && n.get(0) > 0) {
                PointerBuffer platforms = stack.mallocPointer(n.get(0));
                OpenClException.check("clGetPlatformIDs", CL10.clGetPlatformIDs(platforms, (IntBuffer) null));
                for (int p = 0; p < platforms.limit(); p++) {
                    ofPlatform(platforms.get(p), all);
                }
            }
        }
        if (all.isEmpty()) {
            throw new IllegalStateException(
                    "OpenCL off: the loader is there, but no device: install a driver (an ICD), e.g."
                            + " pocl-opencl-icd for CPUs");
        }
        all.sort((a, b) -> a.cpu() != b.cpu() ? (a.cpu() ? 1 : -1) : Integer.compare(b.units(), a.units()));
        return List.copyOf(all);
    }

    private static void load(String library) {
        if (loaded) {
            return;
        }
        List<String> names = library.isEmpty() ? List.of("libOpenCL.so.1", "libOpenCL.so", "OpenCL") : List.of(library);
        for (String name : names) {
            try {
                CL.create(name);
                loaded = true;
                return;
            } catch (UnsatisfiedLinkError e) {
                // The next name may be there.
            } catch (IllegalStateException e) {
                loaded = true; // before: the bundle of LWJGL outlives a redeployment of this one
                return;
            }
        }
        throw new IllegalStateException(
                "OpenCL off: " + names.getFirst()
                        + " not found: install an OpenCL loader (ocl-icd-libopencl1) and a driver, or set compute.opencl.library");
    }

    /** LWJGL shall not look for the library by itself, nor print. */
    static {
        Configuration.OPENCL_EXPLICIT_INIT.set(true);
    }

    private static void ofPlatform(long platform, List<Info> all) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            IntBuffer n = stack.mallocInt(1);
            if (CL10.clGetDeviceIDs(platform, CL10.CL_DEVICE_TYPE_ALL, null, n) != 0) {
                return;
            }
            PointerBuffer devices = stack.mallocPointer(n.get(0));
            OpenClException.check(
                    "clGetDeviceIDs",
                    CL10.clGetDeviceIDs(platform, CL10.CL_DEVICE_TYPE_ALL, devices, (IntBuffer) null));
            String vendor = platformText(platform, CL10.CL_PLATFORM_NAME);
            String stem = vendor.startsWith("Portable Computing Language")
                    ? "pocl"
                    : vendor.split("[ (]")[0].toLowerCase(java.util.Locale.ROOT);
            for (int i = 0; i < devices.limit(); i++) {
                long d = devices.get(i);
                boolean cpu = (number(d, CL10.CL_DEVICE_TYPE) & CL10.CL_DEVICE_TYPE_CPU) != 0;
                all.add(new Info(
                        devices.limit() == 1 && stem.equals("pocl") ? stem : stem + ":" + i,
                        text(d, CL10.CL_DEVICE_NAME),
                        text(d, CL10.CL_DEVICE_VERSION),
                        text(d, CL10.CL_DRIVER_VERSION),
                        platform,
                        d,
                        cpu,
                        text(d, CL10.CL_DEVICE_EXTENSIONS).contains("cl_khr_fp64"),
                        number(d, CL11.CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT) >= 16 ? 16 : 8,
                        (int) number(d, CL10.CL_DEVICE_MAX_COMPUTE_UNITS),
                        (int) number(d, CL10.CL_DEVICE_MAX_WORK_GROUP_SIZE),
                        number(d, CL10.CL_DEVICE_LOCAL_MEM_SIZE),
                        number(d, CL10.CL_DEVICE_GLOBAL_MEM_SIZE),
                        number(d, CL10.CL_DEVICE_MAX_MEM_ALLOC_SIZE),
                        (int) Math.max(128, number(d, CL10.CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8)));
            }
        }
    }

    private static long number(long device, int what) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            ByteBuffer b = stack.calloc(8, 8);
            OpenClException.check("clGetDeviceInfo", CL10.clGetDeviceInfo(device, what, b, null));
            return b.getLong(0);
        }
    }

    private static String text(long device, int what) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            PointerBuffer size = stack.mallocPointer(1);
            OpenClException.check("clGetDeviceInfo", CL10.clGetDeviceInfo(device, what, (ByteBuffer) null, size));
            ByteBuffer b = MemoryUtil.memAlloc((int) size.get(0));
            try {
                OpenClException.check("clGetDeviceInfo", CL10.clGetDeviceInfo(device, what, b, null));
                return MemoryUtil.memUTF8(b, b.remaining() - 1).trim();
            } finally {
                MemoryUtil.memFree(b);
            }
        }
    }

    private static String platformText(long platform, int what) {
        try (MemoryStack stack = MemoryStack.stackPush()) {
            PointerBuffer size = stack.mallocPointer(1);
            OpenClException.check("clGetPlatformInfo", CL10.clGetPlatformInfo(platform, what, (ByteBuffer) null, size));
            ByteBuffer b = stack.malloc((int) size.get(0));
            OpenClException.check("clGetPlatformInfo", CL10.clGetPlatformInfo(platform, what, b, null));
            return MemoryUtil.memUTF8(b, b.remaining() - 1).trim();
        }
    }

    /** Size of memory a region of a buffer takes. */
    static long aligned(long bytes, int alignment) {
        return (Math.max(bytes, 1) + alignment - 1) / alignment * alignment;
    }

    static final int REGION = CL11.CL_BUFFER_CREATE_TYPE_REGION;
}
