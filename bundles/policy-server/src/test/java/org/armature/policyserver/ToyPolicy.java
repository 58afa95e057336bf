package org.armature.policyserver;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.armature.robot.NdArray;
import org.armature.robot.PolicyEndpoint;

/** {@code actions[t, j] = state[j mod n] + 0.01 t + 0.001 j}: the policy behind the recorded conversations. */
record ToyPolicy(int horizon, int dim, List<String> keys, boolean immediate) implements PolicyEndpoint {
    @Override
    public Map<String, Object> metadata() {
        return Map.of();
    }

    @Override
    public Session open() {
        return observation -> {
            if (observation.containsKey("explode")) {
                throw new IllegalArgumentException("bad observation: explode");
            }
            List<Double> state = new ArrayList<>();
            for (String k : keys) {
                switch (observation.get(k)) {
                    case NdArray a -> {
                        for (double d : a.doubles()) {
                            state.add(d);
                        }
                    }
                    case Number n -> state.add(n.doubleValue());
                    case null, default -> throw new IllegalArgumentException("the key '" + k + "' is missing");
                }
            }
            double[] out = new double[horizon * dim];
            for (int t = 0; t < horizon; t++) {
                for (int j = 0; j < dim; j++) {
                    out[t * dim + j] = state.get(j % state.size()) + 0.01 * t + 0.001 * j;
                }
            }
            return Map.of("actions", NdArray.of(out, horizon, dim));
        };
    }
}
