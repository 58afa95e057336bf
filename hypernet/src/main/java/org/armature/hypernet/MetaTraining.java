package org.armature.hypernet;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.argMax;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.equal;
import static org.armature.graph.Ops.logSoftmax;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.oneHot;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.reshape;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.nn.Initializer;
import org.armature.train.Draw;
import org.armature.train.GradientEstimator;
import org.armature.train.Objective;
import org.armature.train.TrainableModel;
import org.osgi.service.component.annotations.Component;

/**
 * Meta-training as a model: a hypernetwork, and a sample of networks whose weights it writes in the same graph, so that their
 * losses train it. The sample is drawn once from the seed, widths in turn, since the table row of a width that does not occur
 * stays noise; every step trains on all of it (the official code draws one to
 * eight of a thousand networks a step, which would mean another graph each step).
 *
 * <p>{@code x -> y.0, y.1, ...}, one result a network, and {@code norms}, the sum of the norms of everything written.
 */
final class MetaTraining implements TrainableModel {
    private static final String RESULT = "y.";
    private static final String NORMS = "norms";
    private static final double CLASS_ROW_DEVIATION = 0.02;

    private final Ghn ghn;
    private final List<Model> networks;
    private final long seed;

    private MetaTraining(Ghn ghn, List<Model> networks, long seed) {
        this.ghn = ghn;
        this.networks = networks;
        this.seed = seed;
    }

    /**
     * Model {@code logah-meta}. Config: {@code ghn}, the hypernetwork's sizes; {@code family} vit or gpt2; {@code networks} (8),
     * of {@code widths} in turn and of {@code layers} and {@code heads} at random; for vit {@code image_size}, {@code channels},
     * {@code patch_size}, {@code num_classes}, for gpt2 {@code vocab_size}, {@code n_positions}; {@code seed};
     * {@code ve_cutoff}.
     */
    @Component(
            service = ModelProvider.class,
            property = {"armature.id=logah-meta", "armature.kind=model"})
    public static final class Provider implements ModelProvider {
        @Override
        public String id() {
            return "logah-meta";
        }

        @Override
        public Model create(Config config) {
            return of(config);
        }
    }

    private static MetaTraining of(Config c) {
        String family = c.text("family", "vit");
        boolean language = family.equals("gpt2");
        if (!language && !family.equals("vit")) {
            throw new IllegalArgumentException("config key family is \"" + family + "\": there are vit and gpt2");
        }
        GhnConfig config = GhnConfig.of(c.section("ghn"), language);
        Scaling scaling = new Scaling(
                Scaling.Matrices.of(c.text("normalisation", language ? "std" : "fan_in")),
                c.number("initializer_range", 0.02),
                1);
        Ghn ghn = new Ghn(config, c.integer("ve_cutoff", 50), true, scaling);
        long seed = c.wide("seed", 1);
        List<Model> networks = new ArrayList<>();
        int count = c.integer("networks", 8);
        if (count < 1) {
            throw new IllegalArgumentException("config key networks is " + count + ": give a number above 0");
        }
        long[] layers = c.integers("layers", 1, 2, 3);
        long[] widths = c.integers("widths", 24, 32, 40, 48);
        long[] heads = c.integers("heads", 2, 4);
        for (int i = 0; i < count; i++) {
            Draw d = Draw.of(seed, i);
            int depth = pick(layers, d);
            int width = Math.toIntExact(widths[i % widths.length]);
            int head = pick(heads, d);
            head = width % head == 0 ? head : 1;
            networks.add(
                    language
                            ? new Gpt2(
                                    c.integer("vocab_size"),
                                    c.integer("n_positions"),
                                    width,
                                    depth,
                                    head,
                                    false,
                                    c.wide("length", c.integer("n_positions")))
                            : new Vit(
                                    c.integer("image_size"),
                                    c.integer("channels", 3),
                                    c.integer("patch_size"),
                                    depth,
                                    head,
                                    width,
                                    4 * width,
                                    c.integer("num_classes", 10)));
        }
        return new MetaTraining(ghn, networks, seed);
    }

    private static int pick(long[] from, Draw d) {
        return Math.toIntExact(from[(int) d.below(from.length)]);
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        return networks.getFirst().inputs();
    }

