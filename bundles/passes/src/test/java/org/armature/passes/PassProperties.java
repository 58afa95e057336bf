package org.armature.passes;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AfterContainer;
import org.armature.compute.CompileOptions;
import org.armature.compute.CompileOptions.Optimization;
import org.armature.compute.GraphPass;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** The laws of a pass: the same outputs, the same borders, nothing left to do the second time. */
class PassProperties {
    private static final OnnxExecutor ONNX = new OnnxExecutor();
    static final List<GraphPass> PASSES = List.of(
            new Simplify(),
            new CommonSubexpressions(),
            new FoldConstants(ONNX),
            new FoldBatchNorm(),
            new Fuse(),
            new Standard(ONNX));
    private static final int TRIES = Boolean.getBoolean("armature.long") ? 200 : 4;

    @AfterContainer
    static void close() {
        ONNX.close();
    }

    @Property(tries = 1, shrinking = ShrinkingMode.OFF)
    void outputsStayAndTheSecondTimeNothingChanges(@ForAll long seed) {
        for (int i = 0; i < TRIES; i++) {
            for (Drawing d : Drawing.values()) {
                Graph g = d.draw(new Random(seed + i));
                Map<String, Tensor> in = numbers(g, seed);
                Map<String, Tensor> before = run(g, in);
                for (GraphPass pass : PASSES) {
                    Graph after = pass.apply(g);
                    String what = pass.id() + " of " + d + ", seed " + (seed + i) + "\n" + g + "\n" + after;
                    assertEquals(after, pass.apply(after), what);
                    assertEquals(borders(g), borders(after), what);
                    assertClose(before, run(after, in), what);
                }
            }
        }
    }

    private static List<String> borders(Graph g) {
        List<String> all = new ArrayList<>();
        g.inputs().forEach(v -> all.add(v.toString()));
        g.parameters().forEach(v -> all.add(v.toString()));
        g.outputs().forEach((k, v) -> all.add(k + v.type()));
        return all;
    }

    private static Map<String, Tensor> numbers(Graph g, long seed) {
        Random r = new Random(seed);
        Map<String, Tensor> in = new LinkedHashMap<>();
        List<Value> all = new ArrayList<>(g.inputs());
        all.addAll(g.parameters());
        for (Value v : all) {
            in.put(
                    v.name(),
                    Tensor.of(
                            v.dtype(),
                            v.shape(),
                            r.doubles(v.shape().size(), 0.1, 1).toArray()));
        }
        return in;
    }

    private static Map<String, Tensor> run(Graph g, Map<String, Tensor> in) {
        CompileOptions plain = CompileOptions.DEFAULT.with(Optimization.NONE).withThreads(1);
        try (Program p = ONNX.compile(g, plain)) {
            return p.run(in);
        }
    }

    private static void assertClose(Map<String, Tensor> a, Map<String, Tensor> b, String what) {
        a.forEach((name, t) -> {
            double[] x = t.toDoubles();
            double[] y = b.get(name).toDoubles();
            for (int i = 0; i < x.length; i++) {
                assertEquals(x[i], y[i], 1e-6 * Math.max(1, 8 * Math.abs(x[i])), what);
            }
        });
    }

