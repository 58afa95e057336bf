package org.armature.compute.opencl.codegen;

import java.util.List;
import java.util.function.Function;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.ir.Winograd;
import org.armature.compute.opencl.schedule.Kernel;

/**
 * A convolution by Winograd's algorithm. An item has some lines of windows of an image: it transforms them, {@code [point,
 * panel, channel, columns of a panel]}, adds up their products with the kernels, {@code [point, row, window]}, and transforms
 * these sums back, a line of results at a time.
 */
final class Convolving {
    private final Code code;
    private final Expressions top;
    private final Target target;
    private final Kernel.Convolving kernel;
    private final Winograd w;
    private final int vector;
    private final int height;
    private final long channels;
    private final long across;
    private final long lines;
    private final long vectors;
    private final long next;
    private final long panels;
    private final Scalar.Load kernels;
    private final long rows;
    private final Var image;
    private final Var line;
    private final Var place;

    Convolving(Code code, Expressions top, Target target, Kernel.Convolving kernel) {
        this.code = code;
        this.top = top;
        this.target = target;
        this.kernel = kernel;
        w = kernel.rule();
        vector = target.vector();
        height = target.tile(w.row().size());
        channels = w.channel().size();
        across = w.across();
        lines = w.together(vector);
        vectors = Math.ceilDiv(lines * across, vector);
        // An odd number of vectors from one row of windows to the next, so that rows begin all over the first cache.
        next = vectors + 1 - vectors % 2;
        panels = Math.ceilDiv(vectors, 2);
        kernels = (Scalar.Load) w.kernels();
        // Whole tiles.
        rows = kernels.array().dim(-1);
        image = new Var("image", w.image().dim(0));
        line = new Var("line", w.down() * Winograd.STEP);
        place = new Var("place", across * Winograd.STEP);
    }

    /** Writes the body; the items of each dimension. */
    long[] write() {
        code.line("const int first = %s * %d;", target.id(0), lines);
        code.line("const int image = %s;", target.id(1));
        code.line("float%d windows[%d];", vector, Winograd.POINTS * panels * channels * 2);
        code.line("float%d sums[%d];", vector, Winograd.POINTS * rows * next);
        transform();
        multiply();
        results();
        return new long[] {w.down() / lines, w.image().dim(0)};
    }

    /** Windows next to each other that are transformed together; the last ones end with the line. */
    private int neighbours() {
        return (int) Math.min(vector, Long.highestOneBit(across));
    }

    private void each(Runnable some) {
        int n = neighbours();
        code.open("for (int t = 0; t < %d; t += %d)", across, n);
        code.line("const int x = min(t, %d);", across - n);
        some.run();
        code.close();
    }

    private void transform() {
        Expressions e = top.inner();
        List<Var> at = List.of(
                image,
                w.channel(),
                new Var("window", w.image().dim(2)),
                new Var("left", w.image().dim(3)));
        e.bind(image, "image");
        e.bind(w.channel(), "c");
        e.bind(at.get(2), "(2 * (first + y))");
        e.bind(at.get(3), "2 * x");
        code.line("float%d points[%d];", vector, Winograd.POINTS * next);
        // What is past the last window is multiplied, too.
        code.open("for (int i = 0; i < %d; ++i)", Winograd.POINTS * next)
                .line("points[i] = 0;")
                .close();
        code.open("for (int c = 0; c < %d; ++c)", channels);
        code.open("for (int y = 0; y < %d; ++y)", lines);
        each(() -> code.line(
                "%s((float*)points + y * %d + x, %d, %s + %s, %d);",
                Helpers.winograd("windows", neighbours()),
                across,
                next * vector,
                e.pointer(w.image()),
                e.index(w.image().position(Index.of(at))),
                w.image().dim(3)));
        code.close();
        code.open("for (int p = 0; p < %d; ++p)", Winograd.POINTS);
        code.line("float%d* panel = windows + (p * %d + c) * 2;", vector, panels * channels);
        for (long v = 0; v < vectors; v++) {
            code.line("panel[%d] = points[p * %d + %d];", v / 2 * channels * 2 + v % 2, next, v);
        }
        code.close().close();
    }

    private void multiply() {
        Expressions e = top.inner();
        e.bind(w.point(), "p");
        e.bind(w.channel(), "0");
        e.bind(w.row(), "r");
        code.open("for (int p = 0; p < %d; ++p)", Winograd.POINTS);
        code.open("for (int r = 0; r < %d; r += %d)", rows, height);
        code.line(
                "const float* left = (const float*)(size_t)(%s + %s);",
                e.pointer(kernels.array()), e.index(kernels.array().position(kernels.at())));
        for (long v = 0; v < vectors; v += 2) {
            code.line(
                    "%s(sums + (p * %d + r) * %d + %d, %d, left, 1, %d, windows + (p * %d + %d) * %d, 2, %d, 0);",
                    Helpers.tile(height, (int) Math.min(2, vectors - v), vector),
                    rows,
                    next,
                    v,
                    next,
                    rows,
                    panels,
                    v / 2,
                    2 * channels,
                    channels);
        }
        code.close().close();
    }

    private void results() {
        long width = place.size();
        code.line("float lines[%d];", Winograd.STEP * width);
        code.open("for (int r = 0; r < %d; ++r)", w.row().size());
        code.open("for (int y = 0; y < %d; ++y)", lines);
        each(() -> code.line(
                "%s(lines + 2 * x, %d, (const float*)sums + r * %d + y * %d + x, %d);",
                Helpers.winograd("results", neighbours()), width, next * vector, across, rows * next * vector));
        code.open("for (int i = 0; i < %d; ++i)", Winograd.STEP);
        code.line("#pragma clang loop vectorize_width(%d)", vector);
        code.open("for (int j = 0; j < %d; ++j)", width);
        Expressions e = top.inner();
        e.bind(w.row(), "r");
        e.bind(image, "image");
        e.bind(line, "(2 * (first + y) + i)");
        e.bind(place, "j");
        e.register(kernel.product(), "lines[i * " + width + " + j]");
        Function<Var, Index> there =
                Scalar.replace(List.of(w.column()), List.of(Index.linear(List.of(image, line, place))));
        for (Kernel.Store s : kernel.stores()) {
            e.store(s.array(), s.position().substitute(there), e.value(Scalar.substitute(s.body(), there)));
        }
        code.close().close().close().close();
    }
}
