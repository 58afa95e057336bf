package org.armature.training.guidance;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.clip;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.not;
import static org.armature.graph.Ops.stopGradient;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.train.GradientEstimator;
import org.armature.train.Objective;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * Trains a network on its task while its layers learn to represent each batch as those of a frozen guide do (Subramaniam et al.
 * 2025): {@code loss = task + alpha sum (1 - similarity)} over matched layers. The guide sees the batch in the same graph, so
 * the target runs once a step; the official code runs it a second time for its activations.
 *
 * <p>Config: {@code guide}, a model's configuration, its parameters called {@code guide.*} (give a trained one's file in
 * {@code weights}, {@code {"file": ..., "into": "guide."}}; without it is a random guide, which often serves as well);
 * {@code task}, an objective's configuration (cross-entropy); {@code alpha} (1); {@code metric} cka, rsa or token;
 * {@code collision} last or sum; {@code steps}, after which the task is trained alone (never); {@code guide_layers} and
 * {@code target_layers}, names of the layers compared (all but the last that is found); {@code noise}, whether the guide is
 * shown noise instead of the data; {@code strict}, whether a layer that is equal for all examples makes the loss NaN.
 */
@Component(
        property = {
            "armature.id=guidance",
            "armature.kind=objective",
            "armature.paper=Training the Untrainable: Introducing Inductive Bias via Representational Alignment"
        })
public final class Guidance implements Objective {
    static final String GUIDE = "guide";
    private static final int SHOWN = 128;

    /** Finds a service by its id. */
    interface Services {
        <T> T find(Class<T> type, String id);
    }

    private final Services services;

    @Activate
    public Guidance(BundleContext context) {
        this(registry(context));
    }

    Guidance(Services services) {
        this.services = services;
    }

    private static Services registry(BundleContext context) {
        return new Services() {
            @Override
            public <T> T find(Class<T> type, String id) {
                try {
                    ServiceReference<T> best = context.getServiceReferences(type, null).stream()
                            .filter(r -> id.equals(r.getProperty("armature.id")))
                            .max(ServiceReference::compareTo)
                            .orElseThrow(() -> new IllegalArgumentException("there is no " + type.getSimpleName() + " '"
                                    + id + "': armature modules lists what there is"));
                    return context.getService(best);
                } catch (InvalidSyntaxException e) {
                    throw new IllegalStateException(e);
                }
            }
        };
    }

    @Override
    public String id() {
        return "guidance";
    }

    @Override
    public boolean trains(String parameter) {
        return !parameter.startsWith(GUIDE + ".");
    }

    @Override
    public Task task(Config config) {
        Config task = config.section("task");
        return new Task(
                services.find(Objective.class, task.text("type", "cross-entropy")),
                task,
                config.wide("steps", Long.MAX_VALUE));
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
        Graph.Builder b = outputs.values().iterator().next().builder();
        long n = batch.values().iterator().next().shape().dim(0);
        List<Node> before = b.nodes();
        List<Taps.Tap> target = chosen(Taps.find(before, n), config, "target_layers", "the model");
        int made = b.nodes().size();

        Model guide = guide(config);
        guide.build(b.scope().at(GUIDE), shown(guide, batch, config.flag("noise", false)));
        List<Node> all = b.nodes();
        List<Taps.Tap> guiding =
                chosen(Taps.find(all.subList(made, all.size()), n), config, "guide_layers", "the guide");

        List<Value> x = guiding.stream().map(t -> stopGradient(t.value())).toList();
        List<Value> y = target.stream().map(Taps.Tap::value).toList();
        boolean strict = config.flag("strict", false);
        Matched m = Matched.of(
                x,
                y,
                Similarity.of(config.text("metric", "cka")),
                Matched.Collision.of(config.text("collision", "last")),
                strict,
                new Similarity.Kernels());

        Task task = task(config);
        SequencedMap<String, Value> results =
                new LinkedHashMap<>(task.objective().build(outputs, batch, task.config()));
        Value loss = results.get(LOSS);
        results.put(LOSS, add(loss, mul(m.total(), config.number("alpha", 1))));
        results.put("task-loss", loss);
        results.put("dissimilarity", mul(m.total(), 1.0 / m.losses().size()));
        results.put("constant-layers", constant(y));
        return results;
    }

    /** Draws how alike the layers of guide and target have become: {@code cka.svg}, {@code .png}, {@code .matrix.csv}. */
    @Override
    public void look(Moment now, Config config) throws IOException {
        int batch = (int) Math.min(SHOWN, now.test().size());
        if (batch >= Similarity.FEWEST) {
            LayerComparison.of(guide(config), now, batch)
                    .write(now.run(), "cka", "linear CKA; rows: guide; columns: target; " + batch + " test examples");
        }
    }

    private Model guide(Config config) {
        Config c = config.section(GUIDE);
        return services.find(ModelProvider.class, c.text("type", "sequential")).create(c);
    }

    /** How many layers are the same for every example: guidance cannot reach them. */
    private static Value constant(List<Value> layers) {
        return layers.stream()
                .map(v -> cast(not(Matched.varies(v)), DType.FLOAT))
                .reduce((a, c) -> add(a, c))
                .orElseThrow();
    }

    /** The guide's inputs: those of the batch, or {@code clip(e1 + 0.1 e2, 0, 1)} with normal e1, e2. */
    private static Map<String, Value> shown(Model guide, Map<String, Value> batch, boolean noise) {
        Map<String, Value> in = new LinkedHashMap<>();
        guide.inputs().forEach((name, type) -> {
            Value v = batch.get(name);
            if (v == null) {
                throw new IllegalArgumentException(
                        "the dataset gives no " + name + ", which the guide takes: it gives " + batch.keySet());
            }
            if (noise && v.dtype().isFloating()) {
                Shape s = v.shape();
                Value first = v.builder().input(GradientEstimator.RANDOM + GUIDE + ".first." + name, s);
                Value second = v.builder().input(GradientEstimator.RANDOM + GUIDE + ".second." + name, s);
                v = clip(add(first, mul(second, 0.1)), 0, 1);
            }
            in.put(name, v);
        });
        return in;
    }

    /** The layers a configuration names, or all but the last: the result itself is the task's business. */
    private static List<Taps.Tap> chosen(List<Taps.Tap> found, Config config, String key, String whose) {
        List<Taps.Tap> taps = found;
        if (config.has(key)) {
            List<String> names = config.texts(key);
            List<String> known = found.stream().map(Taps.Tap::name).toList();
            names.stream().filter(name -> !known.contains(name)).findFirst().ifPresent(name -> {
                throw new IllegalArgumentException("config key " + key + " names " + name + ", which is no layer of "
                        + whose + " that is seen: those are " + known);
            });
            taps = new ArrayList<>(found);
            taps.removeIf(t -> !names.contains(t.name()));
        } else if (!found.isEmpty()) {
            taps = found.subList(0, found.size() - 1);
        }
        if (taps.isEmpty()) {
            throw new IllegalArgumentException("guidance sees no layer of " + whose
                    + " before its last: it needs one of these kinds: " + Taps.SEEN);
        }
        return taps;
    }
}
