package org.armature.training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Graph;
import org.armature.graph.GraphException;
import org.armature.graph.Node;
import org.armature.graph.Rewriter;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelFormat;
import org.armature.model.ModelProvider;
import org.armature.model.Parameters;
import org.armature.train.TrainableModel;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * A model from a file of any {@link ModelFormat}, trained from the weights in it. Config: {@code file}; {@code inputs} and
 * {@code outputs}, objects that give names of the file's inputs and outputs the names that dataset and objective use. An only
 * input is called {@code x} and an only output {@code y} unless said otherwise.
 *
 * <p>Batch normalisation of a file exported for evaluation trains as in PyTorch's {@code train()} mode, where it is still
 * there: PyTorch's newer exporter folds it into the convolutions.
 */
@Component(property = {"armature.id=onnx", "armature.kind=model"})
public final class Imported implements ModelProvider {
    static final String ID = "onnx";
    /** PyTorch's default. */
    private static final double MOMENTUM = 0.1;

    private final Parts parts;

    @Activate
    public Imported(BundleContext context) {
        this(Parts.of(context));
    }

    Imported(Parts parts) {
        this.parts = parts;
    }

    @Override
    public String id() {
        return ID;
    }

    /** Throws {@link UncheckedIOException} if the file cannot be read. */
    @Override
    public Model create(Config config) {
        Path file = Path.of(config.text("file"));
        ModelFormat format = parts.all(ModelFormat.class).values().stream()
                .filter(f -> f.reads(file))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("config key model names " + file
                        + ", which no model format reads: give an .onnx file, or a model as an object with a type"));
        try {
            ModelFormat.Imported m = format.read(file);
            Graph g = m.graph();
            return new File(
                    file,
                    g,
                    m.parameters(),
                    names(
                            config.section("inputs"),
                            g.inputs().stream().map(Value::name).toList(),
                            "x",
                            file),
                    names(config.section("outputs"), g.outputs().keySet(), "y", file));
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    /** From the file's names to those used here. */
    private static Map<String, String> names(Config given, Collection<String> inFile, String lone, Path file) {
        Map<String, String> m = new LinkedHashMap<>();
        for (String n : inFile) {
            m.put(n, given.text(n, inFile.size() == 1 ? lone : n));
        }
        for (String n : given.asMap().keySet()) {
            if (!m.containsKey(n)) {
                throw new IllegalArgumentException(file + " has no " + n + " to rename: it has " + inFile);
            }
        }
        return m;
    }

    private record File(
            Path file, Graph graph, Parameters weights, Map<String, String> inputNames, Map<String, String> outputNames)
            implements TrainableModel {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            graph.inputs().forEach(v -> m.put(called(inputNames, v.name()), v.type()));
            return m;
        }

        private static String called(Map<String, String> names, String inFile) {
            return names.getOrDefault(inFile, inFile);
        }

        @Override
        public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
            return copy(scope, inputs, false);
        }

        @Override
        public SequencedMap<String, Value> buildForTraining(Scope scope, Map<String, Value> inputs) {
            return copy(scope, inputs, true);
        }

        private SequencedMap<String, Value> copy(Scope scope, Map<String, Value> inputs, boolean training) {
            Graph.Builder b = scope.builder();
            if (graph.opset() != b.opset()) {
                throw new IllegalArgumentException(file + " uses operator set " + graph.opset() + ", training uses "
                        + b.opset() + ": export it with opset_version=" + b.opset());
            }
            Map<String, Shape> shapes = new LinkedHashMap<>();
            Map<String, Value> given = new LinkedHashMap<>();
            graph.inputs().forEach(v -> {
                Value x = Squares.named(inputs, called(inputNames, v.name()), "the dataset");
                given.put(v.name(), x);
                shapes.put(v.name(), x.shape());
            });
            try {
                boolean sized = shapes.values().stream().allMatch(Shape::isStatic);
                Graph g = sized ? graph.bindTo(shapes) : graph;
                Rewriter r = new Rewriter(g, b);
                g.inputs().forEach(v -> r.replace(v, fitting(given.get(v.name()), v)));
                g.parameters().forEach(v -> r.replace(v, scope.parameter(v.name(), v.dtype(), v.shape())));
                for (Node n : g.nodes()) {
                    if (training && normalizesByStatistics(n, g)) {
                        r.replace(n.output(), normalized(n, r));
                    } else {
                        r.copy(n);
                    }
                }
                SequencedMap<String, Value> out = new LinkedHashMap<>();
                g.outputs().forEach((k, v) -> out.put(called(outputNames, k), r.get(v)));
                return out;
            } catch (GraphException e) {
                throw new IllegalArgumentException(
                        file + " does not take what the dataset gives: " + e.getMessage()
                                + " (a fixed batch size in the file wants the same in the configuration)",
                        e);
            }
        }

        private static Value fitting(Value x, Value wanted) {
            boolean fits = x.dtype() == wanted.dtype() && x.rank() == wanted.rank();
            for (int i = 0; fits && i < x.rank(); i++) {
                fits = !wanted.shape().at(i).isKnown()
                        || wanted.shape().at(i).equals(x.shape().at(i));
            }
            if (!fits) {
                throw new GraphException("input " + wanted + " got " + x.type());
            }
            return x;
        }

        private static boolean normalizesByStatistics(Node n, Graph g) {
            return n.is("BatchNormalization")
                    && n.integer("training_mode", 0) == 0
                    && g.parameters().contains(n.input(3))
                    && g.parameters().contains(n.input(4));
        }

        private static Value normalized(Node n, Rewriter r) {
            return PlainLayers.batchNormTraining(
                    r.builder(),
                    r.get(n.input(0)),
                    r.get(n.input(1)),
                    r.get(n.input(2)),
                    r.get(n.input(3)),
                    r.get(n.input(4)),
                    n.real("epsilon", 1e-5f),
                    MOMENTUM);
        }
    }
}
