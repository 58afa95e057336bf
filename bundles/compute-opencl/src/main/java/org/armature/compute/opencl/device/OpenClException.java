package org.armature.compute.opencl.device;

import java.util.Map;

/** A call of OpenCL that failed. */
public final class OpenClException extends IllegalStateException {
    private static final long serialVersionUID = 1;
    private static final Map<Integer, String> NAMES = Map.ofEntries(
            Map.entry(-1, "no device found"),
            Map.entry(-2, "the device is not available"),
            Map.entry(-3, "there is no compiler"),
            Map.entry(-4, "out of device memory"),
            Map.entry(-5, "out of resources: memory, or a kernel that ran too long or read outside its arrays"),
            Map.entry(-6, "out of host memory"),
            Map.entry(-11, "the program does not compile"),
            Map.entry(-14, "a command it waited for failed"),
            Map.entry(-42, "the binary is invalid"),
            Map.entry(-54, "the size of a work-group is invalid"),
            Map.entry(-61, "the size of a buffer is invalid"),
            Map.entry(-1001, "no platform found"));

    private final int code;

    OpenClException(String call, int code) {
        super(call + " failed: " + NAMES.getOrDefault(code, "OpenCL error") + " (" + code + ")");
        this.code = code;
    }

    /** OpenCL's error code. */
    public int code() {
        return code;
    }

    boolean isMemory() {
        return code == -4 || code == -5 || code == -6 || code == -61;
    }

    static void check(String call, int code) {
        if (code != 0) {
            throw new OpenClException(call, code);
        }
    }
}
