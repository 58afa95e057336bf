package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.Map;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Draw;
import org.junit.jupiter.api.Test;

class LossesTest {
    private static final Shape MAPS = Shape.of(1, 2, 12, 12);

    /** All terms by name, of random depth. */
    private static Map<String, Float> terms(Config config) {
        Graph.Builder b = Graph.builder("losses");
        Map<String, Value> in = new LinkedHashMap<>();
        in.put("extrinsics", b.input("extrinsics", Shape.of(1, 2, 3, 4)));
        for (String map : new String[] {"depth_gt", "point_masks", "depth_conf"}) {
            in.put(map, b.input(map, MAPS));
        }
        in.put("depth", b.input("depth", MAPS.concat(Shape.of(1))));
        in.put("world_points_gt", b.input("world_points_gt", MAPS.concat(Shape.of(3))));
        Losses.of(config).build(in).forEach((name, v) -> {
            if (v.rank() == 0) {
                b.output(name, v);
            }
        });
        Map<String, Tensor> given = new LinkedHashMap<>();
        in.forEach((name, v) -> {
            Tensor t = Tensor.zeros(v.type());
            Draw.of(3, name).uniform(t, 1, 2);
            given.put(name, t);
        });
        for (int i = 0; i < 24; i++) {
            given.get("extrinsics").set(i, i % 12 % 5 == 0 ? 1 : 0);
        }
        Map<String, Float> out = new LinkedHashMap<>();
        try (OnnxExecutor executor = new OnnxExecutor();
                Program p = executor.compile(b.build())) {
            p.run(given).forEach((name, t) -> {
                out.put(name, t.toFloats()[0]);
                t.close();
            });
        }
        given.values().forEach(Tensor::close);
        return out;
    }

    @Test
    void withoutTheLocalTermTheRestIsTheSame() {
        Map<String, Float> all = terms(Config.of(Map.of()));
        Map<String, Float> some = terms(Config.of(Map.of("local_loss", false)));
        float local = all.get("loss_grad_depth");
        assertTrue(local > 0.1, "random depth has slopes: " + local);
        assertFalse(some.containsKey("loss_grad_depth"));
        assertEquals(all.get("loss_reg_depth"), some.get("loss_reg_depth"), 1e-6);
        assertEquals(all.get("objective") - local, some.get("objective"), 1e-5);
    }
}
