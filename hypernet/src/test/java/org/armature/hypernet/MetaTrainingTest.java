package org.armature.hypernet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Draw;
import org.armature.train.GradientEstimator;
import org.armature.train.TrainableModel;
import org.junit.jupiter.api.Test;

class MetaTrainingTest {
    private static final int BATCH = 2;

    private static Graph training(TrainableModel m) {
        Graph.Builder b = Graph.builder("training");
        Map<String, Value> in = new LinkedHashMap<>();
        m.inputs().forEach((name, t) -> in.put(name, b.input(name, Shape.of(BATCH, 1, 4, 4))));
        m.buildForTraining(b.scope(), in).forEach(b::output);
        return b.build();
    }

    /** A class token's row is noise that every initialisation draws for itself: what is trained for one row is of no use. */
    @Test
    void theClassTokensRowIsDrawnAnewEachStep() {
        TrainableModel m = assertInstanceOf(
                TrainableModel.class,
                new MetaTraining.Provider()
                        .create(Config.of(Map.of(
                                "networks",
                                2,
                                "layers",
                                List.of(1),
                                "widths",
                                List.of(8),
                                "heads",
                                List.of(2),
                                "image_size",
                                4,
                                "channels",
                                1,
                                "patch_size",
                                2,
                                "ghn",
                                Map.of(
                                        "hid",
                                        8,
                                        "layers",
                                        1,
                                        "heads",
                                        2,
                                        "lora_r",
                                        3,
                                        "max_ck_lora",
                                        200,
                                        "max_shape",
                                        List.of(32, 32, 16, 16))))));
        Graph g = training(m);
        Map<String, Tensor> given = new LinkedHashMap<>();
        g.parameters().forEach(v -> given.put(v.name(), Tensor.zeros(v.type())));
        Checkpoints.fresh(given, 8, true, 1);
        Tensor x = Tensor.zeros(g.inputs().getFirst().dtype(), Shape.of(BATCH, 1, 4, 4));
        Draw.of(1).normal(x, 0, 1);
        given.put("x", x);
        List<Value> rows = g.inputs().stream()
                .filter(v -> v.name().startsWith(GradientEstimator.RANDOM))
                .toList();
        assertEquals(2, rows.size());
        float[][] seen = new float[2][];
        try (Program p = new ReferenceExecutor().compile(g)) {
            for (int step = 0; step < 2; step++) {
                for (Value v : rows) {
                    Tensor row = Tensor.zeros(v.type());
                    Draw.of(step, v.name()).normal(row, 0, 1);
                    given.put(v.name(), row);
                }
                seen[step] = p.run(given).get("y.0").toFloats();
            }
        }
        assertTrue(!Arrays.equals(seen[0], seen[1]));
        given.values().forEach(Tensor::close);
    }
}
