package org.armature.passes;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.GraphPass;
import org.armature.graph.Attribute;
import org.armature.graph.Graph;
import org.armature.graph.Op;
import org.armature.graph.Rewriter;
import org.armature.graph.Value;
import org.osgi.service.component.annotations.Component;

/** Computes once what the graph computes twice: the same operator, attributes and inputs. */
@Component(property = {"armature.id=cse", "armature.kind=pass"})
public final class CommonSubexpressions implements GraphPass {
    private record Key(Op op, Map<String, Attribute> attributes, List<Value> inputs, int outputs) {}

    @Override
    public String id() {
        return "cse";
    }

    @Override
    public Graph apply(Graph graph) {
        Map<Key, List<Value>> seen = new HashMap<>();
        return Rewriter.rewrite(graph, (n, r) -> {
            Key key = new Key(
                    n.op(),
                    n.attributes(),
                    n.inputs().stream().map(r::get).toList(),
                    n.outputs().size());
            List<Value> before = seen.get(key);
            if (before == null) {
                seen.put(key, r.copy(n));
                return true;
            }
            for (int i = 0; i < before.size(); i++) {
                r.replace(n.outputs().get(i), before.get(i));
            }
            return true;
        });
    }
}
