package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.armature.compute.Tensor;
import org.junit.jupiter.api.Test;

class EvaluationTest {
    private static double[] pose(double degrees, double x, double y, double z) {
        double c = Math.cos(Math.toRadians(degrees));
        double s = Math.sin(Math.toRadians(degrees));
        return new double[] {c, 0, s, x, 0, 1, 0, y, -s, 0, c, z};
    }

    @Test
    void truthItselfScoresOne() {
        double[][] poses = {pose(0, 0, 0, 0), pose(20, 1, 0, 0), pose(-30, 0, 1, 2)};
        PoseMetrics m = PoseMetrics.of(poses, poses);
        assertEquals(1, m.auc(30));
        assertEquals(1, m.rra(1));
        assertEquals(1, m.rta(1));
    }

    @Test
    void rotationErrorIsTheAngleBetween() {
        double[][] truth = {pose(0, 0, 0, 1), pose(20, 1, 0, 0)};
        double[][] off = {pose(0, 0, 0, 1), pose(27.5, 1, 0, 0)};
        assertEquals(7.5, PoseMetrics.of(off, truth).rotation()[0], 1e-6);
    }

    @Test
    void depthIsComparedAfterTheMediansAgree() {
        float[] truth = {1, 2, 0, 4};
        float[] twice = {2, 4, 9, 8};
        assertEquals(0, DepthMetrics.of(twice, truth, DepthMetrics.DELTA, true).absRel(), 1e-9);
        DepthMetrics raw = DepthMetrics.of(twice, truth, DepthMetrics.DELTA, false);
        assertEquals(1, raw.absRel(), 1e-9);
        assertEquals(0, raw.within());
        assertEquals(3, raw.pixels());
    }

    @Test
    void nearestPointsAreThoseOfExhaustiveSearch() {
        Random random = new Random(3);
        double[][] a = triples(random.doubles(3 * 40).boxed().toList());
        double[][] b = triples(random.doubles(3 * 50).boxed().toList());
        double sum = 0;
        for (double[] p : a) {
            double best = Double.POSITIVE_INFINITY;
            for (double[] q : b) {
                best = Math.min(best, Math.hypot(Math.hypot(p[0] - q[0], p[1] - q[1]), p[2] - q[2]));
            }
            sum += best / a.length;
        }
        assertEquals(sum, PointMetrics.of(a, b).accuracy(), 1e-12);
        assertEquals(sum, PointMetrics.of(b, a).completeness(), 1e-12);
    }

    private static double[][] triples(List<Double> v) {
        double[][] p = new double[v.size() / 3][];
        for (int i = 0; i < p.length; i++) {
            p[i] = new double[] {v.get(3 * i), v.get(3 * i + 1), v.get(3 * i + 2)};
        }
        return p;
    }

    @Test
    void drawsFollowTheOfficialRule() {
        Random random = new Random(11);
        int none = 0;
        int draws = 20_000;
        for (int i = 0; i < draws; i++) {
            Modalities m = Modalities.draw(random, 4, 0.1, 0.3);
            m.requireWithin(4);
            for (int k = 0; k < m.cameras().length; k++) {
                assertEquals(k, m.cameras()[k], "cameras are a prefix");
            }
            none += m.cameras().length == 0 ? 1 : 0;
        }
        // p + (1 - p) / (S + 1)
        assertEquals(0.1 + 0.9 / 5, (double) none / draws, 0.015);
    }

    @Test
    void oneSeedDrawsOneSequence() {
        assertEquals(Modalities.draw(new Random(5), 6, 0.1, 0.3), Modalities.draw(new Random(5), 6, 0.1, 0.3));
    }

    private static Preprocessing.Source grey(int h, int w, boolean camera) {
        byte[] pixels = new byte[h * w * 3];
        Arrays.fill(pixels, (byte) 51);
        double[] pose = {1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 0};
        double[] k = {100, 0, 50, 0, 100, 40, 0, 0, 1};
        return new Preprocessing.Source(pixels, h, w, 3, null, camera ? pose : null, camera ? k : null);
    }

    @Test
    void photographKeepsItsColourAndTakesItsCameraAlong() {
        Map<String, Tensor> out = new Preprocessing(56, false, 100).apply(List.of(grey(80, 112, true)));
        assertEquals("[1, 3, 42, 56]", out.get("images").shape().toString());
        assertEquals(0.2, out.get("images").get(1000), 1e-6);
        assertEquals(-2, out.get("extrinsics").get(3), 1e-6);
        assertEquals(50, out.get("intrinsics").get(0), 1e-5);
        assertEquals(40 * 42 / 80.0, out.get("intrinsics").get(5), 1e-4);
        out.values().forEach(Tensor::close);
    }

    @Test
    void camerasWithoutTheReferenceAreTold() {
        String said = assertThrows(
                        IllegalArgumentException.class,
                        () -> new Preprocessing(56, false, 100).apply(List.of(grey(56, 56, false), grey(56, 56, true))))
                .getMessage();
        assertTrue(said.contains("not for view 0, the reference"), said);
    }

    @Test
    void fullyTransparentPixelsBecomeWhite() {
        byte[] rgb = Resampling.onWhite(new byte[] {9, 9, 9, 0, 9, 8, 7, (byte) 255});
        assertEquals(255, rgb[0] & 0xFF);
        assertEquals(8, rgb[4]);
    }
}
