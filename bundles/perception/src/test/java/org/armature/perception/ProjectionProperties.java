package org.armature.perception;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Perception.Detection;
import org.armature.robot.Pose;

class ProjectionProperties {
    @Property(tries = 300)
    void unprojectUndoesProject(
            @ForAll @DoubleRange(min = -3, max = 3) double yaw,
            @ForAll @DoubleRange(min = 0.2, max = 2) double up,
            @ForAll @DoubleRange(min = -0.4, max = 0.4) double x,
            @ForAll @DoubleRange(min = -0.4, max = 0.4) double y) {
        Pose pose = Scene.looking(new double[] {Math.cos(yaw), Math.sin(yaw), up}, new double[] {0.1, 0.05, 0});
        Projection camera = new Projection(new Intrinsics(150, 160, 64, 60), pose);
        double[] p = {x, y, 0.1};
        double[] uvz = camera.project(p[0], p[1], p[2]);
        assertArrayEquals(p, camera.unproject(uvz[0], uvz[1], uvz[2]), 1e-9);
    }

    /** Moving the camera's pose moves the detection alike: detect(T frame).centre = T detect(frame).centre. */
    @Property(tries = 25)
    void theCentreMovesWithTheCamerasPose(
            @ForAll @DoubleRange(min = -0.5, max = 0.5) double dx,
            @ForAll @DoubleRange(min = -0.5, max = 0.5) double dy,
            @ForAll @DoubleRange(min = -0.05, max = 0.05) double dz) {
        CameraFrame f = new Scene(0xb09070)
                .box(0.5, 0.1, 0, 0.02, 0.02, 0.02, 0.3, 0xd02020)
                .render(Scene.looking(new double[] {1.1, 0, 0.6}, new double[] {0.5, 0.05, 0}), 96);
        Pose move = new Pose(new double[] {1, 0, 0, dx, 0, 1, 0, dy, 0, 0, 1, dz, 0, 0, 0, 1});
        CameraFrame moved = new CameraFrame(
                f.camera(),
                0,
                f.width(),
                f.height(),
                f.rgb(),
                f.depthOrNull(),
                f.intrinsicsOrNull(),
                move.then(f.pose().orElseThrow()));
        Detection a = new ColourPerception().detect(f, "red").getFirst();
        List<Detection> b = new ColourPerception().detect(moved, "red");
        assertEquals(1, b.size());
        assertArrayEquals(
                move.transform(a.centre()[0], a.centre()[1], a.centre()[2]),
                b.getFirst().centre(),
                2e-3);
    }
}
