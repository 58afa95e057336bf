package org.armature.autodiff;

import java.util.List;
import org.armature.graph.DType;
import org.armature.graph.Node;
import org.armature.graph.Rewriter;
import org.armature.graph.Value;

/** Forward nodes that are asked for more outputs than the graph used, because the backward part needs them. */
final class Extras {
    private Extras() {}

    /** Copies a node, with its extra outputs if it has any; returns all outputs of the copy. */
    static List<Value> copy(Node n, Rewriter r) {
        int count = count(n);
        if (count <= n.outputs().size()) {
            return r.copy(n);
        }
        List<Value> in = n.inputs().stream().map(r::get).toList();
        List<Value> out = r.builder().node(n.op(), n.name(), in, n.attributes(), count, List.of());
        for (int i = 0; i < n.outputs().size(); i++) {
            r.replace(n.outputs().get(i), out.get(i));
        }
        return out;
    }

    private static int count(Node n) {
        if (n.is("MaxPool")) {
            return 2; // the indices
        }
        // Mean and inverse deviation come in the type of stash_type: of use where that is the type of the input.
        return n.is("LayerNormalization") && n.output().dtype() == DType.FLOAT && n.integer("stash_type", 1) == 1
                ? 3
                : 1;
    }
}
