package org.armature.train;

import org.armature.compute.Tensor;

/**
 * Random numbers as a function of a seed and a counter: nothing to store, nothing that depends on how often it was asked
 * before. The generator is SplitMix64 (Steele, Lea, Flood 2014), the same on every machine.
 */
public final class Draw {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private long state;

    private Draw(long state) {
        this.state = state;
    }

    /** A stream of its own for each tuple of keys. */
    public static Draw of(long seed, long... keys) {
        long s = mix(seed + GOLDEN);
        for (long k : keys) {
            s = mix(s ^ mix(k + GOLDEN));
        }
        return new Draw(s);
    }

    /** A stream of its own for a name. */
    public static Draw of(long seed, String name) {
        long h = 0;
        for (int i = 0; i < name.length(); i++) {
            h = 31 * h + name.charAt(i);
        }
        return of(seed, h);
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    public long next() {
        state += GOLDEN;
        return mix(state);
    }

    /** Uniform in [0, 1). */
    public double uniform() {
        return (next() >>> 11) * 0x1p-53;
    }

    /** Standard normal (Box-Muller). */
    public double normal() {
        return Math.sqrt(-2 * StrictMath.log(1 - uniform())) * StrictMath.cos(2 * Math.PI * uniform());
    }

    /** Uniform in [0, bound), without bias beyond 2^-64. */
    public long below(long bound) {
        return Math.unsignedMultiplyHigh(next(), bound);
    }

    /** Fills with uniform numbers in [low, high). */
    public void uniform(Tensor t, double low, double high) {
        for (long i = 0; i < t.size(); i++) {
            t.set(i, low + (high - low) * uniform());
        }
    }

    /** Fills with normal numbers. */
    public void normal(Tensor t, double mean, double deviation) {
        for (long i = 0; i < t.size(); i++) {
            t.set(i, mean + deviation * normal());
        }
    }

    /** 0 .. n-1 in a random order (Fisher-Yates). */
    public long[] permutation(int n) {
        long[] p = new long[n];
        for (int i = 0; i < n; i++) {
            int j = (int) below(i + 1L);
            p[i] = p[j];
            p[j] = i;
        }
        return p;
    }
}