    /** Families of random graphs. */
    enum Drawing {
        ELEMENTWISE {
            @Override
            Value build(Graph.Builder b, Random r) {
                List<Value> all = new ArrayList<>(List.of(b.input("x", Shape.of(2, 3)), b.input("y", Shape.of(2, 3))));
                for (int i = 0; i < 12; i++) {
                    Value p = all.get(r.nextInt(all.size()));
                    Value q = all.get(r.nextInt(all.size()));
                    all.add(
                            switch (r.nextInt(11)) {
                                case 0 -> add(p, q);
                                case 1 -> mul(p, 1);
                                case 2 -> add(p, 0);
                                case 3 -> tanh(p);
                                case 4 -> identity(p);
                                case 5 -> transpose(transpose(p, 1, 0), 1, 0);
                                case 6 -> reshape(reshape(p, 3, 2), 2, 3);
                                case 7 -> mul(p, sigmoid(q));
                                case 8 -> expand(p, 2, 3);
                                case 9 -> div(p, 1);
                                default -> where(greater(p, q), p, mul(q, 0.5));
                            });
                }
                return tanh(sum(all.toArray(Value[]::new)));
            }
        },
        CONSTANTS {
            @Override
            Value build(Graph.Builder b, Random r) {
                Value x = b.input("x", Shape.of(3, 4));
                Value c = b.constant(
                        Constant.of(DType.FLOAT, Shape.of(3, 4), r.doubles(12).toArray()));
                Value made = mul(
                        exp(add(c, 1)), matMul(c, transpose(c, 1, 0)).shape().rank() == 2 ? c : x);
                Value sizes = shape(x);
                Value like = expand(b.scalar(DType.FLOAT, 0.5), 3, 4);
                Value viaShape = node("Reshape", x, sizes);
                return r.nextBoolean() ? add(mul(viaShape, made), like) : add(sub(made, like), viaShape);
            }
        },
        BATCH_NORM {
            @Override
            Value build(Graph.Builder b, Random r) {
                int group = 1 + r.nextInt(2);
                Value x = b.input("x", Shape.of(2, 2L * group, 5, 4));
                boolean transpose = group == 1 && r.nextBoolean();
                Value w = b.parameter("w", DType.FLOAT, Shape.of(4, transpose ? 3 : 2, 3, 2));
                if (transpose) {
                    w = slice(w, 0, 0, 2);
                }
                long o = transpose ? 3 : 4;
                Value bias = r.nextBoolean() ? b.parameter("b", DType.FLOAT, Shape.of(o)) : Value.none();
                Window win = Window.of(2).pad(1).group(group);
                Value y = transpose ? convTranspose(x, w, bias, win) : conv(x, w, bias, win);
                Value[] p = new Value[4];
                for (int i = 0; i < 4; i++) {
                    p[i] = b.parameter("p" + i, DType.FLOAT, Shape.of(o));
                }
                return batchNormalization(y, p[0], p[1], p[2], p[3], 1e-2);
            }
        },
        LAYER_NORM {
            @Override
            Value build(Graph.Builder b, Random r) {
                Value x = b.input("x", Shape.of(2, 3, 8));
                Value c = sub(x, reduceMean(x, true, -1));
                Value square = r.nextBoolean() ? mul(c, c) : pow(c, 2);
                Value u = div(c, sqrt(add(reduceMean(square, true, 2), 1e-2)));
                Value scale = b.parameter("scale", DType.FLOAT, Shape.of(8));
                Value bias = b.parameter("bias", DType.FLOAT, Shape.of(8));
                Value scaled = r.nextBoolean() ? mul(u, scale) : mul(scale, u);
                return r.nextBoolean() ? add(scaled, bias) : add(bias, scaled);
            }
        },
        GELU {
            @Override
            Value build(Graph.Builder b, Random r) {
                Value x = b.input("x", Shape.of(3, 5));
                Value erf = erf(r.nextBoolean() ? div(x, Math.sqrt(2)) : mul(x, Math.sqrt(0.5)));
                Value sum = r.nextBoolean() ? add(erf, 1) : add(like(x, 1), erf);
                return switch (r.nextInt(3)) {
                    case 0 -> mul(mul(x, sum), 0.5);
                    case 1 -> mul(mul(x, 0.5), sum);
                    default -> mul(x, mul(sum, 0.5));
                };
            }
        },
        ATTENTION {
            @Override
            Value build(Graph.Builder b, Random r) {
                Value qkv = b.input("qkv", Shape.of(2, 5, 3 * 2 * 4));
                Value heads = transpose(reshape(qkv, 2, 5, 3, 2, 4), 2, 0, 3, 1, 4);
                Value scores = matMul(select(heads, 0, 0), transposeLast(select(heads, 0, 1)));
                scores = r.nextBoolean() ? mul(scores, 0.5) : div(scores, 2);
                if (r.nextBoolean()) {
                    scores = add(scores, b.input("bias", Shape.of(1, 2, 5, 5)));
                }
                Value y = matMul(softmax(scores, -1), select(heads, 0, 2));
                return reshape(transpose(y, 0, 2, 1, 3), 2, 5, 8);
            }
        },
        PRODUCTS {
            @Override
            Value build(Graph.Builder b, Random r) {
                Value x = b.input("x", Shape.of(2, 3, 4));
                Value y = b.input("y", r.nextBoolean() ? Shape.of(2, 3, 4) : Shape.of(3, 4));
                Value p = r.nextBoolean() ? matMul(x, transposeLast(y)) : matMul(transposeLast(x), y);
                return r.nextBoolean() ? mul(p, 0.25) : matMul(div(p, 8), transposeLast(p));
            }
        };

        abstract Value build(Graph.Builder b, Random r);

        Graph draw(Random r) {
            Graph.Builder b = Graph.builder(name());
            return b.output("out", build(b, r)).build();
        }
    }

    @Property(tries = 1)
    void whatIsRecognisedBecomesOneNode() {
        assertFused(Drawing.LAYER_NORM, "LayerNormalization", 1);
        assertFused(Drawing.GELU, "Gelu", 1);
        assertFused(Drawing.ATTENTION, "MultiHeadAttention", -1);
        for (int i = 0; i < 8; i++) {
            Graph bn = new FoldBatchNorm().apply(Drawing.BATCH_NORM.draw(new Random(i)));
            assertTrue(bn.nodes().stream().noneMatch(n -> n.is("BatchNormalization")), bn::toString);
            Graph product = new Standard(ONNX).apply(Drawing.PRODUCTS.draw(new Random(i)));
            assertTrue(product.nodes().stream().noneMatch(n -> n.is("Transpose") || n.is("MatMul")), product::toString);
        }
    }

    private static void assertFused(Drawing d, String type, int nodes) {
        for (int i = 0; i < 12; i++) {
            Graph g = new Standard(ONNX).apply(d.draw(new Random(i)));
            assertTrue(g.nodes().stream().anyMatch(n -> n.type().equals(type)), g::toString);
            assertTrue(nodes < 0 || g.nodes().size() == nodes, g::toString);
        }
    }

    @Property(tries = 1)
    void whatIsComputedTwiceIsComputedOnce() {
        Graph.Builder b = Graph.builder("twice");
        Value x = b.input("x", Shape.of(2));
        Graph g = b.output("y", add(mul(exp(x), 2), mul(exp(x), 2))).build();
        assertEquals(3, new CommonSubexpressions().apply(g).nodes().size());
    }

    @Property(tries = 1)
    void shapesAndConstantsAreComputedAhead() {
        Graph.Builder b = Graph.builder("ahead");
        Value x = b.input("x", Shape.of(2, 6));
        Value half = exp(b.constant(Constant.of(DType.FLOAT, Shape.of(6), 1, 2, 3, 4, 5, 6)));
        Value target = concat(0, slice(shape(x), 0, 0, 1), b.longs(3, 2));
        Graph g = b.output("y", node("Reshape", mul(x, half), target)).build();
        Graph folded = new FoldConstants(ONNX).apply(g);
        assertEquals(
                List.of("Mul", "Reshape"),
                folded.nodes().stream().map(n -> n.type()).toList());
    }
}
