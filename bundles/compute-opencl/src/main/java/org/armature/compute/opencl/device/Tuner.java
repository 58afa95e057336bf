package org.armature.compute.opencl.device;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.opencl.codegen.Blocks;
import org.armature.compute.opencl.codegen.Generator;
import org.armature.compute.opencl.codegen.Source;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.schedule.Kernel;
import org.jspecify.annotations.Nullable;
import org.lwjgl.opencl.CL10;

/**
 * Finds the blocks of products by measurement, for a bounded time: the longest products first, and what time does not suffice for is
 * left to the next program. What came out is kept on disk by device, driver, version and shapes.
 */
final class Tuner {
    private static final String FORMAT = "blocks 2";

    /** Shorter products are not worth measuring. */
    private static final double FLOPS = 2e8;

    /** Others must be so much faster than the usual blocks: less may be chance. */
    private static final double BETTER = 0.95;

    /** In so many rounds of turns; fewer decide nothing. */
    static final int ROUNDS = 9;

    /** And in all of them but one: where cores are shared, a median alone is often chance. */
    private static final int WON = 8;

    /** How long the rounds of a product that was begun may take, whatever its kernels took to build. */
    private static final long ROUNDS_NANOS = 500_000_000;

    private final OpenClDevice device;
    private final BinaryCache cache;
    private final Map<String, Found> known = new HashMap<>();

    /** The best of the usual blocks and so many others. */
    private record Found(Blocks blocks, int tried) {}

    Tuner(OpenClDevice device, BinaryCache cache) {
        this.device = device;
        this.cache = cache;
    }

    /** The blocks of each product, measured as far as the mode allows. */
    Map<Kernel, Blocks> blocks(List<Kernel> kernels, Tuning mode) {
        Map<Kernel, Blocks> all = new IdentityHashMap<>();
        if (mode.candidates() == 0 || !device.isHost()) {
            return all;
        }
        SequencedMap<String, Kernel.Tiles> open = new LinkedHashMap<>();
        kernels.stream()
                .filter(Kernel.Tiles.class::isInstance)
                .map(Kernel.Tiles.class::cast)
                .filter(k -> k.rule().flops() >= FLOPS)
                .sorted(Comparator.comparingDouble(k -> -k.rule().flops()))
                .filter(k -> !isKnown(shapes(k), mode))
                .forEach(k -> open.putIfAbsent(shapes(k), k));
        long end = System.nanoTime() + mode.budget().toNanos();
        int done = 0;
        for (Map.Entry<String, Kernel.Tiles> e : open.entrySet()) {
            if (System.nanoTime() > end) {
                mode.progress()
                        .accept(open.size() - done + " of " + open.size() + " kinds of products are not tuned yet");
                break;
            }
            keep(e.getKey(), new Found(best(e.getValue(), mode, end), mode.candidates()));
            done++;
            mode.progress()
                    .accept("tuned %d of %d: %s: %s"
                            .formatted(
                                    done,
                                    open.size(),
                                    e.getKey(),
                                    known.get(e.getKey()).blocks()));
        }
        for (Kernel k : kernels) {
            Found f = k instanceof Kernel.Tiles t ? known.get(shapes(t)) : null;
            if (f != null) {
                all.put(k, f.blocks());
            }
        }
        return all;
    }

    private String shapes(Kernel.Tiles k) {
        return Blocks.shapes(k, device.target());
    }

    // ---- what is kept ----------------------------------------------------------------------------------------------

    private boolean isKnown(String shapes, Tuning mode) {
        Found f = known.computeIfAbsent(shapes, s -> {
            byte[] kept = cache.read(device.key(FORMAT, s));
            return kept == null ? null : parsed(new String(kept, StandardCharsets.UTF_8));
        });
        return f != null && f.tried >= mode.candidates();
    }

