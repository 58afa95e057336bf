package org.armature.terminator;

import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reshape;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.train.Optimizer;
import org.osgi.service.component.annotations.Component;

/**
 * Terminator as a service: the model by the official configuration's keys, and the entries {@code forward} (logits, kernels,
 * losses, chosen blocks' insides) and {@code optimizer} (some steps of Kar).
 */
@Component(
        service = {ModelProvider.class, EntryPoint.class},
        property = {
            "armature.id=terminator",
            "armature.kind=model",
            "armature.paper=HyperZ.Z.W Operator Connects Slow-Fast Networks for Full Context Interaction"
        })
public final class TerminatorModule implements ModelProvider, EntryPoint {
    @Override
    public String id() {
        return "terminator";
    }

    @Override
    public Model create(Config config) {
        return new Terminator(TerminatorConfig.of(config));
    }

    @Override
    public Set<String> entries() {
        return Set.of("forward", "optimizer");
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        return switch (inv.entry()) {
            case "forward" -> Optional.of(forward(inv));
            case "optimizer" -> Optional.of(steps(inv));
            default -> Optional.empty();
        };
    }

    private static Graph forward(Invocation inv) {
        Config c = inv.config();
        Graph.Builder b = Graph.builder("terminator");
        Terminator net = new Terminator(TerminatorConfig.of(c));
        Terminator.Pass pass = net.new Pass(b.scope(), Norms.Mode.BATCH, false);
        Tensor image = inv.input("image");
        Value logits = pass.run(b.input("image", image.dtype(), image.shape()));
        b.output("logits", logits);
        for (int i = 0; i < pass.outputs.size(); i++) {
            b.output("block." + i, pass.outputs.get(i));
            b.output("global_kernel." + i, pass.kernels.get(i));
        }
        for (long i : c.integers("probe_blocks", new long[0])) {
            pass.probes.forEach((name, v) -> {
                if (name.startsWith("block." + i + ".")) {
                    b.output(name, v);
                }
            });
        }
        if (inv.inputs().containsKey("label")) {
            Value label = b.input("label", DType.INT64, inv.input("label").shape());
            b.output(
                    "loss.cross_entropy",
                    SlowFastObjective.crossEntropy(logits, label, c.number("label_smoothing", 0.1)));
        }
        b.output("loss.regularizer", mul(pass.regularizer(), c.number("l2_reg", 5e-5)));
        for (Terminator.SlowLoss s : Terminator.SlowLoss.values()) {
            b.output("slow_loss." + s.id(), reshape(s.of(pass.kernels, net.factors()), 1));
        }
        return b.build();
    }

    /** {@code grad.t.i} applied to {@code param.i} in turn. */
    private static Graph steps(Invocation inv) {
        Config c = inv.config();
        Graph.Builder b = Graph.builder("optimizer");
        Optimizer kar = Kar.of(c.text("optimizer", "kar3"));
        Value rate = b.scalar(DType.FLOAT, c.number("lr"));
        List<Value> now = new ArrayList<>();
        List<Map<String, Value>> slots = new ArrayList<>();
        for (int i = 0; inv.inputs().containsKey("param." + i); i++) {
            Value p = b.input("param." + i, inv.input("param." + i).shape());
            Map<String, Value> zero = new LinkedHashMap<>();
            kar.slots(c).forEach(s -> zero.put(s, b.constant(Constant.full(DType.FLOAT, p.shape(), 0))));
            now.add(p);
            slots.add(zero);
        }
        for (int t = 0; t < c.integer("steps"); t++) {
            Value step = b.scalar(DType.FLOAT, t + 1.0);
            for (int i = 0; i < now.size(); i++) {
                Value g = b.input("grad." + t + "." + i, now.get(i).shape());
                Optimizer.Update u = kar.update(now.get(i), g, slots.get(i), rate, step, c);
                now.set(i, u.parameter());
                slots.set(i, u.slots());
                b.output("param." + (t + 1) + "." + i, u.parameter());
            }
        }
        return b.build();
    }
}
