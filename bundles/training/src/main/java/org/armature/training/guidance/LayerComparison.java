package org.armature.training.guidance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Model;
import org.armature.train.Dataset;

/** How alike every layer of one network is to every layer of another, on one batch of examples. */
final class LayerComparison {
    private LayerComparison() {}

    /**
     * Draws the matrix of similarities, rows the guide's layers.
     *
     * @param weights parameters of the target, and of the guide as {@code guide.*}
     */
    static void draw(
            Model guide,
            Model target,
            Path weights,
            CheckpointFormat format,
            Executor executor,
            Dataset data,
            int batch,
            Path folder,
            String stem)
            throws IOException {
        Graph.Builder b = Graph.builder("compare");
        Map<String, Value> in = new LinkedHashMap<>();
        data.example()
                .forEach((name, t) ->
                        in.put(name, b.input(name, t.dtype(), Shape.of(batch).concat(t.shape()))));
        target.build(b.scope(), in);
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
        Graph g = b.build();
        long[] first = LongStream.range(0, batch).toArray();
        try (Checkpoint c = format.open(weights);
                Program p = executor.compile(g)) {
            Map<String, Tensor> given = new LinkedHashMap<>(c.forGraph(g));
            Map<String, Tensor> examples = data.batch(first);
            given.putAll(examples);
            Map<String, Tensor> out = p.run(given);
            float[] values = out.get("matrix").toFloats();
            out.values().forEach(Tensor::close);
            examples.values().forEach(Tensor::close);
            new HeatMap(names(rows), names(columns), values)
                    .write(folder, stem, "linear CKA, rows: guide, columns: target, " + batch + " examples");
        }
    }

    private static List<String> names(List<Taps.Tap> taps) {
        return taps.stream().map(Taps.Tap::name).toList();
    }
}
