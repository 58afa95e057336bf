package org.armature.perception;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.armature.robot.CameraFrame;
import org.armature.robot.Perception.Detection;
import org.armature.robot.Pose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ColourPerceptionTest {
    private static final int RED = 0xd02020;
    private static final int BLUE = 0x2040d0;
    private static final int GREEN = 0x20a040;
    private static final int YELLOW = 0xe0c020;
    private static final int WOOD = 0xb09070;
    private static final Pose FRONT = Scene.looking(new double[] {1.2, 0.0, 0.7}, new double[] {0.5, 0, 0});

    private final ColourPerception perception = new ColourPerception();

    private static Scene scene() {
        return new Scene(WOOD)
                .box(0.45, 0.12, 0, 0.02, 0.02, 0.02, 0.4, RED)
                .bowl(0.5, -0.14, 0.07, 0.05, BLUE)
                .cylinder(0.35, -0.02, 0, 0.022, 0.06, GREEN)
                .ball(0.6, 0.05, 0.025, 0.025, YELLOW)
                .tray(0.36, 0.25, 0.07, 0.05, 0.04, GREEN);
    }

    private Detection best(String words) {
        List<Detection> found = perception.detect(scene().render(FRONT, 160), words);
        assertTrue(!found.isEmpty(), "nothing seen for " + words);
        return found.getFirst();
    }

    @ParameterizedTest
    @CsvSource({
        "red cube, 0.45, 0.12, 0.02",
        "blue bowl, 0.5, -0.14, 0.025",
        "green cylinder, 0.35, -0.02, 0.03",
        "green tray, 0.36, 0.25, 0.02",
        "yellow ball, 0.6, 0.05, 0.0325" // the visible surface: the underside is hidden
    })
    void findsEachThingWhereItIsAndWhatItIs(String words, double x, double y, double z) {
        Detection d = best(words);
        assertEquals(words, d.label());
        assertEquals(x, d.centre()[0], 0.008, "x of " + words);
        assertEquals(y, d.centre()[1], 0.006, "y of " + words);
        assertEquals(z, d.centre()[2], 0.006, "z of " + words);
        assertTrue(d.score() > 0.6, words + " scored " + d.score());
    }

    @Test
    void yawAndExtentsOfATurnedBoxAreMeasured() {
        Scene s = new Scene(WOOD).box(0.5, 0, 0, 0.04, 0.015, 0.02, 0.6, RED);
        Detection d = perception.detect(s.render(FRONT, 256), "red cube").getFirst();
        assertEquals(0.6, d.yaw(), 0.08);
        assertEquals(0.04 * Math.cos(0.6) + 0.015 * Math.sin(0.6), d.halfExtents()[0], 0.004);
        assertEquals(0.04 * Math.sin(0.6) + 0.015 * Math.cos(0.6), d.halfExtents()[1], 0.004);
    }

    @Test
    void aBowlIsNoCubeAndAnUnknownWordIsNoDetection() {
        CameraFrame f = new Scene(WOOD).bowl(0.5, 0, 0.07, 0.05, RED).render(FRONT, 160);
        assertEquals(List.of(), perception.detect(f, "red cube"));
        assertEquals(List.of(), perception.detect(f, "red zebra"));
        assertEquals(List.of(), perception.detect(f, "green bowl"));
        assertEquals("red bowl", perception.detect(f, "red").getFirst().label());
    }

    @Test
    void noWordsAskForEverything() {
        List<String> labels = perception.detect(scene().render(FRONT, 160), "").stream()
                .filter(d -> d.score() > 0.6)
                .map(Detection::label)
                .sorted()
                .toList();
        assertEquals(List.of("blue bowl", "green cylinder", "green tray", "red cube", "yellow ball"), labels);
    }

    @Test
    void withoutCalibrationThereIsABoxButNoPlace() {
        CameraFrame f = scene().render(FRONT, 160);
        CameraFrame bare = new CameraFrame("test", 0, 160, 160, f.rgb(), null, null, null);
        Detection d = perception.detect(bare, "red cube").getFirst();
        assertTrue(Double.isNaN(d.centre()[0]));
        assertTrue(d.box()[2] > d.box()[0]);
    }

    @Test
    void aHiddenThingScoresLower() {
        Scene hidden = new Scene(WOOD)
                .box(0.45, 0.0, 0, 0.03, 0.03, 0.03, 0, RED)
                .box(0.53, 0.025, 0, 0.02, 0.03, 0.04, 0, GREEN);
        Scene open = new Scene(WOOD).box(0.45, 0.0, 0, 0.03, 0.03, 0.03, 0, RED);
        double whole =
                perception.detect(open.render(FRONT, 160), "red").getFirst().score();
        double part =
                perception.detect(hidden.render(FRONT, 160), "red").getFirst().score();
        assertTrue(part < 0.9 * whole, part + " is not below " + whole);
    }

    @Test
    void theSameThingSeenByTwoCamerasIsAtOnePlace() {
        Pose above = Scene.looking(new double[] {0.45, 0.05, 0.5}, new double[] {0.46, 0.1, 0});
        Detection a = best("red cube");
        Detection b = perception.detect(scene().render(above, 160), "red cube").getFirst();
        assertEquals(a.centre()[0], b.centre()[0], 0.006);
        assertEquals(a.centre()[1], b.centre()[1], 0.006);
    }
}
