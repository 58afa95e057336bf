package org.armature.autodiff;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** Draws shapes, attributes and numbers for one case and remembers the numbers. */
final class Draw {
    final Graph.Builder b;
    final DType type;
    final Random random;
    final Map<String, Tensor> numbers = new LinkedHashMap<>();

    Draw(String name, DType type, long seed) {
        this.b = Graph.builder(name);
        this.type = type;
        this.random = new Random(seed ^ name.hashCode());
    }

    /** From {@code low} to {@code high}, both included. */
    int size(int low, int high) {
        return low + random.nextInt(high - low + 1);
    }

    boolean coin() {
        return random.nextBoolean();
    }

    @SafeVarargs
    final <T> T of(T... choices) {
        return choices[random.nextInt(choices.length)];
    }

    /** One to four axes of one to four. */
    long[] shape() {
        return shape(size(1, 4));
    }

    long[] shape(int rank) {
        long[] s = new long[rank];
        for (int i = 0; i < rank; i++) {
            s[i] = size(1, 4);
        }
        return s;
    }

    /** A shape that broadcasts to another. */
    long[] narrower(long... shape) {
        int from = random.nextInt(shape.length + 1);
        long[] s = java.util.Arrays.copyOfRange(shape, from, shape.length);
        for (int i = 0; i < s.length; i++) {
            s[i] = coin() ? s[i] : 1;
        }
        return s;
    }

    /** An input between -2 and 2. */
    Value x(long... shape) {
        return x(-2.0, 2.0, shape);
    }

    /** An input whose numbers lie apart from each other, so that none is near a maximum it is not. */
    Value x(double low, double high, long... shape) {
        String name = "x" + numbers.size();
        int n = (int) Shape.of(shape).size();
        double[] v = new double[n];
        for (int i = 0; i < n; i++) {
            v[i] = low + (high - low) * (i + 0.2 + 0.6 * random.nextDouble()) / n;
        }
        for (int i = n - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            double t = v[i];
            v[i] = v[j];
            v[j] = t;
        }
        numbers.put(name, Tensor.of(type, Shape.of(shape), v));
        return b.input(name, type, Shape.of(shape));
    }

    /** Constant indices in {@code [-bound, bound)}. */
    Value indices(long bound, long... shape) {
        long[] v = new long[(int) Shape.of(shape).size()];
        for (int i = 0; i < v.length; i++) {
            v[i] = random.nextLong(-bound, bound);
        }
        return b.constant(Constant.longs(Shape.of(shape), v));
    }

    Value longs(long... v) {
        return b.longs(v);
    }

    Graph graph(Value y) {
        return b.output("y", y).build();
    }
}