    @Override
    public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
        return build(scope, inputs, false);
    }

    @Override
    public SequencedMap<String, Value> buildForTraining(Scope scope, Map<String, Value> inputs) {
        return build(scope, inputs, true);
    }

    private SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs, boolean training) {
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        Value norms = null;
        for (int i = 0; i < networks.size(); i++) {
            Graph g = networks.get(i).graph("network");
            NodeGraph net = Tracer.trace(g.bind(Map.of("batch", 1L)), Tracer.Attention.AUTO);
            Value nodes = ghn.embed(scope, net).output();
            Map<String, Value> given =
                    new LinkedHashMap<>(ghn.predict(scope, net, nodes, classRow(scope.builder(), g, i, training)));
            for (Value w : given.values()) {
                Value norm = reshape(reduceL2(w, false), Shape.SCALAR);
                norms = norms == null ? norm : add(norms, norm);
            }
            // What no node stands for has its default, as in the official training: zero for a class token.
            net.unread().forEach(name -> given.put(name, zero(scope.builder(), g, name)));
            given.putAll(inputs);
            out.put(RESULT + i, scope.builder().inline(sized(g, inputs), given).get("y"));
        }
        out.put(NORMS, norms == null ? scope.builder().scalar(DType.FLOAT, 0) : norms);
        return out;
    }

    private static Graph sized(Graph g, Map<String, Value> inputs) {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        inputs.forEach((name, v) -> {
            if (v.shape().isStatic()) {
                shapes.put(name, v.shape());
            }
        });
        return shapes.isEmpty() ? g : g.bindTo(shapes);
    }

    private static Value zero(Graph.Builder b, Graph g, String name) {
        Shape s = g.source(name).orElseThrow().shape();
        return b.constant(Constant.full(DType.FLOAT, s, 0));
    }

    /**
     * What a class token's place begins with: noise that each initialisation draws for itself, so that the hypernetwork must
     * not know it. A norm makes it as large as any token.
     */
    private Value classRow(Graph.Builder b, Graph g, int i, boolean training) {
        Value place = g.source("encoder.pos_embedding").orElse(null);
        if (place == null) {
            return Value.none();
        }
        Shape s = Shape.of(1, 1, place.shape().dim(2));
        if (training) {
            return mul(b.input(GradientEstimator.RANDOM + "class_row." + i, s), CLASS_ROW_DEVIATION);
        }
        double[] row = new double[(int) s.size()];
        Draw d = Draw.of(seed, i, 1);
        for (int k = 0; k < row.length; k++) {
            row[k] = CLASS_ROW_DEVIATION * d.normal();
        }
        return b.constant(Constant.of(DType.FLOAT, s, row));
    }

    /**
     * Objective {@code logah-meta}: the mean over networks of the cross entropy, and {@code norm_weight} (3e-5) times the mean
     * of the norms. Labels are {@code label}: {@code [batch]}, or of tokens {@code [batch, length]}.
     */
    @Component(
            service = Objective.class,
            property = {"armature.id=logah-meta", "armature.kind=objective"})
    public static final class Losses implements Objective {
        @Override
        public String id() {
            return "logah-meta";
        }

        @Override
        public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
            Value label = batch.get("label");
            if (label == null || !outputs.containsKey(RESULT + 0)) {
                throw new IllegalArgumentException("objective logah-meta needs a label of the dataset, which gives "
                        + batch.keySet() + ", and the model logah-meta, this one gives " + outputs.keySet());
            }
            Value loss = null;
            Value hits = null;
            int n = 0;
            for (; outputs.containsKey(RESULT + n); n++) {
                Value y = outputs.get(RESULT + n);
                long classes = y.shape().dim(-1);
                Value one = oneHot(label, classes, DType.FLOAT, -1);
                Value each = neg(reduceMean(reduceSum(mul(one, logSoftmax(y, -1)), false, -1), false));
                Value hit = reduceMean(cast(equal(argMax(y, -1, false), label), DType.FLOAT), false);
                loss = loss == null ? each : add(loss, each);
                hits = hits == null ? hit : add(hits, hit);
            }
            Value entropy = mul(reshape(loss, Shape.SCALAR), 1.0 / n);
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put(LOSS, add(entropy, mul(outputs.get(NORMS), config.number("norm_weight", 3e-5) / n)));
            m.put("cross-entropy", entropy);
            m.put("accuracy", mul(reshape(hits, Shape.SCALAR), 1.0 / n));
            return m;
        }
    }

    /** Initializer {@code logah-fresh}: a hypernetwork before its meta-training, as the official code begins. */
    @Component(
            service = Initializer.class,
            property = {"armature.id=logah-fresh", "armature.kind=initializer"})
    public static final class Fresh implements Initializer {
        @Override
        public String id() {
            return "logah-fresh";
        }

        @Override
        public void initialize(Map<String, Tensor> parameters, Config config, long seed) {
            Tensor embed = parameters.get("embed.weight");
            if (embed == null) {
                throw new IllegalArgumentException(
                        "initializer logah-fresh is for hypernetworks, and the model has no parameter embed.weight");
            }
            Checkpoints.fresh(
                    parameters, (int) embed.shape().dim(1), parameters.containsKey("decoder.l2.weight"), seed);
        }

        @Override
        public Set<String> initialize(Graph graph, Map<String, Tensor> parameters, Config config, long seed) {
            initialize(parameters, config, seed);
            return new LinkedHashSet<>(parameters.keySet());
        }
    }
}
