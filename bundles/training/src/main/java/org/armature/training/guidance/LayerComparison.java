package org.armature.training.guidance;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Model;
import org.armature.train.Objective;

/** How alike every layer of one network is to every layer of another, on one batch of examples. */
final class LayerComparison {
    private LayerComparison() {}

    /** Linear CKA on the first examples: rows the guide's layers, whose parameters are called {@code guide.*}. */
    static HeatMap of(Model guide, Objective.Moment now, int batch) {
        Graph.Builder b = Graph.builder("compare");
        Map<String, Value> in = new LinkedHashMap<>();
        now.test()
                .example()
                .forEach((name, t) ->
                        in.put(name, b.input(name, t.dtype(), Shape.of(batch).concat(t.shape()))));
        now.model().build(b.scope(), in);
        List<Taps.Tap> columns = Taps.find(b.nodes(), batch);
        int made = b.nodes().size();
        guide.build(b.scope().at(Guidance.GUIDE), in);
        List<Taps.Tap> rows = Taps.find(b.nodes().subList(made, b.nodes().size()), batch);
        b.output(
                "matrix",
                SimilarityEntry.matrix(
                        Similarity.CKA,
                        rows.stream().map(Taps.Tap::value).toList(),
                        columns.stream().map(Taps.Tap::value).toList(),
                        new Similarity.Kernels()));
        try (Program p = now.executor().compile(b.build())) {
            Map<String, Tensor> given = new LinkedHashMap<>(now.parameters());
            Map<String, Tensor> examples =
                    now.test().batch(LongStream.range(0, batch).toArray());
            given.putAll(examples);
            Map<String, Tensor> out = p.run(given);
            float[] values = out.get("matrix").toFloats();
            out.values().forEach(Tensor::close);
            examples.values().forEach(Tensor::close);
            return new HeatMap(names(rows), names(columns), values);
        }
    }

    private static List<String> names(List<Taps.Tap> taps) {
        return taps.stream().map(Taps.Tap::name).toList();
    }
}
