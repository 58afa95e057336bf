package org.armature.compute.opencl.codegen;

import java.util.List;

/**
 * Kernels that are built together, because most of what a build costs is paid once a program and once a kernel, not by length:
 * on PoCL a kernel of its own takes 100 to 180 ms, one more function of a kernel about 15.
 *
 * <p>On CPUs they are functions of one kernel {@value #JOINED}, which picks one and has a work-item for each core, which takes
 * item after item until none is left: shared out beforehand, they would wait for the slower core. On GPUs, where a kernel takes
 * the registers of its hungriest path and work-items are shared out in hardware, they are kernels of one program.
 */
public final class Unit {
    /** The kernel that picks a function. */
    public static final String JOINED = "unit";

    private static final String EACH = "#define EACH(work) while ((item = atomic_inc(next)) < items) { work; }\n";

    private Unit() {}

    /** Name of a kernel, or of a function, in a unit. */
    public static String name(int i) {
        return "k" + i;
    }

    /** Pointers the joined kernel takes before the number of the function. */
    public static int pointers(List<Source> sources) {
        return sources.stream().mapToInt(s -> s.parameters().size()).max().orElse(0);
    }

    /** The program. */
    public static String text(List<Source> sources, boolean joined) {
        StringBuilder all = new StringBuilder();
        sources.forEach(s -> all.append(s.body()));
        String bodies = all.toString();
        StringBuilder t = new StringBuilder(prologue(bodies)).append(Helpers.used(bodies));
        for (int i = 0; i < sources.size(); i++) {
            t.append(sources.get(i).function(name(i)));
        }
        if (joined) {
            t.append(EACH);
            t.append("__kernel void ").append(JOINED).append("(");
            for (int p = 0; p < pointers(sources); p++) {
                t.append("__global void* a").append(p).append(", ");
            }
            t.append("const int which, const int wide, const int high, const int items, __global int* next) {\n");
            t.append("    int item = -1;\n    switch (which) {\n");
            for (int i = 0; i < sources.size(); i++) {
                t.append("        case ")
                        .append(i)
                        .append(": EACH(")
                        .append(name(i))
                        .append("(");
                for (int p = 0; p < sources.get(i).parameters().size(); p++) {
                    t.append("a").append(p).append(", ");
                }
                t.append("item % wide, item / wide % high, item / wide / high)) break;\n");
            }
            // The last to find nothing left makes ready for the next kernel: each finds it once.
            t.append("    }\n    if (item == items + (int)get_global_size(0) - 1) *next = 0;\n}\n");
        }
        return t.toString();
    }

    static String prologue(String body) {
        return body.contains("double") ? "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n" : "";
    }
}
