package org.armature.compute;

import java.util.Collection;
import java.util.List;
import org.armature.graph.Graph;
import org.armature.graph.Value;

/**
 * Which derivatives to compute.
 *
 * @param of names of the outputs differentiated; each gets an input {@code cotangent.<output>} of its type and shape, unless
 *     it is in {@code ones}
 * @param wrt names of the inputs and parameters to differentiate by
 * @param ones those of {@code of} whose cotangent is the constant 1 (a loss)
 * @param keep names of outputs to compute as well
 * @param memoryBytes budget for what the forward part keeps for the backward part; more is computed again. 0 is no budget
 */
public record GradientRequest(
        List<String> of, List<String> wrt, List<String> ones, List<String> keep, long memoryBytes) {
    /** Prefix of the extra inputs. */
    public static final String COTANGENT = "cotangent.";
    /** Prefix of the outputs that hold derivatives. */
    public static final String GRADIENT = "grad.";

    public GradientRequest {
        of = List.copyOf(of);
        wrt = List.copyOf(wrt);
        ones = List.copyOf(ones);
        keep = List.copyOf(keep);
    }

    /** Of every given output with a cotangent input each, keeping all outputs. */
    public static GradientRequest of(Graph graph, Collection<String> outputs, Collection<String> wrt) {
        return new GradientRequest(
                List.copyOf(outputs),
                List.copyOf(wrt),
                List.of(),
                List.copyOf(graph.outputs().keySet()),
                0);
    }

    /** Of one scalar output, the loss, by every floating parameter, keeping all outputs. */
    public static GradientRequest ofLoss(Graph graph, String loss) {
        return new GradientRequest(
                List.of(loss),
                graph.parameters().stream()
                        .filter(v -> v.dtype().isFloating())
                        .map(Value::name)
                        .toList(),
                List.of(loss),
                List.copyOf(graph.outputs().keySet()),
                0);
    }

    public GradientRequest withMemory(long bytes) {
        return new GradientRequest(of, wrt, ones, keep, bytes);
    }
}
