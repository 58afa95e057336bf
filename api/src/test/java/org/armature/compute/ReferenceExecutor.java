package org.armature.compute;

import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.TensorType;
import org.armature.graph.Value;

/**
 * The plain executor that tests compare with: every operator in a few lines of Java, all arithmetic in double, results
 * rounded to the type only at the outputs. Slow, for tensors of some thousand elements.
 */
public final class ReferenceExecutor implements Executor {
    @Override
    public String id() {
        return "reference";
    }

    @Override
    public List<Device> devices() {
        return List.of(new Device("cpu", "Java", 0));
    }

    @Override
    public Program compile(Graph graph, CompileOptions options) {
        return new Interpreter(graph.flat(), options.frozen());
    }

    private record Interpreter(Graph graph, Map<String, Tensor> frozen) implements Program {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> in = new LinkedHashMap<>();
            Stream.concat(graph.inputs().stream(), graph.parameters().stream())
                    .filter(v -> !frozen.containsKey(v.name()))
                    .forEach(v -> in.put(v.name(), v.type()));
            return in;
        }

        @Override
        public SequencedMap<String, TensorType> outputs() {
            SequencedMap<String, TensorType> out = new LinkedHashMap<>();
            graph.outputs().forEach((k, v) -> out.put(k, v.type()));
            return out;
        }

        @Override
        public SequencedMap<String, Tensor> run(Map<String, Tensor> inputs) {
            Map<Value, ReferenceKernels.Array> values = new IdentityHashMap<>();
            Stream.concat(graph.inputs().stream(), graph.parameters().stream()).forEach(v -> {
                Tensor t = inputs.getOrDefault(v.name(), frozen.get(v.name()));
                if (t == null || t.dtype() != v.dtype()) {
                    throw new IllegalArgumentException("input " + v + " got " + t);
                }
                values.put(v, new ReferenceKernels.Array(t.shape().sizes(), t.toDoubles()));
            });
            for (Value c : graph.constants()) {
                Constant k = c.constant().orElseThrow();
                values.put(c, new ReferenceKernels.Array(k.shape().sizes(), k.toDoubles()));
            }
            for (Node n : graph.nodes()) {
                List<ReferenceKernels.Array> out = new ReferenceKernels(
                                graph.opset(),
                                n,
                                n.inputs().stream().map(values::get).toList().toArray(new ReferenceKernels.Array[0]))
                        .run();
                for (int i = 0; i < n.outputs().size(); i++) {
                    values.put(n.outputs().get(i), out.get(i));
                }
            }
            SequencedMap<String, Tensor> result = new LinkedHashMap<>();
            graph.outputs().forEach((k, v) -> {
                ReferenceKernels.Array a = values.get(v);
                result.put(k, Tensor.of(v.dtype(), a.asShape(), a.v()));
            });
            return result;
        }

        @Override
        public Binding bind(Map<String, Tensor> inputs, Map<String, Tensor> outputs) {
            throw new UnsupportedOperationException("the reference executor only runs: call run");
        }

        @Override
        public void close() {}
    }
}
