package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.model.Config;
import org.junit.jupiter.api.Test;

class InputRulesTest {
    private static final Modalities BOTH = new Modalities(new int[] {0}, new int[] {1});

    /** Two views of 14 x 14 pixels with cameras at the origin and depth one. */
    private static Map<String, Tensor> good() {
        Map<String, Tensor> in = new HashMap<>();
        in.put("images", filled(0.5, 1, 2, 3, 14, 14));
        in.put("depth", filled(1, 1, 2, 14, 14, 1));
        in.put("mask", filled(1, 1, 2, 14, 14));
        float[] e = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0};
        in.put("extrinsics", Tensor.of(e, 1, 2, 3, 4));
        float[] k = {20, 0, 7, 0, 20, 7, 0, 0, 1, 20, 0, 7, 0, 20, 7, 0, 0, 1};
        in.put("intrinsics", Tensor.of(k, 1, 2, 3, 3));
        return in;
    }

    private static Tensor filled(double value, long... sizes) {
        Tensor t = Tensor.zeros(DType.FLOAT, Shape.of(sizes));
        for (long i = 0; i < t.size(); i++) {
            t.set(i, value);
        }
        return t;
    }

    private static void says(String part, Map<String, Tensor> in, Modalities m) {
        String said = assertThrows(IllegalArgumentException.class, () -> InputRules.check(in, m))
                .getMessage();
        assertTrue(said.contains(part), said);
    }

    @Test
    void goodInputsPass() {
        assertEquals(List.of(), InputRules.check(good(), BOTH));
    }

    @Test
    void imagesAloneAreEnough() {
        assertEquals(List.of(), InputRules.check(Map.of("images", good().get("images")), Modalities.RGB));
    }

    @Test
    void emptyMaskAndEqualCamerasAreOnlyWarnedAbout() {
        Map<String, Tensor> in = good();
        in.put("mask", filled(0, 1, 2, 14, 14));
        in.get("extrinsics").set(15, 0);
        assertEquals(
                List.of(
                        "All cameras of item 0 are the same: their distance, which sets the scale, is taken as 1e-6",
                        "The mask of depth view 1 of item 0 is empty: its depth is ignored"),
                InputRules.check(in, new Modalities(new int[] {0, 1}, new int[] {1})));
    }

    @Test
    void brightnessAboveOneIsTold() {
        Map<String, Tensor> in = good();
        in.get("images").set(7, 255);
        says("images hold 255.0 at element 7: scale colours to 0..1", in, BOTH);
    }

    @Test
    void fourColoursAreTold() {
        Map<String, Tensor> in = good();
        in.put("images", filled(0.5, 1, 2, 4, 14, 14));
        says("images are [1, 2, 4, 14, 14]: give [B, S, 3, H, W]", in, BOTH);
    }

    @Test
    void badIndicesAreTold() {
        says("depth_gt_index names view 2 of 2: use 0 to 1", good(), new Modalities(new int[0], new int[] {2}));
        says("camera_gt_index names view 0 twice", good(), new Modalities(new int[] {0, 0}, new int[0]));
        says("camera_gt_index is [1, 0]: sort it", good(), new Modalities(new int[] {1, 0}, new int[0]));
    }

    @Test
    void camerasWithoutTensorsAreTold() {
        Map<String, Tensor> in = good();
        in.remove("intrinsics");
        says("camera_gt_index names views but there is no input intrinsics", in, BOTH);
    }

    @Test
    void scaledRotationIsTold() {
        Map<String, Tensor> in = good();
        in.get("extrinsics").set(0, 2);
        says("looks like camera-to-world or a scaled matrix", in, BOTH);
    }

    @Test
    void mirrorIsTold() {
        Map<String, Tensor> in = good();
        in.get("extrinsics").set(0, -1);
        says("extrinsics of view 0 have no rotation", in, BOTH);
    }

    @Test
    void skewAndFocalLengthAreTold() {
        Map<String, Tensor> in = good();
        in.get("intrinsics").set(1, 0.5);
        says("intrinsics of view 0 have skew 0.5", in, BOTH);
        in.get("intrinsics").set(1, 0);
        in.get("intrinsics").set(4, 0);
        says("focal lengths 20.0 and 0.0", in, BOTH);
    }

    @Test
    void depthOfAnotherSizeAndUnknownDepthAreTold() {
        Map<String, Tensor> in = good();
        in.get("depth").set(196 + 3, Double.NaN);
        says("depth of view 1 holds NaN: set unknown depth to 0", in, BOTH);
        in.put("depth", filled(1, 1, 2, 7, 7, 1));
        says("depth is [1, 2, 7, 7, 1], but these images need [1, 2, 14, 14, 1]", in, BOTH);
    }

    @Test
    void imagesOfPartialPatchesNameTheNearestSize() {
        Config c = Config.of(Map.of("input", Map.of("height", 30, "width", 45)));
        String said = assertThrows(
                        IllegalArgumentException.class,
                        () -> new OmniVggt().create(c).graph("g"))
                .getMessage();
        assertTrue(said.contains("30 x 45 pixels") && said.endsWith("resize to 28 x 42"), said);
    }
}
