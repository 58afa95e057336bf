package org.armature.compute.opencl;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.armature.autodiff.ReverseMode;
import org.armature.compute.GradientRequest;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.compute.opencl.device.Compiled;
import org.armature.compute.opencl.schedule.Kernel;
import org.armature.graph.Graph;
import org.armature.graph.Value;

/** A graph on a device against the plain executor, and whether the kernels are those that a test is about. */
final class Comparison {
    private Comparison() {}

    /** Inputs and parameters. */
    static Stream<Value> sources(Graph g) {
        return Stream.concat(g.inputs().stream(), g.parameters().stream());
    }

    /** Normally distributed values for every source. */
    static Map<String, Tensor> drawn(Graph g, long seed) {
        Random random = new Random(seed);
        Map<String, Tensor> given = new HashMap<>();
        sources(g).forEach(v -> {
            Tensor t = Tensor.zeros(v.type());
            for (long i = 0; i < t.size(); i++) {
                t.set(i, random.nextGaussian());
            }
            given.put(v.name(), t);
        });
        return given;
    }

    /** The graph with the derivatives of {@code y} by some of its sources. */
    static Graph derived(Graph g, List<String> sources) {
        return new ReverseMode()
                .gradients(
                        g,
                        new GradientRequest(
                                List.of("y"),
                                sources,
                                List.of(),
                                List.copyOf(g.outputs().keySet()),
                                0));
    }

    /** Every output within a hundred thousandth of the largest element; so many kernels of a kind. */
    static void check(
            OpenClExecutor executor, Class<? extends Kernel> kind, long kernels, Graph g, Map<String, Tensor> given) {
        Compiled c = agree(executor, g, given, 1e-5, "");
        assertEquals(
                kernels,
                c.launches().stream().filter(l -> kind.isInstance(l.kernel())).count(),
                () -> "kernels of " + kind.getSimpleName() + " in\n" + c.schedule());
    }

    /** Every output within a part of the largest element, for drawn sources; what was compiled. */
    static Compiled agree(OpenClExecutor executor, Graph g, long seed, double tolerance) {
        Map<String, Tensor> given = drawn(g, seed);
        try {
            return agree(executor, g, given, tolerance, ", seed " + seed);
        } finally {
            given.values().forEach(Tensor::close);
        }
    }

    private static Compiled agree(
            OpenClExecutor executor, Graph g, Map<String, Tensor> given, double tolerance, String drawn) {
        try (Program want = new ReferenceExecutor().compile(g);
                OpenClProgram have = (OpenClProgram) executor.compile(g)) {
            Map<String, Tensor> expected = want.run(given);
            have.run(given)
                    .forEach((name, t) ->
                            same(expected.get(name), t, tolerance, () -> "output " + name + drawn + " of\n" + g));
            return have.compiled();
        }
    }

    /** Elements differ by no more than a part of the largest. */
    static void same(Tensor want, Tensor have, double tolerance, Supplier<String> what) {
        double scale = 1e-3;
        for (long i = 0; i < want.size(); i++) {
            scale = Math.max(scale, Math.abs(want.get(i)));
        }
        for (long i = 0; i < want.size(); i++) {
            long at = i;
            assertEquals(want.get(i), have.get(i), tolerance * scale, () -> "element " + at + ", " + what.get());
        }
    }
}
