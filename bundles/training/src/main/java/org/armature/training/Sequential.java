package org.armature.training;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.GraphException;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.nn.Layer;
import org.armature.train.TrainableModel;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * One layer after another. Config: {@code input}, sizes of an example; {@code layers}, each with its {@code type} (the id of a
 * layer), what that layer asks for, and perhaps a {@code name}. Parameters are called as in PyTorch's {@code Sequential}:
 * {@code 0.weight}, {@code 3.bias}. Input {@code x}, output {@code y}.
 */
@Component(property = {"armature.id=sequential", "armature.kind=model"})
public final class Sequential implements ModelProvider {
    private final Parts parts;

    @Activate
    public Sequential(BundleContext context) {
        this(Parts.of(context));
    }

    Sequential(Parts parts) {
        this.parts = parts;
    }

    @Override
    public String id() {
        return "sequential";
    }

    @Override
    public Model create(Config config) {
        Map<String, Layer> layers = PlainLayers.all();
        layers.putAll(parts.all(Layer.class));
        Parts found = new Parts() {
            @Override
            @SuppressWarnings("unchecked") // only asked for layers
            public <T> Map<String, T> all(Class<T> type) {
                return (Map<String, T>) layers;
            }
        };
        return new Chain(Shape.of(config.integers("input")), config.sectionList("layers"), found);
    }

    private record Chain(Shape example, List<Config> layers, Parts parts) implements TrainableModel {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("x", new TensorType(DType.FLOAT, Shape.named("batch").concat(example)));
            return m;
        }

        @Override
        public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
            return chain(scope, inputs, false);
        }

        @Override
        public SequencedMap<String, Value> buildForTraining(Scope scope, Map<String, Value> inputs) {
            return chain(scope, inputs, true);
        }

        private SequencedMap<String, Value> chain(Scope scope, Map<String, Value> inputs, boolean training) {
            Value x = inputs.get("x");
            if (x == null) {
                throw new IllegalArgumentException("model sequential takes an input x, not " + inputs.keySet());
            }
            for (int i = 0; i < layers.size(); i++) {
                Config c = layers.get(i);
                Layer layer = parts.find(Layer.class, c.text("type"));
                Scope at = scope.at(c.text("name", Integer.toString(i)));
                try {
                    x = training && layer instanceof PlainLayers.Modal m
                            ? m.buildForTraining(at, x, c)
                            : layer.build(at, x, c);
                } catch (GraphException e) {
                    throw new IllegalArgumentException(
                            "layer " + i + " (" + layer.id() + ") of the model does not fit: " + e.getMessage(), e);
                }
            }
            SequencedMap<String, Value> out = new LinkedHashMap<>();
            out.put("y", x);
            return out;
        }
    }
}
