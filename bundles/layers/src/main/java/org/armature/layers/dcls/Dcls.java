package org.armature.layers.dcls;

import static org.armature.graph.Ops.abs;
import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.equal;
import static org.armature.graph.Ops.exp;
import static org.armature.graph.Ops.floor;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.select;
import static org.armature.graph.Ops.squeeze;
import static org.armature.graph.Ops.stopGradient;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transposeLast;
import static org.armature.graph.Ops.unsqueeze;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.armature.graph.Constant;
import org.armature.graph.DType;
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
 * Dilated convolution with learnable spacings (Khalfaoui-Hassani, Pellegrini, Masquelier, ICLR 2023; Gaussian and triangle
 * forms: ICML 2023 workshop): a large kernel of few weights, each of which has a learnt real position.
 *
 * <p>Parameters, for O out and I/g in channels, m = {@code kernel_count} taps, d learnt axes: {@code weight [O, I/g, m]},
 * {@code P [d, O, I/g, m]} offsets from the kernel's centre, {@code SIG} like P for {@code gauss} and {@code max}, and
 * {@code bias [O]}. The dense kernel is {@code K(q) = sum_j w_j x_j(q)} with {@code x_j} the version's interpolation,
 * normalised over the grid unless the version is {@code v0}; then an ordinary convolution runs.
 *
 * <p>Every version is a product over axes, so K is made of one profile an axis and a product of matrices, never of the
 * {@code [O, I/g, m, k, k]} tensor: {@code K = (w f_row / s)^T f_column}, s the product of the profiles' sums.
 */
@Component(
        service = {Layer.class, EntryPoint.class},
        property = {
            "armature.id=dcls",
            "armature.kind=layer",
            "armature.paper=Dilated convolution with learnable spacings"
        })
public final class Dcls implements Layer, EntryPoint {
    private static final List<String> CLASSES =
            List.of("Dcls1d", "Dcls2d", "Dcls3d", "Dcls3_1d", "Dcls2_1d", "Dcls2dK1d");
    private static final List<String> VERSIONS = List.of("v0", "v1", "max", "gauss");

    @Override
    public String id() {
        return "dcls";
    }

    @Override
    public Value build(Scope scope, Value x, Config config) {
        return forward(scope, x, config).out;
    }

    @Override
    public Set<String> entries() {
        return Set.of("forward");
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        Graph.Builder b = Graph.builder("dcls");
        Result r = forward(b.scope(), b.input("input", inv.input("input").shape()), inv.config());
        return Optional.of(b.output("out", r.out).output("kernel", r.kernel).build());
    }

    private record Result(Value kernel, Value out) {}

    private static Result forward(Scope p, Value x, Config c) {
        String type = choose("class", c.text("class", "Dcls" + (x.rank() - 2) + "d"), CLASSES);
        String version = choose("version", c.text("version", type.contains("_1d") ? "gauss" : "v1"), VERSIONS);
        int in = c.integer("in_channels", (int) x.shape().dim(1));
        int out = c.integer("out_channels");
        int groups = c.integer("groups", 1);
        Windows.checkGroups("dcls", in, out, groups);
        int taps = c.integer("kernel_count");
        if (taps < 1) {
            throw new IllegalArgumentException("config key kernel_count is " + taps + ": give a number >= 1");
        }
        boolean mixed = type.contains("_1d"); // positions learnt on the last axis only
        int learned = mixed || type.endsWith("K1d") ? 1 : type.charAt(4) - '0';
        if (mixed && version.equals("v0")) {
            throw new IllegalArgumentException("config key version is \"v0\": " + type + " has v1, max and gauss");
        }
        long[] lim = Windows.spread(c, "dilated_kernel_size", learned, 0);
        long[] dense = mixed ? Windows.spread(c, "dense_kernel_size", type.charAt(4) - '1', 3) : new long[0];

        Shape lead = Shape.of(out, in / groups).concat(Shape.of(dense)); // [O, I/g, dense...]
        Shape perTap = lead.concat(Shape.of(taps));
        Shape perAxis = Shape.of(learned).concat(perTap);
        Value weight = p.parameter("weight", perTap);
        Value position = p.parameter("P", perAxis);
        boolean wide = version.equals("max") || version.equals("gauss");
        Value width = wide ? add(abs(p.parameter("SIG", perAxis)), version.equals("max") ? 1.0 : 0.27) : Value.none();

        int[] order = axisOrder(version, learned, c.text("axis_order", "official"), lim);
        Value[] profile = new Value[learned]; // [.., m, lim] of the kernel's axes in their order
        Value sums = null; // [.., m]
        for (int i = 0; i < learned; i++) {
            int axis = order[i];
            Value at = add(select(position, 0, i), (double) Math.floorDiv(lim[i], 2L));
            Value s = wide ? select(width, 0, i) : Value.none();
            profile[axis] = profile(version, unsqueeze(at, -1), s.isPresent() ? unsqueeze(s, -1) : s, lim[axis]);
            Value sum = reduceSum(profile[axis], false, -1);
            sums = sums == null ? sum : mul(sums, sum);
        }
        Value w = version.equals("v0") ? weight : div(weight, add(sums, 1e-7));
        Value kernel = assemble(w, profile, lead);
        Value dense2d = type.endsWith("K1d") ? unsqueeze(kernel, c.integer("flat_dim", 0) == 0 ? -1 : -2) : kernel;
        Value bias = c.flag("bias", true) ? p.parameter("bias", out) : Value.none();
        Ops.Window window = Windows.read(c, x.rank() - 2, 0);
        return new Result(kernel, Windows.convolve(x, dense2d, bias, window, c.text("padding_mode", "zeros")));
    }

