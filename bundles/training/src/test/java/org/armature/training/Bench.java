package org.armature.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.BooleanSupplier;
import org.armature.autodiff.ReverseMode;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.GraphPass;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.compute.onnx.OnnxModelFormat;
import org.armature.datasets.FashionMnist;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.layers.dcls.Dcls;
import org.armature.layers.longconv.LongConv;
import org.armature.layers.pflayer.PfLayer;
import org.armature.layers.sgconv.SgConv;
import org.armature.layers.weightedconv.WeightedConv;
import org.armature.model.Config;
import org.armature.model.ModelFormat;
import org.armature.model.ModelProvider;
import org.armature.nn.Initializer;
import org.armature.nn.Layer;
import org.armature.train.DataSelector;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Draw;
import org.armature.train.GradientEstimator;
import org.armature.train.Objective;
import org.armature.train.Optimizer;
import org.armature.train.Progress;
import org.armature.train.Trainer;

/** The parts of training put together without a framework, and a small problem: which of four corners is bright. */
final class Bench implements Parts {
    private static final int SIDE = 8;

    final OnnxExecutor executor = new OnnxExecutor();
    final SafetensorsFormat format = new SafetensorsFormat();
    private final Map<Class<?>, Map<String, Object>> services = new LinkedHashMap<>();

    Bench() {
        put(ModelProvider.class, "sequential", new Sequential(this));
        put(ModelProvider.class, "onnx", new Imported(this));
        put(ModelFormat.class, "onnx", new OnnxModelFormat());
        put(DatasetProvider.class, "fashion-mnist", new FashionMnist());
        put(DatasetProvider.class, "corners", new Corners());
        put(DataSelector.class, "shuffled", new Shuffled());
        put(Objective.class, "cross-entropy", new CrossEntropy());
        put(Objective.class, "mean-squares", new Squares());
        put(Optimizer.class, "sgd", new Sgd());
        put(Optimizer.class, "adamw", new AdamW());
        put(Optimizer.class, "lamb", new Lamb());
        put(GradientEstimator.class, "backprop", new Backprop(new ReverseMode()));
        put(Initializer.class, "he", new HeInitializer());
        put(Layer.class, "dcls", new Dcls());
        put(Layer.class, "sgconv", new SgConv());
        put(Layer.class, "longconv", new LongConv());
        put(Layer.class, "pflayer", new PfLayer());
        put(Layer.class, "weighted-conv", new WeightedConv());
        services.put(GraphPass.class, Map.of());
    }

    void put(Class<?> type, String id, Object service) {
        services.computeIfAbsent(type, k -> new LinkedHashMap<>()).put(id, service);
    }

    @Override
    @SuppressWarnings("unchecked") // put() pairs them
    public <T> Map<String, T> all(Class<T> type) {
        return (Map<String, T>) services.getOrDefault(type, Map.of());
    }

    Trainer trainer() {
        return new GradientTrainer(this, executor, format);
    }

    Trainer.Outcome train(Map<String, ?> config, Path run, boolean resume, BooleanSupplier stop) throws IOException {
        Progress.Listener quiet = p -> {};
        return trainer().train(Config.of(config), run, resume, quiet, stop);
    }

    /** A convolution, batch normalisation, dropout and a classifier on {@code corners}. */
    static Map<String, Object> config(Map<String, ?> more) {
        Map<String, Object> c = new LinkedHashMap<>(Map.of(
                "seed", 3,
                "batch", 16,
                "steps", 40,
                "threads", 1,
                "checkpoint_every", 10,
                "dataset", Map.of("type", "corners"),
                "optimizer", Map.of("type", "adamw"),
                "schedule", Map.of("type", "cosine", "rate", 0.01, "warm_up", 5),
                "model",
                        Map.of(
                                "input", List.of(1, SIDE, SIDE),
                                "layers",
                                        List.of(
                                                Map.of("type", "conv", "channels", 4, "padding", 1),
                                                Map.of("type", "batch-norm"),
                                                Map.of("type", "relu"),
                                                Map.of("type", "max-pool"),
                                                Map.of("type", "flatten"),
                                                Map.of("type", "dropout", "p", 0.1),
                                                Map.of("type", "linear", "features", 4, "name", "head")))));
        c.putAll(more);
        return c;
    }

    private static final class Corners implements DatasetProvider {
        @Override
        public String id() {
            return "corners";
        }

        @Override
        public Dataset open(String split, Config config) {
            long seed = split.equals("train") ? 1 : 2;
            int side = config.integer("side", SIDE);
            Shape shape = Shape.of(config.integers("shape", 1, side, side));
            return new Dataset() {
                @Override
                public long size() {
                    return 200;
                }

                @Override
                public SequencedMap<String, TensorType> example() {
                    SequencedMap<String, TensorType> m = new LinkedHashMap<>();
                    m.put("x", new TensorType(DType.FLOAT, shape));
                    m.put("label", new TensorType(DType.INT64, Shape.SCALAR));
                    return m;
                }

                @Override
                public void read(long[] indices, Map<String, Tensor> into) {
                    for (int i = 0; i < indices.length; i++) {
                        Draw d = Draw.of(seed, indices[i]);
                        int corner = (int) d.below(4);
                        for (int p = 0; p < side * side; p++) {
                            boolean bright = p / side / (side / 2) == corner / 2 && p % side / (side / 2) == corner % 2;
                            into.get("x").set((long) i * side * side + p, d.normal() + (bright ? 1 : 0));
                        }
                        into.get("label").setLong(i, corner);
                    }
                }
            };
        }
    }
}
