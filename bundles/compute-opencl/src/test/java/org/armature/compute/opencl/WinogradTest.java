package org.armature.compute.opencl;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.transpose;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import org.armature.compute.opencl.codegen.Target;
import org.armature.compute.opencl.lower.Lowering;
import org.armature.compute.opencl.schedule.Kernel;
import org.armature.compute.opencl.schedule.Schedule;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops.Window;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;

/** Convolutions with fewer multiplications, against the plain executor; and where they must not be taken. */
class WinogradTest extends OnDevice {
    // ---- taken -----------------------------------------------------------------------------------------------------

    /** The derivative by the image is such a convolution, too. */
    @Test
    void padded() {
        derived(2, convolution(new Image(2, 16, 12, 32), 20, 3, same(), Epilogue.NONE));
    }

    /** Windows that are no multiple of a vector: the last ones of a line are transformed twice. */
    @Test
    void linesThatEndWithinAVector() {
        derived(2, convolution(new Image(1, 17, 6, 28), 33, 3, same(), Epilogue.NONE));
        values(1, convolution(new Image(1, 16, 8, 22), 16, 3, same(), Epilogue.NONE));
        values(1, convolution(new Image(3, 16, 16, 8), 16, 3, same(), Epilogue.NONE));
    }

    @Test
    void withoutPadding() {
        values(1, convolution(new Image(2, 16, 10, 34), 16, 3, Window.of(2), Epilogue.NONE));
    }

    /** A bias, a residual connection and an activation are in the same kernel. */
    @Test
    void withWhatFollows() {
        derived(2, convolution(new Image(2, 16, 8, 16), 16, 3, same(), Epilogue.RESIDUAL));
    }

    @Test
    void channelsLast() {
        values(1, convolution(new Image(2, 16, 8, 32), 24, 3, same(), Epilogue.CHANNELS_LAST));
    }

    // ---- not taken -------------------------------------------------------------------------------------------------

    @Test
    void otherwiseAProduct() {
        Window plain = Window.of(2);
        none(new Image(1, 16, 9, 32), 16, 3, same()); // an odd number of lines
        none(new Image(1, 16, 8, 31), 16, 3, same());
        none(new Image(1, 16, 8, 6), 16, 3, same()); // three windows a line
        none(new Image(1, 3, 8, 32), 16, 3, same());
        none(new Image(1, 16, 8, 32), 4, 3, same());
        none(new Image(1, 16, 8, 32), 16, 1, plain);
        none(new Image(1, 16, 8, 32), 16, 3, same().stride(2));
        none(new Image(1, 16, 8, 32), 16, 3, plain.pad(2).dilations(2, 2));
        none(new Image(1, 32, 8, 32), 32, 3, same().group(2));
    }

    // ---- how -------------------------------------------------------------------------------------------------------

    private record Image(long batch, long channels, long height, long width) {}

    private enum Epilogue {
        NONE,
        RESIDUAL,
        CHANNELS_LAST
    }

    private static Window same() {
        return Window.of(2).pad(1);
    }

    private static Graph convolution(Image i, long rows, long kernel, Window w, Epilogue after) {
        Graph.Builder b = Graph.builder("convolution");
        Value x = b.input("x", Shape.of(i.batch, i.channels, i.height, i.width));
        Value weight = b.parameter("weight", DType.FLOAT, Shape.of(rows, i.channels / w.group(), kernel, kernel));
        Value bias = b.parameter("bias", DType.FLOAT, Shape.of(rows));
        Value y = conv(x, weight, bias, w);
        return b.output(
                        "y",
                        switch (after) {
                            case NONE -> y;
                            case RESIDUAL -> relu(add(y, x));
                            case CHANNELS_LAST -> transpose(y, 0, 2, 3, 1);
                        })
                .build();
    }

    private static void none(Image i, long rows, long kernel, Window w) {
        Graph g = convolution(i, rows, kernel, w, Epilogue.NONE).flat();
        Schedule s = Schedule.of(Lowering.lower(g, Set.of()), new Target(true, true, 16, 2, 1, 0), true);
        assertTrue(s.kernels().stream().noneMatch(Kernel.Convolving.class::isInstance), s::toString);
    }

    private static void derived(int kernels, Graph g) {
        values(kernels / 2, g);
        values(
                kernels,
                Comparison.derived(g, Comparison.sources(g).map(Value::name).toList()));
    }

    private static void values(int kernels, Graph g) {
        Comparison.check(executor, Kernel.Convolving.class, kernels, g, Comparison.drawn(g, 5));
    }
}
