package org.armature.learned;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.model.Parameters;
import org.armature.robot.NdArray;
import org.armature.robot.PolicyFiles;
import org.armature.train.Draw;
import org.armature.train.GradientEstimator;
import org.jspecify.annotations.Nullable;

/**
 * A network behind named values. Requests of several connections that wait at the same time are computed as one batch;
 * a request that is alone never waits for company.
 */
final class NetworkEndpoint implements PolicyFiles.Opened {
    /**
     * Where an input of the network comes from.
     *
     * @param key of the observation
     * @param words how a text becomes numbers; null for arrays
     * @param mean subtracted, one number or one for each element
     * @param deviation then divided by
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Source(String key, @Nullable Words words, double[] mean, double[] deviation) {}

    /**
     * What comes out.
     *
     * @param name of the network's output
     * @param horizon H
     * @param actions A
     * @param scale multiplied, one number or one for each action
     * @param offset then added
     * @param low limit of each action
     * @param high limit of each action
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Result(String name, int horizon, int actions, double[] scale, double[] offset, double low, double high) {}

    private static final class Request {
        private final Map<String, float[]> inputs;
        private float @Nullable [] actions;
        private @Nullable RuntimeException failure;

        Request(Map<String, float[]> inputs) {
            this.inputs = inputs;
        }

        boolean done() {
            return actions != null || failure != null;
        }
    }

    /** What a request may take of the thread that reads connections. */
    private static final long IMMEDIATE_NANOS = 300_000;

    private static final int TRIALS = 20;

    private final Program program;
    private final @Nullable Single single;
    private final Parameters weights;
    private final Map<String, Source> sources;
    private final Result result;
    private final Map<String, Object> metadata;
    private final int largest;
    private final long seed;
    private final AtomicLong requests = new AtomicLong();

    /** What goes into the network, with room for the largest batch; whoever holds the device fills them. */
    private final Map<String, Tensor> inputs = new LinkedHashMap<>();

    private final boolean immediate;

    private final ConcurrentLinkedQueue<Request> waiting = new ConcurrentLinkedQueue<>();
    private final ReentrantLock device = new ReentrantLock();

    /**
     * Over a compiled network, which it closes with its weights.
     *
     * @param single the same for a batch of one, or null: nothing of native memory comes or goes with such a request then
     * @param largest batch that may be computed at once
     * @param seed of what inputs called {@code random.*} are given
     */
    NetworkEndpoint(
            Program program,
            @Nullable Program single,
            Parameters weights,
            Map<String, Source> sources,
            Result result,
            Map<String, Object> metadata,
            int largest,
            long seed) {
        this.program = program;
        this.weights = weights;
        this.sources = sources;
        this.result = result;
        this.metadata = metadata;
        this.largest = largest;
        this.seed = seed;
        program.inputs().forEach((name, type) -> {
            if (fed(name)) {
                inputs.put(name, Tensor.zeros(DType.FLOAT, type.shape().with(0, largest)));
            }
        });
        this.single = single == null ? null : Single.of(single, inputs);
        immediate = this.single != null && this.single.takesLessThan(IMMEDIATE_NANOS);
    }

    /** A batch of one, pinned to the first row of the inputs. */
    private record Single(Program program, Program.Binding binding) implements AutoCloseable {
        static Single of(Program program, Map<String, Tensor> inputs) {
            Map<String, Tensor> first = new LinkedHashMap<>();
            inputs.forEach((name, t) -> first.put(name, t.slice(0, 1)));
            return new Single(program, program.bind(first, Map.of()));
        }

        /** Whether it is that quick at best; the first runs of a network are slower than it is. */
        boolean takesLessThan(long nanos) {
            for (int i = 0; i < TRIALS; i++) {
                long begin = System.nanoTime();
                binding.run();
                if (System.nanoTime() - begin < nanos) {
                    return true;
                }
            }
            return false;
        }

        @Override
        public void close() {
            binding.close();
            program.close();
        }
    }

    @Override
    public Map<String, Object> metadata() {
        return metadata;
    }

    @Override
    public Session open() {
        return this::infer;
    }

    @Override
    public boolean immediate() {
        return immediate;
    }

