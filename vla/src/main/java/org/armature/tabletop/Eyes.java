package org.armature.tabletop;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.model.Parameters;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;

/** A trained {@link EyesModel} at work: looks at every new picture and remembers where it pointed lately. */
final class Eyes implements Pointer {
    private final Net net;
    private final Pointed grasp = new Pointed(5);
    private final Pointed place = new Pointed(3);
    private final Map<String, Long> looked = new HashMap<>();

    /** Compiles the network; closes {@code weights} with it. */
    Eyes(Executor executor, Parameters weights) {
        net = Net.of(new EyesModel().create(Config.empty()), "tabletop-eyes", executor, weights);
    }

    @Override
    public void forget() {
        grasp.forget();
        place.forget();
        looked.clear();
    }

    @Override
    public void look(Observation seen, float[] words) {
        boolean fresh = false;
        for (CameraFrame f : seen.cameras().values()) {
            Long before = looked.put(f.camera(), f.timeNanos());
            fresh |= before == null || before != f.timeNanos();
        }
        if (!fresh) {
            return;
        }
        Patches p = Patches.of(seen.cameras());
        Map<String, Tensor> in = new LinkedHashMap<>();
        in.put("pixels", Tensor.of(p.pixels(), 1, Patches.CAMERAS, Patches.CHANNELS, Patches.ROWS, Patches.COLUMNS));
        in.put("places", Tensor.of(p.places(), 1, Patches.COUNT, 3));
        in.put("seen", Tensor.of(p.seen(), 1, Patches.COUNT));
        in.put("words", Tensor.of(words, 1, words.length));
        Map<String, float[]> out = net.run(in);
        float[] spread = Objects.requireNonNull(out.get("spread"));
        grasp.look(Objects.requireNonNull(out.get("grasp")), spread[0]);
        place.look(Objects.requireNonNull(out.get("place")), spread[1]);
    }

    @Override
    public float[] grasp() {
        return grasp.at();
    }

    @Override
    public float[] place() {
        return place.at();
    }

    @Override
    public void close() {
        net.close();
    }

    /** Where the eyes pointed lately: the mean, each look weighed by how far its votes agreed, older ones less. */
    private static final class Pointed {
        private static final double FORGETTING = 0.75;
        private static final double FLOOR = 0.006;
        private static final double ELSEWHERE = 0.03;

        private final double[] mean;
        private double weight;

        Pointed(int size) {
            mean = new double[size];
        }

        void forget() {
            weight = 0;
        }

        void look(float[] at, double spread) {
            double w = 1 / (spread * spread + FLOOR * FLOOR);
            double apart = Math.hypot(Math.hypot(at[0] - mean[0], at[1] - mean[1]), at[2] - mean[2]);
            weight = apart > ELSEWHERE && w > weight / 4 ? 0 : weight * FORGETTING;
            double share = w / (w + weight);
            for (int i = 0; i < mean.length; i++) {
                mean[i] += share * (at[i] - mean[i]);
            }
            weight += w;
        }

        float[] at() {
            float[] f = new float[mean.length];
            for (int i = 0; i < f.length; i++) {
                f[i] = (float) mean[i];
            }
            return f;
        }
    }
}
