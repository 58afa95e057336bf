package org.armature.compute.opencl;

import static org.armature.graph.Ops.complexMul;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.dft;
import static org.armature.graph.Ops.pad;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.squeeze;
import static org.armature.graph.Ops.unsqueeze;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops.Window;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;

/** Fourier transforms against the plain executor, which sums in double. */
class FourierTest extends OnDevice {
    /** Lengths that are dense, in two stages, and without suitable factors; all directions; the axis anywhere. */
    @Test
    void transformsAgreeWithTheReference() {
        List<Integer> lengths = List.of(200, 509, 512, 720, 768, 1018, 1024, 1025, 1155, 1536);
        Random random = new Random(1);
        for (int trial = 0; trial < (Boolean.getBoolean("armature.long") ? 400 : 12); trial++) {
            int length = lengths.get(random.nextInt(lengths.size()));
            boolean inverse = random.nextBoolean();
            boolean onesided = random.nextBoolean();
            int parts = inverse && onesided ? 2 : 1 + random.nextInt(2);
            int points = switch (random.nextInt(3)) {
                case 0 -> length;
                case 1 -> 1 + random.nextInt(length);
                default -> length + random.nextInt(7);
            };
            if (inverse && onesided) {
                points = length / 2 + 1;
            }
            int axis = random.nextInt(3);
            long[] shape = {1 + random.nextInt(2), 1 + random.nextInt(2), 1 + random.nextInt(2), parts};
            shape[axis] = points;
            if (onesided && !inverse) {
                parts = 1;
                shape[3] = 1;
            }
            DType type = trial % 4 == 3 ? DType.DOUBLE : DType.FLOAT;
            check(trial, transform(type, shape, axis, length, inverse, onesided));
        }
    }

    /** In two stages, in three, by a chirp; against sums in double, and there and back. */
    @Test
    void longTransformsKeepSixDigits() {
        for (long length : new long[] {1 << 14, 4099, 8198, 1 << 16}) {
            thereAndBack(length, 1);
            thereAndBack(length, 2);
        }
    }

    private static void thereAndBack(long length, int parts) {
        Graph.Builder b = Graph.builder("long");
        Value there = dft(b.input("x", Shape.of(1, length, parts)), 1, length, false, parts == 1);
        Value back = dft(there, 1, length, true, parts == 1);
        Graph g = b.output("there", there).output("back", back).build();
        Map<String, Tensor> given = Comparison.drawn(g, length);
        Tensor x = given.get("x");
        try (Program p = executor.compile(g)) {
            Map<String, Tensor> y = p.run(given);
            Comparison.same(x, y.get("back"), 2e-6, () -> "there and back, " + length + " points, " + parts + " parts");
            double norm = Math.sqrt(length * parts);
            for (long k = 0; k < y.get("there").size() / 2; k += length / 30) {
                double re = 0;
                double im = 0;
                for (long i = 0; i < length; i++) {
                    double angle = -2 * Math.PI * (i * k % length) / length;
                    double imaginary = parts == 2 ? x.get(2 * i + 1) : 0;
                    re += x.get(i * parts) * Math.cos(angle) - imaginary * Math.sin(angle);
                    im += x.get(i * parts) * Math.sin(angle) + imaginary * Math.cos(angle);
                }
                assertEquals(re, y.get("there").get(2 * k), 2e-6 * norm, length + " points");
                assertEquals(im, y.get("there").get(2 * k + 1), 2e-6 * norm, length + " points");
            }
        }
    }

    private static Graph transform(DType type, long[] shape, int axis, long length, boolean inverse, boolean onesided) {
        Graph.Builder b = Graph.builder("transform");
        return b.output("y", dft(b.input("x", type, Shape.of(shape)), axis, length, inverse, onesided))
                .build();
    }

    /** Spectra of halves and of whole ones, multiplied and transformed back. */
    @Test
    void convolutionsByTransforms() {
        check(1, convolution(256, 512, true));
        check(2, convolution(256, 512, false));
        check(3, convolution(300, 600, true));
        check(4, convolution(1024, 2048, true));
        check(5, Comparison.derived(convolution(256, 512, true), List.of("x", "k")));
        check(6, Comparison.derived(convolution(256, 511, true), List.of("x", "k")));
    }

    private static Graph convolution(long taps, long length, boolean half) {
        Graph.Builder b = Graph.builder("convolution");
        Value x = b.input("x", Shape.of(2, 1, 3, taps));
        Value k = b.input("k", Shape.of(1, 3, taps));
        Value y = complexMul(spectrum(x, length, half), spectrum(k, length, half));
        Value back = dft(y, 3, half ? length : -1, true, half);
        return b.output("y", slice(squeeze(slice(back, 4, 0, 1), -1), 3, 0, taps))
                .build();
    }

    private static Value spectrum(Value x, long length, boolean half) {
        long[] pads = new long[2 * x.rank()];
        pads[pads.length - 1] = length - x.shape().dim(-1);
        return dft(unsqueeze(pad(x, 0.0, pads), -1), x.rank() - 1, -1, false, half);
    }

    /** Every kind of group and padding, and both derivatives. */
    @Test
    void longConvolutionsAgreeWithTheReference() {
        Random random = new Random(2);
        for (int trial = 0; trial < (Boolean.getBoolean("armature.long") ? 100 : 6); trial++) {
            long groups = 1 + random.nextInt(3);
            long channels = trial % 2 == 0 ? 1 : 1 + random.nextInt(4);
            long rows = 1 + random.nextInt(2);
            long taps = 200 + random.nextInt(300);
            long before = random.nextInt((int) taps + 20);
            long after = random.nextInt((int) taps);
            long length = Math.max(taps - before - after + 1, 1) + 150 + random.nextInt(300);
            Graph.Builder b = Graph.builder("long");
            Value y = conv(
                    b.input("x", Shape.of(1 + random.nextInt(3), groups * channels, length)),
                    b.parameter("w", DType.FLOAT, Shape.of(groups * rows, channels, taps)),
                    Value.none(),
                    Window.of(1).pads(before, after).group((int) groups));
            Graph g = b.output("y", y).build();
            check(trial, trial % 4 < 2 ? Comparison.derived(g, List.of("x", "w")) : g);
        }
    }

    private static void check(long seed, Graph g) {
        Comparison.agree(executor, g, seed, 2e-6);
    }
}
