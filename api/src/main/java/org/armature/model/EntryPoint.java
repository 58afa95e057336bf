package org.armature.model;

import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.osgi.annotation.versioning.ConsumerType;
import org.osgi.annotation.versioning.ProviderType;

/**
 * The named things a module can do with tensors, and what {@code armature verify} calls. Service with {@code armature.id} =
 * the module's id (of {@code specs}).
 *
 * <p>An entry that is a network overrides {@link #graph} and nothing else: running it and its derivatives follow. An entry
 * that computes on the host, runs several graphs, or trains, overrides {@link #call}. Executors are never handled here.
 */
@ConsumerType
public interface EntryPoint {
    /** Names of the entries, as cases spell them: {@code forward}, {@code block_fft}. */
    Set<String> entries();

    /**
     * The entry as one graph for the invocation's configuration and the shapes of its inputs and parameters, if it is one.
     * Input names are those of {@code inv.inputs()}, parameter names those of {@code inv.parameters()}, outputs the entry's.
     */
    default Optional<Graph> graph(Invocation inv) {
        return Optional.empty();
    }

    /**
     * Computes the entry's outputs.
     *
     * @return named tensors, the caller's to close
     * @throws UnsupportedOperationException for something that is not there yet: reported as skipped with this reason
     */
    default Map<String, Tensor> call(Invocation inv) {
        return inv.run(graph(inv)
                .orElseThrow(() -> new UnsupportedOperationException("entry " + inv.entry() + " is not implemented")));
    }

    /**
     * Derivatives of {@code L} by inputs and parameters. {@code L} is {@code sum(out * cotangent.out)} over the outputs that
     * have such an input, or {@code sum(out * cotangent)} for the only differentiable output or the one called {@code out},
     * or without any cotangent the output called {@code loss}. Override where the loss is another.
     *
     * @param names what to differentiate by; {@code input:x} is input {@code x} where a parameter might be meant
     * @return by the given names; the caller's to close
     */
    default Map<String, Tensor> gradients(Invocation inv, Collection<String> names) {
        return inv.gradients(
                graph(inv)
                        .orElseThrow(() -> new UnsupportedOperationException(
                                "entry " + inv.entry() + " is not a graph and brings no derivatives")),
                names);
    }

    /** One call of an entry: what it is given, and the means to run graphs. */
    @ProviderType
    interface Invocation {
        String entry();

        Config config();

        /** Weights by their official names; empty if the case has none. */
        Parameters parameters();

        /** Inputs by name, cotangents among them. */
        Map<String, Tensor> inputs();

        /** Where the case or checkpoint lies, for files beside it that are no tensors (merges of a tokenizer). */
        default Optional<Path> folder() {
            return Optional.empty();
        }

        /** The input of that name; throws {@link IllegalArgumentException} if it is missing. */
        default Tensor input(String name) {
            Tensor t = inputs().get(name);
            if (t == null) {
                throw Parameters.missing(name, inputs().keySet());
            }
            return t;
        }

        /** Runs a graph with the inputs and parameters of the same names. */
        default SequencedMap<String, Tensor> run(Graph graph) {
            return run(graph, Map.of());
        }

        /** Runs a graph; tensors given here come before inputs and parameters of the same name. */
        SequencedMap<String, Tensor> run(Graph graph, Map<String, Tensor> given);

        /** Derivatives of a graph as {@link EntryPoint#gradients} defines them. */
        Map<String, Tensor> gradients(Graph graph, Collection<String> names);

        /** What {@link #run} computes on; for modules that train or search and compile once. */
        Executor executor();
    }
}
