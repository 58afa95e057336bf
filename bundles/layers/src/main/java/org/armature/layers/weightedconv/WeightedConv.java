package org.armature.layers.weightedconv;

import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reshape;

import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.layers.Windows;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.armature.nn.Layer;
import org.osgi.service.component.annotations.Component;

/**
 * Convolution whose kernel is multiplied by a symmetric separable density (Cammarasana and Patanè 2025):
 * {@code alpha = [den_1 .. den_h, 1, den_h .. den_1]}, {@code Phi = alpha x alpha [x alpha]}, {@code W = weight * Phi}.
 * {@code den_1} is the outermost value.
 *
 * <p>Fixed density: parameter {@code weight} (the official buffers {@code alfa} and {@code Phi} follow from {@code den} and
 * are not read). {@code trainable}: also {@code den [h]}. With {@code bias}: {@code bias [O]}.
 */
@Component(
        service = {Layer.class, EntryPoint.class},
        property = {
            "armature.id=weighted-conv",
            "armature.kind=layer",
            "armature.paper=Optimal Weighted Convolution for Classification and Denoising"
        })
public final class WeightedConv implements Layer, EntryPoint {
    @Override
    public String id() {
        return "weighted-conv";
    }

    @Override
    public Set<String> entries() {
        return Set.of("forward");
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        Graph.Builder b = Graph.builder("weighted-conv");
        Value x = b.input("input", inv.input("input").shape());
        return Optional.of(b.output("out", build(b.scope(), x, inv.config())).build());
    }

    @Override
    public Value build(Scope p, Value x, Config c) {
        int axes = x.rank() - 2;
        String type = c.text("class", "wConv" + axes + "d");
        if (!type.equals("wConv" + axes + "d")) {
            throw new IllegalArgumentException(
                    "config key class is \"" + type + "\", but the input " + x + " has " + axes + " spatial axes");
        }
        long[] kernel = Windows.spread(c, "kernel_size", axes, 3);
        long k = kernel[0];
        if (k % 2 == 0 || Arrays.stream(kernel).anyMatch(s -> s != k)) {
            throw new IllegalArgumentException(
                    "config key kernel_size is " + Arrays.toString(kernel) + ": give one odd number for all axes");
        }
        int in = c.integer("in_channels", (int) x.shape().dim(1));
        int out = c.integer("out_channels");
        int groups = c.integer("groups", 1);
        Windows.checkGroups("weighted-conv", in, out, groups);
        int half = (int) (k - 1) / 2;

        Value density = c.flag("trainable", false) ? p.parameter("den", half) : fixed(p, c, half);
        Value alpha = half == 0
                ? density
                : concat(0, density, p.builder().constant(Constant.floats(Shape.of(1), 1)), flip(density));
        long[] size = new long[axes + 2];
        Arrays.fill(size, k);
        size[0] = out;
        size[1] = in / groups;
        Value w = p.parameter("weight", size);
        for (int a = 0; a < axes; a++) {
            long[] along = new long[axes];
            Arrays.fill(along, 1);
            along[a] = k;
            w = mul(w, reshape(alpha, along)); // W = weight * Phi, one factor an axis
        }
        Value bias = c.flag("bias", false) ? p.parameter("bias", out) : Value.none();
        return Ops.conv(x, w, bias, Windows.read(c, axes, 1));
    }

    private static Value fixed(Scope p, Config c, int half) {
        double[] one = new double[half];
        Arrays.fill(one, 1);
        double[] den = c.numbers("den", one);
        if (den.length != half) {
            throw new IllegalArgumentException("config key den has " + den.length + " values, but kernel_size="
                    + (2 * half + 1) + " needs " + half + ", the outermost first");
        }
        if (Arrays.stream(den).anyMatch(d -> !Double.isFinite(d))) {
            throw new IllegalArgumentException("config key den is " + Arrays.toString(den) + ": give finite numbers");
        }
        float[] f = new float[half == 0 ? 1 : half];
        Arrays.fill(f, 1);
        for (int i = 0; i < half; i++) {
            f[i] = (float) den[i];
        }
        return p.builder().constant(Constant.floats(Shape.of(f.length), f));
    }

    private static Value flip(Value v) {
        return Ops.slice(v, 0, -1, Long.MIN_VALUE + 1, -1);
    }
}