    private Map<String, Object> infer(Map<String, Object> observation) {
        Map<String, float[]> values = new LinkedHashMap<>();
        long draw = Draw.of(seed, requests.getAndIncrement()).next();
        inputs.forEach((name, t) -> {
            Shape shape = t.shape().slice(1, t.shape().rank());
            Source s = sources.get(name);
            values.put(name, s == null ? noise(Draw.of(draw, name), shape) : numbers(s, observation, shape));
        });
        float[] a = compute(new Request(values));
        double[] out = new double[result.horizon() * result.actions()];
        for (int i = 0; i < out.length; i++) {
            int j = i % result.actions();
            double v = a[i] * at(result.scale(), j) + at(result.offset(), j);
            out[i] = Math.clamp(v, result.low(), result.high());
        }
        return Map.of("actions", NdArray.of(out, result.horizon(), result.actions()));
    }

    /** Whether an input has a row of its own for each request; the others are weights. */
    private boolean fed(String input) {
        return sources.containsKey(input) || input.startsWith(GradientEstimator.RANDOM);
    }

    private static float[] noise(Draw draw, Shape shape) {
        float[] f = new float[Math.toIntExact(shape.size())];
        for (int i = 0; i < f.length; i++) {
            f[i] = (float) draw.normal();
        }
        return f;
    }

    private static double at(double[] values, int i) {
        return values[values.length == 1 ? 0 : i];
    }

    private static float[] numbers(Source s, Map<String, Object> observation, Shape shape) {
        Object v = observation.get(s.key());
        if (v == null) {
            throw new IllegalArgumentException(
                    "the key '" + s.key() + "' is missing: the observation has " + observation.keySet());
        }
        if (s.words() != null) {
            if (!(v instanceof String text)) {
                throw new IllegalArgumentException("'" + s.key() + "' is "
                        + (v instanceof NdArray a ? a : v.getClass().getSimpleName()) + ", but a text is expected");
            }
            return s.words().encode(s.key(), text);
        }
        if (!(v instanceof NdArray a)) {
            throw new IllegalArgumentException(
                    "'" + s.key() + "' is " + v.getClass().getSimpleName() + ", but an array is expected");
        }
        if (!Shape.of(a.shape()).equals(shape)) {
            throw new IllegalArgumentException("'" + s.key() + "' is " + a + ", but " + shape + " is expected");
        }
        double[] d = a.doubles();
        float[] f = new float[d.length];
        for (int i = 0; i < f.length; i++) {
            f[i] = (float) ((d[i] - at(s.mean(), i)) / at(s.deviation(), i));
        }
        return f;
    }

    /** Whoever holds the device computes what waits, others' requests among it. */
    private float[] compute(Request mine) {
        waiting.add(mine);
        device.lock();
        try {
            while (!mine.done()) {
                List<Request> batch = new ArrayList<>();
                for (Request r; batch.size() < largest && (r = waiting.poll()) != null; ) {
                    batch.add(r);
                }
                run(batch);
            }
        } finally {
            device.unlock();
        }
        if (mine.failure != null) {
            throw mine.failure;
        }
        return Objects.requireNonNull(mine.actions);
    }

    private void run(List<Request> batch) {
        try {
            inputs.forEach((name, t) -> {
                long at = 0;
                for (Request r : batch) {
                    float[] v = Objects.requireNonNull(r.inputs.get(name));
                    MemorySegment.copy(v, 0, t.data(), ValueLayout.JAVA_FLOAT, at, v.length);
                    at += 4L * v.length;
                }
            });
            Single one = batch.size() == 1 ? single : null;
            float[] a;
            if (one != null) {
                one.binding.run();
                a = one.binding.output(result.name()).toFloats();
            } else {
                a = compute(batch.size());
            }
            int n = result.horizon() * result.actions();
            for (int i = 0; i < batch.size(); i++) {
                batch.get(i).actions = Arrays.copyOfRange(a, i * n, (i + 1) * n);
            }
        } catch (RuntimeException e) {
            batch.forEach(r -> r.failure = e);
        }
    }

    private float[] compute(int batch) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        program.inputs().keySet().forEach(name -> {
            Tensor t = inputs.get(name);
            all.put(name, t == null ? weights.get(name) : t.slice(0, batch));
        });
        Map<String, Tensor> out = program.run(all);
        try {
            return Objects.requireNonNull(out.get(result.name())).toFloats();
        } finally {
            out.values().forEach(Tensor::close);
        }
    }

    @Override
    public void close() {
        device.lock();
        try {
            if (single != null) {
                single.close();
            }
            program.close();
            weights.close();
            inputs.values().forEach(Tensor::close);
        } finally {
            device.unlock();
        }
    }
}
