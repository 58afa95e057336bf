package org.armature.perceptualinit;

import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Draw;
import org.armature.train.Objective;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** The first stage of perceptual initialisation: any image encoder, three images, and which of two people find nearer. */
final class Triplets {
    static final String REFERENCE = "reference";
    static final String LEFT = "left";
    static final String RIGHT = "right";
    static final String VOTE = "right_vote";

    private Triplets() {}

    /** What a triplet of images of one type holds. */
    static SequencedMap<String, TensorType> example(Shape image) {
        SequencedMap<String, TensorType> m = new LinkedHashMap<>();
        for (String name : new String[] {REFERENCE, LEFT, RIGHT}) {
            m.put(name, new TensorType(DType.FLOAT, image));
        }
        m.put(VOTE, new TensorType(DType.FLOAT, Shape.SCALAR));
        return m;
    }

    /**
     * Model {@code triplet}: the model {@code encoder} (any with one input and a first output {@code [batch, D]}) applied to
     * three images with the same parameters, named as its own.
     */
    @Component(
            service = ModelProvider.class,
            property = {"armature.id=triplet", "armature.kind=model"})
    public static final class Provider implements ModelProvider {
        private final BundleContext context;

        @Activate
        public Provider(BundleContext context) {
            this.context = context;
        }

        @Override
        public String id() {
            return "triplet";
        }

        @Override
        public Model create(Config config) {
            Config c = config.section("encoder");
            String type = c.text("type", "clip-visual");
            try {
                ServiceReference<ModelProvider> found = context.getServiceReferences(ModelProvider.class, null).stream()
                        .filter(r -> type.equals(r.getProperty("armature.id")))
                        .max(ServiceReference::compareTo)
                        .orElseThrow(() -> new IllegalArgumentException("there is no model '" + type
                                + "' to encode images: armature modules lists what there is"));
                return three(context.getService(found).create(c));
            } catch (InvalidSyntaxException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    static Model three(Model encoder) {
        if (encoder.inputs().size() != 1) {
            throw new IllegalArgumentException("model triplet needs an encoder of one input, this one takes "
                    + encoder.inputs().keySet());
        }
        Map.Entry<String, TensorType> in = encoder.inputs().firstEntry();
        return new Model() {
            @Override
            public SequencedMap<String, TensorType> inputs() {
                SequencedMap<String, TensorType> m = new LinkedHashMap<>();
                for (String name : new String[] {REFERENCE, LEFT, RIGHT}) {
                    m.put(name, in.getValue());
                }
                return m;
            }

            @Override
            public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
                SequencedMap<String, Value> m = new LinkedHashMap<>();
                for (String name : new String[] {REFERENCE, LEFT, RIGHT}) {
                    m.put(
                            name,
                            encoder.build(scope, Map.of(in.getKey(), inputs.get(name)))
                                    .firstEntry()
                                    .getValue());
                }
                return m;
            }
        };
    }

    /** Objective {@code triplet}: the hinge on cosine distances; {@code margin} (0.05). Accuracy is agreement with the votes. */
    @Component(
            service = Objective.class,
            property = {"armature.id=triplet", "armature.kind=objective"})
    public static final class Hinge implements Objective {
        @Override
        public String id() {
            return "triplet";
        }

        @Override
        public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
            Value vote = batch.get(VOTE);
            if (vote == null || !outputs.keySet().containsAll(Arrays.asList(REFERENCE, LEFT, RIGHT))) {
                throw new IllegalArgumentException("objective triplet needs a dataset with " + VOTE
                        + " and the model triplet; these give " + batch.keySet() + " and " + outputs.keySet());
            }
            Contrast.Judgement j = Contrast.judge(
                    outputs.get(REFERENCE), outputs.get(LEFT), outputs.get(RIGHT), vote, config.number("margin", 0.05));
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put(LOSS, j.loss());
            m.put("accuracy", j.accuracy());
            return m;
        }
    }

