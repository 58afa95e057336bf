package org.armature.compute.opencl.device;

import java.util.List;
import org.armature.compute.opencl.codegen.Source;
import org.lwjgl.opencl.CL10;

/**
 * What a device can do at best, measured: multiply-adds that wait for nothing, and a copy larger than its caches.
 *
 * @param gflops 32-bit operations, a multiply-add counting two
 * @param gigabytes per second, read and written together
 */
public record Roof(double gflops, double gigabytes) {
    private static final int STEPS = 200_000;
    private static final int CHAINS = 12;
    private static final long COPIED = 64L << 20;

    /** Takes about half a second. */
    public static Roof measure(OpenClDevice device) {
        int items = device.info().units() * (device.isHost() ? 4 : 4096);
        int width = device.target().vector();
        StringBuilder chains = new StringBuilder();
        StringBuilder sum = new StringBuilder("x");
        for (int i = 0; i < CHAINS; i++) {
            chains.append("        c").append(i).append(" = fma(c").append(i).append(", x, y);\n");
            sum.append(" + c").append(i);
        }
        String id = device.target().id(0);
        StringBuilder start = new StringBuilder();
        for (int i = 0; i < CHAINS; i++) {
            start.append("    float" + width + " c")
                    .append(i)
                    .append(" = x + ")
                    .append(i)
                    .append(".0f;\n");
        }
        int steps = device.isHost() ? STEPS : STEPS / 100;
        Source fma = new Source(
                "peak",
                List.of("__global float" + width + "* restrict a"),
                "    const float" + width + " x = a[" + id + "];\n    const float" + width + " y = x * 0.5f;\n"
                        + start
                        + "    for (int i = 0; i < " + steps + "; ++i) {\n" + chains
                        + "    }\n    a[" + id + "] = "
                        + sum + ";\n",
                List.of(),
                new long[] {items},
                device.isHost());
        long n = COPIED / 4;
        long each = device.isHost() ? 1 << 16 : 1;
        Source copy = new Source(
                "copy",
                List.of("__global float* restrict a"),
                "    const size_t from = " + id + " * " + each + ";\n    for (size_t i = from; i < from + " + each
                        + "; ++i) {\n        a[i + " + n + "] = a[i] + 1.0f;\n    }\n",
                List.of(),
                new long[] {n / each},
                device.isHost());
        long buffer = device.allocate(2 * COPIED, "measuring the roof");
        try {
            double flops = 2.0 * width * CHAINS * steps * items;
            return new Roof(flops / best(device, fma, buffer) * 1e-9, 2.0 * COPIED / best(device, copy, buffer) * 1e-9);
        } finally {
            device.release(buffer);
        }
    }

    private static double best(OpenClDevice device, Source source, long buffer) {
        long kernel = device.kernel(source);
        try {
            OpenClException.check("clSetKernelArg", CL10.clSetKernelArg1p(kernel, 0, buffer));
            double best = Double.POSITIVE_INFINITY;
            for (int i = 0; i < 6; i++) {
                long event = device.enqueue(kernel, source, true);
                device.finish();
                best = Math.min(best, OpenClDevice.seconds(event));
            }
            return best;
        } finally {
            CL10.clReleaseKernel(kernel);
        }
    }
}
