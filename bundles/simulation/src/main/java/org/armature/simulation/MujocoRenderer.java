package org.armature.simulation;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.armature.robot.CameraFrame;
import org.armature.robot.Pose;

/** MuJoCo's OpenGL renderer off screen, with a mjData and a GL context of its own. Callers take turns. */
final class MujocoRenderer implements AutoCloseable {
    private static final int QPOS = 2;
    private static final int MAX_GEOMS = 500;

    private final MujocoLibrary library;
    private final Egl egl;
    private final long model;
    private final long data;
    private final long gl;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment qpos = arena.allocate(JAVA_DOUBLE, Stage.NQ);
    private final MemorySegment rectangle = arena.allocate(Native.RECT);
    private final MemorySegment scene;
    private final MemorySegment option;
    private final MemorySegment camera;
    private final MemorySegment context;
    private final int[][] geoms = new int[Stage.THINGS][];
    private final MemorySegment colours;
    private long painted = Long.MIN_VALUE;
    private int bufferWidth = 640;
    private int bufferHeight = 480;

    MujocoRenderer(MujocoLibrary library, Egl egl, long model) {
        this.library = library;
        this.egl = egl;
        this.model = model;
        scene = arena.allocate(library.layout("sizeof.mjvScene"), 16);
        option = arena.allocate(library.layout("sizeof.mjvOption"), 16);
        camera = arena.allocate(library.layout("sizeof.mjvCamera"), 16);
        context = arena.allocate(library.layout("sizeof.mjrContext"), 16);
        int last = 0;
        for (int i = 0; i < Stage.THINGS; i++) {
            geoms[i] = new int[Stage.parts(i).size()];
            for (int k = 0; k < geoms[i].length; k++) {
                geoms[i][k] = library.id(model, "mjOBJ_GEOM", Mjcf.geomName(i, k));
                last = Math.max(last, geoms[i][k]);
            }
        }
        colours = library.colours(model, last + 1);
        data = library.makeData(model);
        gl = egl.createContext();
        egl.enter(gl);
        try {
            Native.run(library.known("mjv_defaultOption"), option.address());
            Native.run(library.known("mjv_defaultCamera"), camera.address());
            Native.run(library.known("mjv_defaultScene"), scene.address());
            Native.run(library.known("mjv_makeScene"), model, scene.address(), MAX_GEOMS);
            Native.run(library.known("mjr_defaultContext"), context.address());
            Native.run(library.known("mjr_makeContext"), model, context.address(), 100);
            Native.run(library.known("mjr_setBuffer"), library.layout("mjFB_OFFSCREEN"), context.address());
            context.set(JAVA_INT, library.layout("mjrContext.readDepthMap"), library.layout("mjDEPTH_ZERONEAR"));
        } finally {
            egl.leave();
        }
    }

    CameraFrame draw(Snapshot.State now, Stage.Camera view, Pose pose, int width, int height, long timeNanos) {
        paint(now.scene());
        MemorySegment.copy(now.qpos(), 0, qpos, JAVA_DOUBLE, 0, Stage.NQ);
        Native.run(library.setState, model, data, qpos.address(), QPOS);
        Native.run(library.forward, model, data);
        camera.set(JAVA_INT, library.layout("mjvCamera.type"), library.layout("mjCAMERA_FIXED"));
        camera.set(JAVA_INT, library.layout("mjvCamera.fixedcamid"), library.id(model, "mjOBJ_CAMERA", view.name()));
        rectangle.setAtIndex(JAVA_INT, 2, width);
        rectangle.setAtIndex(JAVA_INT, 3, height);
        int n = width * height;
        byte[] rgb = new byte[3 * n];
        float[] depth = new float[n];
        egl.enter(gl);
        try (Arena pixels = Arena.ofConfined()) {
            if (width > bufferWidth || height > bufferHeight) {
                bufferWidth = Math.max(width, bufferWidth);
                bufferHeight = Math.max(height, bufferHeight);
                Native.run(library.known("mjr_resizeOffscreen"), bufferWidth, bufferHeight, context.address());
            }
            MemorySegment colour = pixels.allocate(3L * n);
            MemorySegment z = pixels.allocate(JAVA_FLOAT, n);
            Native.run(
                    library.known("mjv_updateScene"),
                    model,
                    data,
                    option.address(),
                    0L,
                    camera.address(),
                    library.layout("mjCAT_ALL"),
                    scene.address());
            Native.run(library.known("mjr_render"), rectangle, scene.address(), context.address());
            Native.run(library.known("mjr_readPixels"), colour.address(), z.address(), rectangle, context.address());
            // OpenGL's rows come bottom-up.
            for (int v = 0; v < height; v++) {
                int from = (height - 1 - v) * width;
                MemorySegment.copy(colour, JAVA_BYTE, 3L * from, rgb, 3 * v * width, 3 * width);
                MemorySegment.copy(z, JAVA_FLOAT, 4L * from, depth, v * width, width);
            }
        } finally {
            egl.leave();
        }
        for (int i = 0; i < n; i++) {
            depth[i] = metres(depth[i]);
        }
        return new CameraFrame(view.name(), timeNanos, width, height, rgb, depth, view.intrinsics(width, height), pose);
    }

    /** Distance along the optical axis of a depth buffer's value; 0 where nothing was drawn. */
    private static float metres(float buffer) {
        double far = Mjcf.FAR;
        double near = Mjcf.NEAR;
        double z = near * far / (far - buffer * (far - near));
        // The sky is a cube drawn with depth, far / sqrt(3) away at the nearest; no thing is half as far as the plane.
        return z > far / 2 ? 0 : (float) z;
    }

    /** Gives the things this scene's colours; physics never reads them. */
    private void paint(Scene now) {
        if (now.seed() == painted) {
            return;
        }
        for (int i = 0; i < Stage.THINGS; i++) {
            int rgb = now.things().get(i).rgb();
            for (int g : geoms[i]) {
                for (int c = 0; c < 3; c++) {
                    colours.setAtIndex(JAVA_FLOAT, 4L * g + c, (rgb >> (16 - 8 * c) & 255) / 255f);
                }
            }
        }
        painted = now.seed();
    }

    @Override
    public void close() {
        egl.enter(gl);
        Native.run(library.known("mjr_freeContext"), context.address());
        egl.leave();
        egl.destroyContext(gl);
        Native.run(library.known("mjv_freeScene"), scene.address());
        library.freeData(data);
        arena.close();
    }
}
