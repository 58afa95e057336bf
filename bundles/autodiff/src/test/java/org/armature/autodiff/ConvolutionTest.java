package org.armature.autodiff;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;

/** The ways to write a convolution's derivatives are the same function, whichever shapes choose among them. */
class ConvolutionTest {
    @Test
    void everyWayGivesTheSame() {
        Random r = new Random(3);
        for (int i = 0; i < 40; i++) {
            boolean depthwise = i % 2 == 0;
            long c = 1 + r.nextInt(3);
            long groups = depthwise ? c + 1 : 1 + r.nextInt(2);
            long perGroup = depthwise ? 1 : c;
            long o = depthwise ? 1 : 1 + r.nextInt(2);
            long[] kernel = {1 + r.nextInt(3), 1 + r.nextInt(3)};
            long[] strides = {1 + r.nextInt(2), 1 + r.nextInt(2)};
            long[] dilations = {1 + r.nextInt(2), 1 + r.nextInt(2)};
            long[] pads = LongStream.range(0, 4).map(k -> r.nextInt(2)).toArray();
            long[] in = new long[2];
            long[] out = new long[2];
            for (int k = 0; k < 2; k++) {
                long reach = (kernel[k] - 1) * dilations[k] + 1;
                in[k] = reach + r.nextInt(4);
                out[k] = (in[k] + pads[k] + pads[k + 2] - reach) / strides[k] + 1;
            }
            Geometry g = new Geometry(in, out, kernel, strides, dilations, pads, groups);
            Graph.Builder b = Graph.builder("weights");
            Value x = b.input("x", DType.DOUBLE, Shape.of(2, groups * perGroup, in[0], in[1]));
            Value dy = b.input("dy", DType.DOUBLE, Shape.of(2, groups * o, out[0], out[1]));
            b.output("im2col", Convolution.dense(x, dy, g))
                    .output("taps", Convolution.taps(x, dy, g))
                    .output("swapped", Convolution.swapped(x, dy, g));
            if (depthwise) {
                b.output("planes", Convolution.planes(x, dy, g)).output("sums", Convolution.depthwiseTaps(x, dy, g));
            }
            Graph graph = b.build();
            Map<String, Tensor> y = FiniteDifferences.run(graph, Map.of("x", normal(x, r), "dy", normal(dy, r)));
            double[] expected = y.get("im2col").toDoubles();
            y.forEach((name, t) -> assertArrayEquals(expected, t.toDoubles(), 1e-12, () -> name + " of\n" + graph));
        }
    }

    private static Tensor normal(Value v, Random r) {
        return Tensor.of(
                v.dtype(), v.shape(), r.doubles(v.shape().size(), -1, 1).toArray());
    }
}
