package org.armature.lerobot;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.lerobot.Info.Feature;
import org.armature.lerobot.LeRobotDataset.Episode;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.osgi.service.component.annotations.Component;

/**
 * Numbers of a LeRobot dataset as training examples. An example is a frame: each of {@code inputs}
 * (["observation.state"]) as it is, {@code action} (the feature's name, "action") of this and the next frames as
 * {@code target float[horizon * A]}, and {@code target_is_pad float[horizon]}, 1 where the episode had ended and its last
 * action is repeated. {@code task int64[]} is the number of what was asked.
 *
 * <p>Config: {@code folder}, {@code inputs}, {@code action}, {@code horizon} (1), {@code test_every} (10: every tenth
 * episode is for the test).
 */
@Component(property = {"armature.id=lerobot", "armature.kind=dataset"})
public final class LeRobotEpisodes implements DatasetProvider {
    @Override
    public String id() {
        return "lerobot";
    }

    @Override
    public Dataset open(String split, Config c) throws IOException {
        LeRobotDataset d = LeRobotDataset.open(Path.of(c.text("folder")));
        List<String> inputs = c.has("inputs") ? c.texts("inputs") : List.of("observation.state");
        String action = c.text("action", "action");
        int horizon = c.integer("horizon", 1);
        int every = c.integer("test_every", 10);
        if (horizon < 1 || every < 2) {
            throw new IllegalArgumentException("dataset lerobot needs horizon >= 1 and test_every >= 2");
        }
        boolean test = split.equals("test");
        SequencedMap<String, TensorType> example = new LinkedHashMap<>();
        for (String name : inputs) {
            example.put(name, floats(feature(d, name).size()));
        }
        int a = feature(d, action).size();
        example.put("target", floats(horizon * a));
        example.put("target_is_pad", floats(horizon));
        example.put("task", new TensorType(DType.INT64, Shape.of()));
        List<float[][]> rows = new ArrayList<>();
        List<Long> tasks = new ArrayList<>();
        for (Map.Entry<Path, List<Episode>> e : d.files().entrySet()) {
            try (Table t = Table.open(e.getKey())) {
                List<double[]> columns = new ArrayList<>();
                for (String name : inputs) {
                    columns.add(d.numbers(t, name));
                }
                double[] actions = d.numbers(t, action);
                double[] task = d.numbers(t, "task_index");
                int at = 0;
                for (Episode episode : e.getValue()) {
                    int n = Math.toIntExact(episode.length());
                    if (at + n > t.rows()) {
                        throw new IOException(e.getKey() + " has " + t.rows() + " rows, fewer than its episodes");
                    }
                    boolean wanted = (episode.index() % every == every - 1) == test;
                    for (int k = 0; wanted && k < n; k++) {
                        rows.add(example(d, inputs, columns, actions, a, horizon, at, k, n));
                        tasks.add((long) task[at + k]);
                    }
                    at += n;
                }
            }
        }
        return new Examples(example, List.copyOf(rows), List.copyOf(tasks));
    }

    private static float[][] example(
            LeRobotDataset d,
            List<String> inputs,
            List<double[]> columns,
            double[] actions,
            int a,
            int horizon,
            int at,
            int k,
            int n) {
        float[][] example = new float[inputs.size() + 2][];
        for (int i = 0; i < inputs.size(); i++) {
            int size = d.info().features().get(inputs.get(i)).size();
            example[i] = floats(columns.get(i), (at + k) * size, size);
        }
        float[] target = new float[horizon * a];
        float[] pad = new float[horizon];
        for (int h = 0; h < horizon; h++) {
            int from = at + Math.min(k + h, n - 1);
            System.arraycopy(floats(actions, from * a, a), 0, target, h * a, a);
            pad[h] = k + h < n ? 0 : 1;
        }
        example[inputs.size()] = target;
        example[inputs.size() + 1] = pad;
        return example;
    }

    private static float[] floats(double[] all, int from, int n) {
        float[] f = new float[n];
        for (int i = 0; i < n; i++) {
            f[i] = (float) all[from + i];
        }
        return f;
    }

    private static TensorType floats(long n) {
        return new TensorType(DType.FLOAT, Shape.of(n));
    }

    private static Feature feature(LeRobotDataset d, String name) {
        Feature f = d.info().features().get(name);
        if (f == null || f.image() || f.dtype().equals("string")) {
            throw new IllegalArgumentException(d.folder() + " has no numbers '" + name + "'; its features are "
                    + d.info().features().keySet());
        }
        return f;
    }

    private record Examples(SequencedMap<String, TensorType> example, List<float[][]> rows, List<Long> tasks)
            implements Dataset {
        @Override
        public long size() {
            return rows.size();
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            int column = 0;
            for (String name : example.keySet()) {
                Tensor t = into.get(name);
                for (int i = 0; t != null && i < indices.length; i++) {
                    int row = Math.toIntExact(indices[i]);
                    if (name.equals("task")) {
                        t.setLong(i, tasks.get(row));
                    } else {
                        float[] v = rows.get(row)[column];
                        MemorySegment.copy(
                                v, 0, t.data(), ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i * v.length, v.length);
                    }
                }
                column++;
            }
        }
    }
}