    /**
     * Dataset {@code fashion-triplets}: triplets of Fashion-MNIST images judged without labels, by where edges and brightness
     * lie. Config: {@code count} triplets (20000), of images {@code from} (20000) on; {@code flip}, the share of votes turned
     * round (0.05; at 0.5 they say nothing, the control); {@code seed}.
     */
    @Component(
            service = DatasetProvider.class,
            property = {"armature.id=fashion-triplets", "armature.kind=dataset"})
    public static final class Synthetic implements DatasetProvider {
        private final DatasetProvider images;

        @Activate
        public Synthetic(@Reference(target = "(armature.id=fashion-mnist)") DatasetProvider images) {
            this.images = images;
        }

        @Override
        public String id() {
            return "fashion-triplets";
        }

        @Override
        public Dataset open(String split, Config config) throws IOException {
            double flip = config.number("flip", 0.05);
            if (!(flip >= 0 && flip <= 0.5)) {
                throw new IllegalArgumentException("config key flip is " + flip + ": give a share from 0 to 0.5");
            }
            int count = config.integer("count", 20000);
            int from = config.integer("from", 20000);
            long seed = config.wide("seed", 1);
            Dataset source = images.open(split, Config.empty());
            boolean test = split.equals("test");
            long first = test ? 0 : from;
            if (first < 0 || first + 3 > source.size() || count < 1) {
                throw new IllegalArgumentException("config keys from and count are " + from + " and " + count
                        + ": there are " + source.size() + " images of " + split);
            }
            return new Judged(source, test ? Math.min(count, 2000) : count, first, flip, seed);
        }
    }

    private record Judged(Dataset images, long size, long first, double flip, long seed) implements Dataset {
        private static final int SIDE = 28;
        private static final int CELL = 9;
        private static final int SMALL = 7;

        @Override
        public SequencedMap<String, TensorType> example() {
            return Triplets.example(Shape.of(1, SIDE, SIDE));
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            String[] names = {REFERENCE, LEFT, RIGHT};
            for (int i = 0; i < indices.length; i++) {
                if (indices[i] < 0 || indices[i] >= size) {
                    throw new IndexOutOfBoundsException("triplet " + indices[i] + " of " + size);
                }
                Draw d = Draw.of(seed, first, indices[i]);
                double[][] seen = new double[3][];
                for (int k = 0; k < 3; k++) {
                    long image = first + d.below(images.size() - first);
                    Map<String, Tensor> example = images.batch(image);
                    Tensor x = example.get("x");
                    into.get(names[k]).slice(i, i + 1L).copyFrom(x);
                    seen[k] = judgement(x.toFloats());
                    example.values().forEach(Tensor::close);
                }
                boolean right = dot(seen[0], seen[2]) > dot(seen[0], seen[1]);
                into.get(VOTE).set(i, right ^ d.uniform() < flip ? 1 : 0);
            }
        }

        /** A unit vector of mean |dx| and |dy| on 9 x 9 cells of the top left 27 x 27, and brightness on 7 x 7 cells. */
        static double[] judgement(float[] image) {
            double[] v = new double[9 + 9 + 16];
            int at = 0;
            for (int direction = 0; direction < 2; direction++) {
                for (int cell = 0; cell < 9; cell++) {
                    for (int p = 0; p < CELL * CELL; p++) {
                        int y = cell / 3 * CELL + p / CELL;
                        int x = cell % 3 * CELL + p % CELL;
                        int next = direction == 0 ? y * SIDE + x + 1 : (y + 1) * SIDE + x;
                        v[at] += Math.abs(image[next] - image[y * SIDE + x]) / (CELL * CELL);
                    }
                    at++;
                }
            }
            for (int cell = 0; cell < 16; cell++) {
                for (int p = 0; p < SMALL * SMALL; p++) {
                    int y = cell / 4 * SMALL + p / SMALL;
                    int x = cell % 4 * SMALL + p % SMALL;
                    v[at] += image[y * SIDE + x] / (SMALL * SMALL);
                }
                at++;
            }
            double norm = Math.sqrt(dot(v, v));
            for (int i = 0; i < v.length && norm > 0; i++) {
                v[i] /= norm;
            }
            return v;
        }

        static double dot(double[] a, double[] b) {
            double s = 0;
            for (int i = 0; i < a.length; i++) {
                s += a[i] * b[i];
            }
            return s;
        }

        @Override
        public void close() {
            images.close();
        }
    }
}
