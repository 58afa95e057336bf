package org.armature.terminator;

import java.util.ArrayList;
import java.util.List;
import org.armature.model.Config;

/**
 * A Terminator's sizes, spelled as the official configuration spells them; the defaults are its CIFAR network.
 *
 * @param classes numbers out
 * @param size height and width of the image: global kernels are as large
 * @param last channels out of the last block
 * @param runningStatistics whether evaluation uses statistics gathered in training, instead of those of its own batch as
 *     the official code does
 */
record TerminatorConfig(int classes, int size, int last, List<Block> blocks, boolean runningStatistics) {
    /** Where kernels are made: hidden width and layers of a slow net. */
    record Slow(int hidden, int layers) {}

    /**
     * One SFNE block.
     *
     * @param in channels in
     * @param factor channels out over channels in
     * @param local sizes of the four local kernels
     * @param earlier how many earlier outputs are mixed in: 0, 1 or 2
     * @param omega frequency of the slow nets' first layers, for initialisation
     */
    record Block(
            int in,
            int factor,
            int size,
            Slow global,
            Slow context,
            Slow channel,
            Slow hyperChannel,
            Slow hyperSpatial,
            long[] local,
            int earlier,
            double dropout,
            double omega) {
        int out() {
            return in * factor;
        }
    }

    static TerminatorConfig of(Config c) {
        Config net = c.section("net");
        Config block = net.section("block");
        long[] in = block.integers("in_channel", 3, 12, 36, 72, 144);
        long[] factors = block.integers("bottleneck_factors", 4, 3, 2, 2, 2);
        long[] earlier = block.integers("num_concat_pre", 0, 0, 1, 1, 2);
        int n = net.integer("no_blocks", in.length);
        same("in_channel", in.length, n);
        same("bottleneck_factors", factors.length, n);
        same("num_concat_pre", earlier.length, n);
        double[] dropout = net.numbers("dropout", 0, 0.05, 0.05, 0.05, 0.05);
        same("dropout", dropout.length, n);
        int size = c.integer("image_size", 32);
        double omega = c.number("omega_0", 2000);
        Config g = c.section("kernel_g");
        long[] depths = g.integers("num_layers_list", 3, 2, 2, 2, 2);
        same("num_layers_list", depths.length, n);
        square(g, size);
        Config l = c.section("kernel_l");
        long[] local = l.integers("sizes", 3, 9, 5, 7);
        if (local.length != 4) {
            throw new IllegalArgumentException("config key kernel_l.sizes has " + local.length + " numbers: give four");
        }
        for (long k : local) {
            if (k < 1 || k % 2 == 0) {
                throw new IllegalArgumentException("config key kernel_l.sizes has " + k
                        + ": local kernels have an odd size, so that they have a centre");
            }
        }
        Slow context = slow(l, 32, 2);
        Slow channel = slow(c.section("kernel_gc"), 32, 2);
        Slow hyperChannel = slow(c.section("kernel_gc_hi"), 16, 2);
        Config gs = c.section("kernel_gs_hi");
        Slow hyperSpatial = slow(gs, 64, 2);
        square(gs, size);
        int hidden = g.integer("no_hidden", 64);
        List<Block> blocks = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            Block b = new Block(
                    (int) in[i],
                    (int) factors[i],
                    size,
                    new Slow(hidden, (int) depths[i]),
                    context,
                    channel,
                    hyperChannel,
                    hyperSpatial,
                    local,
                    (int) earlier[i],
                    dropout[i],
                    omega);
            check(i, b, blocks);
            blocks.add(b);
        }
        int last = net.integer("final_no_hidden", blocks.getLast().out());
        if (last != blocks.getLast().out()) {
            throw new IllegalArgumentException("config key net.final_no_hidden is " + last
                    + ", but the last block gives " + blocks.getLast().out() + " channels: make them equal");
        }
        String statistics = c.text("statistics", "batch");
        if (!statistics.equals("batch") && !statistics.equals("running")) {
            throw new IllegalArgumentException(
                    "config key statistics is \"" + statistics + "\": there are batch and running");
        }
        return new TerminatorConfig(
                c.integer("classes", 10), size, last, List.copyOf(blocks), statistics.equals("running"));
    }

    private static Slow slow(Config c, int hidden, int layers) {
        Slow s = new Slow(c.integer("no_hidden", hidden), c.integer("num_layers", layers));
        if (s.hidden < 1 || s.layers < 0) {
            throw new IllegalArgumentException("a slow net has " + s.hidden + " hidden units and " + s.layers
                    + " layers: give no_hidden above 0 and num_layers of 0 or more");
        }
        return s;
    }

    /** Keys the official configuration has and the image's size decides. */
    private static void square(Config kernel, int size) {
        int own = kernel.integer("size", size);
        if (own != size && own != -1) {
            throw new IllegalArgumentException("global hyper-kernel is " + own + "x" + own + ", image is " + size + "x"
                    + size + ": make config keys size and image_size equal");
        }
    }

    private static void same(String key, int have, int want) {
        if (have != want) {
            throw new IllegalArgumentException(
                    "config key " + key + " has " + have + " numbers for " + want + " blocks: give one for each");
        }
    }

    private static void check(int i, Block b, List<Block> before) {
        if (i > 0 && before.getLast().out() != b.in) {
            throw new IllegalArgumentException("block " + i + " takes " + b.in + " channels, but block " + (i - 1)
                    + " gives " + before.getLast().out() + ": make in_channel fit bottleneck_factors");
        }
        if (b.out() % Norms.GROUPS != 0) {
            throw new IllegalArgumentException("block " + i + " gives " + b.out()
                    + " channels, which is no multiple of " + Norms.GROUPS
                    + ": its mixed normalisation has so many groups");
        }
        if (b.earlier < 0
                || b.earlier > 2
                || b.earlier >= i + 1 && b.earlier > 0
                || i - 1 - b.earlier < 0 && b.earlier > 0) {
            throw new IllegalArgumentException("block " + i + " mixes in " + b.earlier
                    + " earlier outputs: it can have 0 to " + Math.clamp(i - 1L, 0, 2));
        }
        for (int e = 1; e <= b.earlier; e++) {
            int channels = before.get(i - 1 - e).out();
            if (b.in % channels != 0) {
                throw new IllegalArgumentException(
                        "block " + i + " has " + b.in + " channels, which is no multiple of the " + channels
                                + " of block " + (i - 1 - e) + " that is mixed in: change bottleneck_factors");
            }
        }
    }
}
