package org.armature.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.model.Config;
import org.junit.jupiter.api.Test;

class TorchInitializerTest {
    private final Map<String, Tensor> parameters = new LinkedHashMap<>();

    private double[] initialized(String name) {
        return parameters.get(name).toDoubles();
    }

    @Test
    void matricesKernelsAndTheirBiasesAreUniformWithinTheRootOfTheInputs() {
        parameters.put("conv.weight", Tensor.zeros(DType.FLOAT, Shape.of(64, 4, 3, 3)));
        parameters.put("conv.bias", Tensor.zeros(DType.FLOAT, Shape.of(64)));
        parameters.put("norm.weight", Tensor.zeros(DType.FLOAT, Shape.of(5)));
        parameters.put("norm.bias", Tensor.of(new float[] {7, 7, 7, 7, 7}, 5));
        parameters.put("norm.running_var", Tensor.zeros(DType.FLOAT, Shape.of(5)));
        new TorchInitializer().initialize(parameters, Config.of(Map.of()), 1);
        double bound = 1 / Math.sqrt(36);
        for (String name : new String[] {"conv.weight", "conv.bias"}) {
            double[] v = initialized(name);
            assertTrue(Arrays.stream(v).allMatch(x -> Math.abs(x) <= bound), name);
            assertEquals(
                    bound / Math.sqrt(3),
                    Math.sqrt(Arrays.stream(v).map(x -> x * x).average().orElseThrow()),
                    0.2 * bound);
        }
        assertTrue(Arrays.stream(initialized("norm.weight")).allMatch(x -> x == 1));
        assertTrue(Arrays.stream(initialized("norm.bias")).allMatch(x -> x == 0));
        assertTrue(Arrays.stream(initialized("norm.running_var")).allMatch(x -> x == 1));
        parameters.values().forEach(Tensor::close);
    }
}
