package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.junit.jupiter.api.Test;

class OfficialLayoutTest {
    private static final Map<String, Object> SMALL_IMAGE = Map.of("height", 28, "width", 28);

    private static Graph official(Map<String, Object> call) {
        return new OmniVggt()
                .create(Config.of(Map.of("input", SMALL_IMAGE, "call", call)))
                .graph("omnivggt");
    }

    private static final Graph EVERYTHING =
            official(Map.of("camera_gt_index", List.of(0), "depth_gt_index", List.of(0)));

    private static long parameters(String prefix) {
        return EVERYTHING.parameters().stream()
                .filter(v -> v.name().startsWith(prefix))
                .mapToLong(v -> v.shape().size())
                .sum();
    }

    @Test
    void officialModelHasTheTensorsOfItsCheckpoint() {
        assertEquals(1505, EVERYTHING.parameters().size());
        assertEquals(1_217_494_552L, parameters(""));
    }

    @Test
    void everyPartHasItsShare() {
        assertEquals(304_371_712, parameters("aggregator.patch_embed."));
        assertEquals(302_364_672, parameters("aggregator.frame_blocks."));
        assertEquals(302_364_672, parameters("aggregator.global_blocks."));
        assertEquals(256_000, parameters("aggregator.pose_embeddings."));
        assertEquals(26_240_000, parameters("aggregator.camera_adapters."));
        assertEquals(402_432, parameters("aggregator.depth_patch_embed."));
        assertEquals(216_174_610, parameters("camera_head."));
        assertEquals(32_654_562, parameters("depth_head."));
        assertEquals(32_654_628, parameters("point_head."));
    }

    @Test
    void namesAndShapesAreThoseOfTheOfficialState() {
        Map<String, Shape> shapes =
                EVERYTHING.parameters().stream().collect(Collectors.toMap(Value::name, Value::shape));
        assertEquals(Shape.of(1, 1370, 1024), shapes.get("aggregator.patch_embed.pos_embed"));
        assertEquals(Shape.of(1024, 3, 14, 14), shapes.get("aggregator.patch_embed.patch_embed.proj.weight"));
        assertEquals(Shape.of(64), shapes.get("aggregator.global_blocks.23.attn.q_norm.weight"));
        assertEquals(Shape.of(1024, 9), shapes.get("aggregator.pose_embeddings.24.weight"));
        assertEquals(Shape.of(6144, 2048), shapes.get("camera_head.poseLN_modulation.1.weight"));
        assertEquals(Shape.of(1024, 1024, 3, 3), shapes.get("depth_head.resize_layers.3.weight"));
        assertEquals(Shape.of(4, 32, 1, 1), shapes.get("point_head.scratch.output_conv2.2.weight"));
    }

    @Test
    void imagesAloneNeedNeitherOtherInputsNorTheAdaptersWeights() {
        Graph g = official(Map.of());
        assertEquals(Set.of("images"), g.inputs().stream().map(Value::name).collect(Collectors.toSet()));
        assertTrue(g.source("aggregator.camera_adapters.0.bias").isPresent());
        assertTrue(g.source("aggregator.camera_adapters.0.weight").isEmpty());
    }

    @Test
    void withoutHeadsItGivesTheTokensOfTheLastLayer() {
        Map<String, Object> config = new HashMap<>(Map.of("input", SMALL_IMAGE));
        for (String head : List.of("camera_head", "depth_head", "point_head")) {
            config.put(head, null);
        }
        Graph g = new OmniVggt().create(Config.of(config)).graph("tokens");
        assertEquals(Set.of("tokens"), g.outputs().keySet());
        assertEquals(Shape.of(1, 1, 4, 2048), g.output("tokens").shape());
    }

    @Test
    void groupsOfBlocksShareAnInjectionAndEveryBlockIsAnOutput() {
        Map<String, Object> config = Map.of(
                "input", SMALL_IMAGE,
                "aggregator", Map.of("depth", 4, "aa_block_size", 2, "embed_dim", 32, "num_heads", 2),
                "depth_head", Map.of("intermediate_layer_idx", List.of(0, 1, 2, 3)),
                "point_head", Map.of("intermediate_layer_idx", List.of(0, 1, 2, 3)));
        Graph g = new OmniVggt().create(Config.of(config)).graph("groups");
        assertTrue(g.source("aggregator.camera_adapters.2.bias").isPresent());
        assertTrue(g.source("aggregator.camera_adapters.3.bias").isEmpty());
        assertTrue(g.source("aggregator.global_blocks.3.attn.qkv.weight").isPresent());
    }

    @Test
    void unknownKeyIsNamed() {
        Config c = Config.of(Map.of("aggregator", Map.of("depht", 2)));
        String said = assertThrows(IllegalArgumentException.class, () -> new OmniVggt().create(c))
                .getMessage();
        assertEquals("config key aggregator.depht is not known: did you mean depth?", said);
    }

    @Test
    void ropeFrequencyMustBePositive() {
        Config c = Config.of(Map.of("aggregator", Map.of("rope_freq", -1)));
        assertTrue(assertThrows(IllegalArgumentException.class, () -> new OmniVggt().create(c))
                .getMessage()
                .startsWith("rope_freq is -1.0: give a positive number"));
    }
}