    private static @Nullable Found parsed(String text) {
        String[] words = text.split(" ");
        try {
            Blocks b = new Blocks(Integer.parseInt(words[0]), Integer.parseInt(words[1]));
            return b.rows() > 0 && b.part() > 0 ? new Found(b, Integer.parseInt(words[2])) : null;
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            return null;
        }
    }

    private void keep(String shapes, Found f) {
        known.put(shapes, f);
        String text = f.blocks.rows() + " " + f.blocks.part() + " " + f.tried;
        cache.write(device.key(FORMAT, shapes), text.getBytes(StandardCharsets.UTF_8));
    }

    // ---- measuring -------------------------------------------------------------------------------------------------

    private Blocks best(Kernel.Tiles k, Tuning mode, long end) {
        List<Blocks> candidates = new ArrayList<>(List.of(Blocks.USUAL));
        SequencedMap<String, Source> sources = new LinkedHashMap<>();
        Source usual = Generator.generate(k, device.target(), Blocks.USUAL);
        sources.put(usual.body(), usual);
        for (Blocks b : Blocks.others()) {
            Source s = Generator.generate(k, device.target(), b);
            if (candidates.size() <= mode.candidates() && sources.putIfAbsent(s.body(), s) == null) {
                candidates.add(b);
            }
        }
        if (candidates.size() == 1) {
            return Blocks.USUAL;
        }
        device.prepare(sources.values());
        return candidates.get(best(measure(List.copyOf(sources.values()), end)));
    }

    /** Which is the best by rounds of times: the first one, unless another is surely faster. */
    static int best(List<double[]> rounds) {
        if (rounds.size() < ROUNDS) {
            return 0;
        }
        int best = 0;
        double least = BETTER;
        for (int i = 1; i < rounds.getFirst().length; i++) {
            int other = i;
            double[] ratios =
                    rounds.stream().mapToDouble(t -> t[other] / t[0]).sorted().toArray();
            if (ratios[WON - 1] < 1 && ratios[ROUNDS / 2] < least) {
                best = i;
                least = ratios[ROUNDS / 2];
            }
        }
        return best;
    }

    /** The seconds of each, in rounds in which they take turns. */
    private List<double[]> measure(List<Source> sources, long end) {
        List<double[]> rounds = new ArrayList<>();
        List<Long> buffers = new ArrayList<>();
        List<Long> kernels = new ArrayList<>();
        try {
            for (Array a : sources.getFirst().arguments()) {
                long b = device.allocate(a.bytes(), a.toString());
                buffers.add(b);
                fill(b, a.bytes());
            }
            for (Source s : sources) {
                long kernel = device.kernel(s);
                kernels.add(kernel);
                for (int i = 0; i < buffers.size(); i++) {
                    OpenClException.check("clSetKernelArg", CL10.clSetKernelArg1p(kernel, i, buffers.get(i)));
                }
            }
            round(kernels, sources); // to warm up
            long stop = Math.max(end, System.nanoTime() + ROUNDS_NANOS);
            while (rounds.size() < ROUNDS && System.nanoTime() < stop) {
                rounds.add(round(kernels, sources));
            }
            return rounds;
        } finally {
            kernels.forEach(CL10::clReleaseKernel);
            buffers.forEach(device::release);
        }
    }

    private double[] round(List<Long> kernels, List<Source> sources) {
        double[] seconds = new double[sources.size()];
        for (int i = 0; i < seconds.length; i++) {
            long event = device.enqueue(kernels.get(i), sources.get(i), true);
            device.finish();
            seconds[i] = OpenClDevice.seconds(event);
        }
        return seconds;
    }

    /** Memory that was never written is one page of zeros, which would lie in the first cache. */
    private void fill(long buffer, long bytes) {
        if (bytes == 0) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment m = arena.allocate(bytes, 64);
            for (long i = 0; i + Float.BYTES <= bytes; i += Float.BYTES) {
                m.set(ValueLayout.JAVA_FLOAT, i, (i % 1021) * 1e-3f - 0.5f);
            }
            device.write(buffer, m);
            device.finish();
        }
    }
}
