package org.armature.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.junit.jupiter.api.Test;

class VtpTest {
    private static final Map<String, Object> LARGE = Map.of(
            "vision_embed_dim", 1024,
            "vision_depth", 24,
            "vision_num_heads", 16,
            "decoder_embed_dim", 1024,
            "decoder_depth", 24,
            "decoder_num_heads", 16);

    private static final Map<String, Object> TINY = Map.of(
            "image_size", 32,
            "vision_embed_dim", 16,
            "vision_depth", 1,
            "vision_num_heads", 2,
            "vision_feature_bottleneck", 4,
            "decoder_embed_dim", 16,
            "decoder_depth", 1,
            "decoder_num_heads", 2,
            "train_clip", false,
            "rope_dtype", "fp32");

    /** The published file header: 295 tensors of the trunk, 343 of the decoder, 151 others. */
    @Test
    void largeHasTheOfficialSize() {
        List<Value> all = parameters(LARGE);
        assertEquals(789, all.size());
        assertEquals(
                295, all.stream().filter(v -> v.name().startsWith("trunk.")).count());
        assertEquals(
                343,
                all.stream().filter(v -> v.name().startsWith("pixel_decoder.")).count());
        assertEquals(731_570_721L, count(all));
    }

    @Test
    void theDefaultsAreBase() {
        List<Value> all = parameters(Map.of());
        assertEquals(477, all.size());
        assertEquals(295_639_329L, count(all));
    }

    @Test
    void aMisspelledKeyIsNamed() {
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class, () -> new VtpModule().create(Config.of(Map.of("vision_dept", 2))));
        assertEquals("config key vision_dept is not known: did you mean vision_depth?", e.getMessage());
    }

    @Test
    void anImageThatIsNoMultipleOfThePatchIsRefusedWithTheNearestSize() {
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class,
                () -> new VtpModule()
                        .create(Config.of(Map.of("image_size", 250)))
                        .graph("vtp"));
        assertTrue(e.getMessage().endsWith("resize it to 256"), e.getMessage());
    }

    /** A batch is as many single images: nothing leaks from one to another. */
    @Test
    void imagesOfABatchDoNotMix() {
        Graph g = new VtpModule().create(Config.of(TINY)).graph("vtp");
        Map<String, Tensor> weights = new HashMap<>();
        Random random = new Random(7);
        g.parameters()
                .forEach(v ->
                        weights.put(v.name(), random(random, v.shape(), v.name().endsWith("periods"))));
        Tensor two = random(random, Shape.of(2, 3, 32, 32), false);
        float[] both = latents(g, weights, two);
        float[] second = latents(g, weights, two.slice(1, 2).copy());
        float[] tail = Arrays.copyOfRange(both, both.length / 2, both.length);
        assertEquals(4 * 2 * 2, second.length);
        assertArrayEquals(tail, second, 1e-5f);
    }

    private static float[] latents(Graph g, Map<String, Tensor> weights, Tensor image) {
        Map<String, Tensor> all = new HashMap<>(weights);
        all.put("image", image);
        try (Program p = new ReferenceExecutor().compile(g.bindTo(Map.of("image", image.shape())))) {
            return p.run(all).get("latents").toFloats();
        }
    }

    private static Tensor random(Random random, Shape shape, boolean positive) {
        Tensor t = Tensor.zeros(DType.FLOAT, shape);
        for (long i = 0; i < t.size(); i++) {
            t.set(i, positive ? 1 + i : 0.2 * random.nextGaussian());
        }
        return t;
    }

    private static List<Value> parameters(Map<String, Object> config) {
        return new VtpModule().create(Config.of(config)).graph("vtp").parameters();
    }

    private static long count(List<Value> values) {
        return values.stream().mapToLong(v -> v.shape().size()).sum();
    }
}
