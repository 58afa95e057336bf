package org.armature.compute;

import java.util.Map;

/**
 * How to compile.
 *
 * @param threads threads of one run, at most; 0 lets the executor choose
 * @param optimization how much to rewrite for speed
 * @param cache whether an equal graph compiled before with the same options may be used again
 * @param device id of the device, empty for the executor's first
 * @param frozen parameters whose values never change for this program: they are built in and may be packed or folded.
 *     Faster inference, but the tensors must stay open and unchanged as long as the program
 */
public record CompileOptions(
        int threads, Optimization optimization, boolean cache, String device, Map<String, Tensor> frozen) {
    /** What may be rewritten. */
    public enum Optimization {
        /** As written: for comparing executors. */
        NONE,
        /** What leaves results equal to the last bits: folding, dead code. */
        BASIC,
        /** Fused kernels too. */
        ALL
    }

    public static final CompileOptions DEFAULT = new CompileOptions(0, Optimization.ALL, true, "", Map.of());

    public CompileOptions withThreads(int n) {
        return new CompileOptions(n, optimization, cache, device, frozen);
    }

    public CompileOptions with(Optimization o) {
        return new CompileOptions(threads, o, cache, device, frozen);
    }

    public CompileOptions withoutCache() {
        return new CompileOptions(threads, optimization, false, device, frozen);
    }

    public CompileOptions on(String device) {
        return new CompileOptions(threads, optimization, cache, device, frozen);
    }

    public CompileOptions freeze(Map<String, Tensor> parameters) {
        return new CompileOptions(threads, optimization, cache, device, parameters);
    }
}