    /** {@code K [lead..., k_1..k_d]} from the taps' weights {@code [lead..., m]} and the axes' profiles. */
    private static Value assemble(Value w, Value[] profile, Shape lead) {
        Value acc = unsqueeze(w, -1); // [lead..., m, cells so far]
        for (int a = 0; a < profile.length - 1; a++) {
            Value outer = mul(unsqueeze(acc, -1), unsqueeze(profile[a], -2));
            long[] sizes = Arrays.copyOf(lead.sizes(), lead.rank() + 2);
            sizes[lead.rank()] = w.shape().dim(-1);
            sizes[lead.rank() + 1] = -1;
            acc = reshape(outer, sizes);
        }
        Value k = matMul(transposeLast(acc), profile[profile.length - 1]); // [lead..., cells, k_d]
        if (profile.length == 1) {
            return squeeze(k, -2);
        }
        List<Long> sizes = new ArrayList<>();
        for (long n : lead.sizes()) {
            sizes.add(n);
        }
        for (Value f : profile) {
            sizes.add(f.shape().dim(-1));
        }
        return reshape(k, sizes.stream().mapToLong(Long::longValue).toArray());
    }

    /** The interpolation along one axis: {@code at [.., m, 1] -> [.., m, cells]}. */
    private static Value profile(String version, Value at, Value width, long cells) {
        float[] index = new float[(int) cells];
        for (int i = 0; i < index.length; i++) {
            index[i] = i;
        }
        Value q = at.builder().constant(Constant.floats(Shape.of(cells), index));
        return switch (version) {
            case "v0" -> {
                Value low = stopGradient(floor(at));
                Value r = sub(at, low);
                Value here = cast(equal(q, low), DType.FLOAT);
                Value next = cast(equal(q, add(low, 1.0)), DType.FLOAT);
                yield add(mul(sub(1.0, r), here), mul(r, next));
            }
            case "v1" -> relu(sub(1.0, abs(sub(q, at))));
            case "max" -> relu(sub(width, abs(sub(q, at))));
            default -> {
                Value t = div(sub(q, at), width);
                yield exp(mul(mul(t, t), -0.5));
            }
        };
    }

    /**
     * Which axis {@code P[i]} moves along. The official code counts from the last axis, except for {@code v0}; checkpoints
     * need that order, although its centres are wrong where sizes differ.
     */
    private static int[] axisOrder(String version, int n, String order, long[] lim) {
        boolean official =
                choose("axis_order", order, List.of("official", "natural")).equals("official");
        if (!official || n == 1 || version.equals("v0") && n == 2) {
            return n == 1 ? new int[] {0} : n == 2 ? new int[] {0, 1} : new int[] {0, 1, 2};
        }
        if (version.equals("v0")) {
            return new int[] {0, 2, 1};
        }
        if (Arrays.stream(lim).distinct().count() > 1) {
            throw new IllegalArgumentException("dcls: dilated_kernel_size " + Arrays.toString(lim) + " with version "
                    + version + " puts taps outside the kernel in the official axis order: set axis_order=natural");
        }
        return n == 2 ? new int[] {1, 0} : new int[] {2, 1, 0};
    }

    private static String choose(String key, String value, List<String> known) {
        if (!known.contains(value)) {
            throw new IllegalArgumentException(
                    "config key " + key + " is \"" + value + "\": choose one of " + String.join(", ", known));
        }
        return value;
    }
}
