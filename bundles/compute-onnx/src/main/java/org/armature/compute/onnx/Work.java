package org.armature.compute.onnx;

import java.util.Set;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * About how much a graph computes, which decides how it is run. Below a limit a second thread costs more than it takes over: the small policy of {@code
 * armature bench} (80 thousand multiplications) takes 7.8 us on one thread and 15.5 us on two.
 */
final class Work {
    private static final long SMALL = 1_000_000;
    /** A second of a few cores: allocating costs nothing beside it. */
    private static final long LARGE = 100_000_000_000L;

    /** Operators whose cost is not to be told from the size of their output. */
    private static final Set<String> OTHERS =
            Set.of("ConvTranspose", "Einsum", "DFT", "STFT", "LSTM", "GRU", "RNN", "Attention", "TopK");

    private Work() {}

    /** True if one thread is enough. */
    static boolean isSmall(Graph g) {
        long sum = 0;
        for (Node n : g.nodes()) {
            long operations = operations(n);
            if (operations < 0 || (sum += operations) >= SMALL) {
                return false;
            }
        }
        return true;
    }

    /** True if memory matters more than the time it takes to get it. */
    static boolean isLarge(Graph g) {
        return g.nodes().stream().mapToLong(Work::operations).filter(n -> n > 0).sum() >= LARGE;
    }

    /** Multiplications or elements, -1 if unknown. */
    private static long operations(Node n) {
        if (!n.op().domain().isEmpty() || OTHERS.contains(n.type())) {
            return -1;
        }
        long elements = 0;
        for (Value v : n.outputs()) {
            if (v.isPresent() && !v.shape().isStatic()) {
                return -1;
            }
            elements += v.isPresent() ? v.shape().size() : 0;
        }
        return switch (n.type()) {
            case "MatMul" -> times(elements, n.input(0).shape(), -1);
            case "Gemm" -> times(elements, n.input(0).shape(), n.integer("transA", 0) == 0 ? 1 : 0);
            case "Conv" -> {
                Shape w = n.input(1).shape();
                yield w.isStatic() && w.dim(0) > 0 ? elements * (w.size() / w.dim(0)) : -1;
            }
            default -> { // reductions and windows read more than they write
                Shape x = n.input(0).shape();
                yield x.isStatic() ? Math.max(elements, x.size()) : -1;
            }
        };
    }

    private static long times(long elements, Shape a, int axis) {
        return a.isStatic() && a.rank() > 0 ? elements * a.dim(axis) : -1;
    }
}
