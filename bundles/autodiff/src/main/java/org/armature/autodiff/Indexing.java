package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** Gather and scatter: each is the other's way back. */
final class Indexing {
    private Indexing() {}

    static void rules(Rules.Table t) {
        t.put("Gather", Indexing::gatherRule);
        t.put("GatherElements", s -> {
            if (s.wants(0)) {
                s.add(0, scatterElements(s.zeros(0), s.x(1), s.dy(), s.axis("axis", 0), "add"));
            }
        });
        t.put("GatherND", s -> {
            if (s.wants(0)) {
                Value at = withBatch(s.x(1), s.node.integer("batch_dims", 0));
                s.add(0, scatterND(s.zeros(0), at, s.dy(), "add"));
            }
        });
        t.put("ScatterElements", s -> scatterRule(s, new Elements(s.axis("axis", 0))));
        t.put("Scatter", s -> scatterRule(s, new Elements(s.axis("axis", 0))));
        t.put("ScatterND", s -> scatterRule(s, new Slices()));
    }

    /** Known single positions are put back by padding, others are scattered. */
    private static void gatherRule(Step s) {
        if (!s.wants(0)) {
            return;
        }
        int axis = s.axis("axis", 0);
        Shape x = s.shape(0);
        Constant at = s.type(1).constant().orElse(null);
        if (at != null && at.shape().size() == 1) {
            long i = at.getLong(0);
            s.addPart(0, axis, i < 0 ? i + x.dim(axis) : i, Ops.reshape(s.dy(), x.with(axis, 1)));
            return;
        }
        Shape rows = x.with(axis, s.shape(1).size());
        Value dy = s.dy().shape().equals(rows) ? s.dy() : Ops.reshape(s.dy(), rows);
        s.add(0, scatterAdd(dy, reshape(s.x(1), -1), axis, x));
    }

    /** Slices of {@code g} along an axis, added into zeros of a shape at {@code indices [n]}. */
    static Value scatterAdd(Value g, Value indices, int axis, Shape into) {
        long[] perm = LongStream.concat(
                        LongStream.of(axis), LongStream.range(0, g.rank()).filter(i -> i != axis))
                .toArray();
        Value first = axis == 0 ? g : transpose(g, perm);
        Shape target = Shape.of(Arrays.stream(perm).map(p -> into.dim((int) p)).toArray());
        Value sum = scatterND(zeros(g, target), reshape(indices, -1, 1), first, "add");
        return axis == 0 ? sum : transpose(sum, Layout.inverse(perm));
    }

    private static Value zeros(Value like, Shape shape) {
        Value zero = Ops.like(like, 0);
        return shape.rank() == 0 ? zero : expand(zero, shape);
    }

    /** Index tuples that start with their position in the batch axes. */
    private static Value withBatch(Value indices, long batch) {
        Value at = cast(indices, DType.INT64);
        Shape s = at.shape();
        int last = s.rank() - 1;
        for (int b = (int) batch - 1; b >= 0; b--) {
            long[] ones = new long[s.rank()];
            Arrays.fill(ones, 1);
            ones[b] = s.dim(b);
            Value range = reshape(at.builder().constant(Reductions.range(s.dim(b))), ones);
            at = concat(last, expand(range, s.with(last, 1)), at);
        }
        return at;
    }

    /** How a scatter addresses its data. */
    private sealed interface Address {
        Value read(Value data, Value indices);

        Value write(Value data, Value indices, Value updates);
    }

    private record Elements(int axis) implements Address {
        @Override
        public Value read(Value data, Value indices) {
            return gatherElements(data, indices, axis);
        }

        @Override
        public Value write(Value data, Value indices, Value updates) {
            return scatterElements(data, indices, updates, axis, "none");
        }
    }

    private record Slices() implements Address {
        @Override
        public Value read(Value data, Value indices) {
            return gatherND(data, indices, 0);
        }

        @Override
        public Value write(Value data, Value indices, Value updates) {
            return scatterND(data, indices, updates, "none");
        }
    }

    private static void scatterRule(Step s, Address address) {
        Value at = s.x(1);
        Value dy = s.dy();
        switch (s.node.text("reduction", "none")) {
            case "none" -> {
                if (s.wants(0)) {
                    s.add(0, address.write(dy, at, s.zeros(2)));
                }
                s.add(2, address.read(dy, at));
            }
            case "add" -> {
                s.add(0, dy);
                s.add(2, address.read(dy, at));
            }
            case "mul" -> {
                Value share = mul(dy, s.y());
                s.add(0, div(share, s.x(0)));
                s.add(2, div(address.read(share, at), s.x(2)));
            }
            default -> { // max and min: whoever equals the result
                s.add(0, where(equal(s.x(0), s.y()), dy, like(dy, 0)));
                Value hit = equal(s.x(2), address.read(s.y(), at));
                s.add(2, where(hit, address.read(dy, at), like(dy, 0)));
            }
        }
    }
}
