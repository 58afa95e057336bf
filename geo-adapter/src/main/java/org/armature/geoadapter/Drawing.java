package org.armature.geoadapter;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.armature.robot.SceneGeometry.View;

/** Depth and error maps as PNG; a point cloud with frusta as PNG and as a page that needs nothing else. */
final class Drawing {
    private static final int ZOOM = 3;
    private static final int SIDE = 640;
    /** Relative error that is drawn in the last colour. */
    private static final double WORST = 0.1;

    private Drawing() {}

    /**
     * A row a view: image, true depth, then for each mix of modalities the estimate, scaled by the medians, and its relative
     * error (0 yellow to 10 % blue).
     */
    static void depths(Path file, Evaluation.Scene scene, SequencedMap<String, Estimator.Raw> found)
            throws IOException {
        int w = scene.width();
        int h = scene.height();
        int columns = 2 + 2 * found.size();
        BufferedImage image =
                new BufferedImage(columns * w * ZOOM, scene.views() * h * ZOOM, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < scene.views(); i++) {
            float[] truth = scene.depth(i);
            double[] range = range(truth);
            put(image, 0, i, w, h, colours(scene, i));
            put(image, 1, i, w, h, GeometryFigures.colours(truth, range[0], range[1]));
            int at = 2;
            for (Estimator.Raw raw : found.values()) {
                double scale = Evaluation.scale(scene, raw);
                float[] depth = raw.depth(i);
                float[] error = new float[depth.length];
                for (int j = 0; j < depth.length; j++) {
                    depth[j] *= (float) scale;
                    error[j] = truth[j] > 0 ? Math.max(1e-6f, Math.abs(depth[j] - truth[j]) / truth[j]) : 0;
                }
                put(image, at++, i, w, h, GeometryFigures.colours(depth, range[0], range[1]));
                put(image, at++, i, w, h, GeometryFigures.colours(error, 0, WORST));
            }
        }
        ImageIO.write(image, "png", file.toFile());
    }

    private static double[] range(float[] depth) {
        double low = Double.POSITIVE_INFINITY;
        double high = 0;
        for (float d : depth) {
            low = d > 0 ? Math.min(low, d) : low;
            high = Math.max(high, d);
        }
        return new double[] {low, high};
    }

    private static byte[] colours(Evaluation.Scene scene, int view) {
        int n = scene.height() * scene.width();
        byte[] rgb = new byte[3 * n];
        for (int i = 0; i < n; i++) {
            for (int c = 0; c < 3; c++) {
                rgb[3 * i + c] = (byte) Math.round(255 * Math.clamp(scene.images()[(view * 3 + c) * n + i], 0f, 1f));
            }
        }
        return rgb;
    }

    private static void put(BufferedImage image, int column, int row, int w, int h, byte[] rgb) {
        for (int y = 0; y < h * ZOOM; y++) {
            for (int x = 0; x < w * ZOOM; x++) {
                image.setRGB(column * w * ZOOM + x, row * h * ZOOM + y, colour(rgb, y / ZOOM * w + x / ZOOM));
            }
        }
    }

    private static int colour(byte[] rgb, int i) {
        return (rgb[3 * i] & 255) << 16 | (rgb[3 * i + 1] & 255) << 8 | rgb[3 * i + 2] & 255;
    }

    /** {@code NAME.png} and {@code NAME.html} of the estimated points and cameras, with the true cameras in grey. */
    static void cloud(Path name, Evaluation.Scene scene, Estimator.Raw raw) throws IOException {
        double scale = Evaluation.scale(scene, raw);
        List<double[]> dots = new ArrayList<>(); // x, y, z, colour
        for (int i = 0; i < scene.views(); i++) {
            float[] depth = raw.depth(i);
            for (int j = 0; j < depth.length; j++) {
                depth[j] *= (float) scale;
            }
            Pose pose = scene.pose(0).then(raw.relative(i, scale));
            Intrinsics k = raw.intrinsics(i);
            float[] xyz = Estimator.points(depth, scene.width(), k, pose);
            byte[] rgb = colours(scene, i);
            for (int j = 0; j < depth.length; j++) {
                if (scene.depth(i)[j] > 0) {
                    dots.add(new double[] {xyz[3 * j], xyz[3 * j + 1], xyz[3 * j + 2], colour(rgb, j)});
                }
            }
            frustum(dots, scene, pose, k, 0xff4040);
            frustum(dots, scene, scene.pose(i), scene.intrinsics(i), 0x909090);
        }
        double[] middle = new double[3];
        for (int c = 0; c < 3; c++) {
            int axis = c;
            middle[c] = dots.stream().mapToDouble(d -> d[axis]).sorted().toArray()[dots.size() / 2];
        }
        ImageIO.write(
                projected(dots, middle),
                "png",
                name.resolveSibling(name.getFileName() + ".png").toFile());
        Files.writeString(name.resolveSibling(name.getFileName() + ".html"), page(dots, middle));
    }

    private static void frustum(List<double[]> dots, Evaluation.Scene s, Pose pose, Intrinsics k, int colour) {
        View v = new View("", pose, k, new float[0], new float[0], new float[0], new byte[0]);
        GeometryFigures.frustum(v, s.width(), s.height())
                .forEach(p -> dots.add(new double[] {p[0], p[1], p[2], colour}));
    }

    /** From the side and above, nearer dots over farther ones. */
    private static BufferedImage projected(List<double[]> dots, double[] middle) {
        BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
        double[] nearest = new double[SIDE * SIDE];
        double yaw = Math.toRadians(35);
        double pitch = Math.toRadians(30);
        for (double[] d : dots) {
            double x = d[0] - middle[0];
            double y = d[1] - middle[1];
            double z = d[2] - middle[2];
            double right = Math.cos(yaw) * y - Math.sin(yaw) * x;
            double away = -Math.cos(yaw) * x - Math.sin(yaw) * y;
            double up = Math.cos(pitch) * z + Math.sin(pitch) * away;
            double near = 10 - (Math.cos(pitch) * away - Math.sin(pitch) * z);
            int px = (int) (SIDE / 2.0 + 380 * right);
            int py = (int) (SIDE / 2.0 - 380 * up);
            for (int i = 0; i < 4; i++) {
                int u = px + i % 2;
                int w = py + i / 2;
                if (u >= 0 && u < SIDE && w >= 0 && w < SIDE && near > nearest[w * SIDE + u]) {
                    nearest[w * SIDE + u] = near;
                    image.setRGB(u, w, (int) d[3]);
                }
            }
        }
        return image;
    }

    private static String page(List<double[]> dots, double[] middle) {
        String points = dots.stream()
                .map(d -> String.format(
                        Locale.ROOT,
                        "%d,%d,%d,%d",
                        Math.round(1000 * (d[0] - middle[0])),
                        Math.round(1000 * (d[1] - middle[1])),
                        Math.round(1000 * (d[2] - middle[2])),
                        (int) d[3]))
                .collect(Collectors.joining(","));
        return PAGE.replace("POINTS", points);
    }

    /** Drag turns, the wheel scales; millimetres around the cloud's middle. */
    private static final String PAGE = """
            <!doctype html>
            <meta charset="utf-8">
            <title>Estimated points and cameras</title>
            <style>body{margin:0;background:#111;color:#ccc;font:14px sans-serif}canvas{display:block}p{position:fixed;margin:8px}</style>
            <p>drag to turn, wheel to scale; red: estimated cameras, grey: true ones</p>
            <canvas></canvas>
            <script>
            const p = [POINTS], c = document.querySelector('canvas'), g = c.getContext('2d');
            let yaw = 0.6, pitch = 0.5, zoom = 0.5;
            function draw() {
              c.width = innerWidth; c.height = innerHeight;
              const im = g.createImageData(c.width, c.height), d = new Int32Array(im.data.buffer), z = new Float32Array(d.length).fill(1e9);
              d.fill(0xff111111 | 0);
              const cy = Math.cos(yaw), sy = Math.sin(yaw), cp = Math.cos(pitch), sp = Math.sin(pitch);
              for (let i = 0; i < p.length; i += 4) {
                const r = cy * p[i + 1] - sy * p[i], a = -cy * p[i] - sy * p[i + 1];
                const far = cp * a - sp * p[i + 2];
                const u = Math.round(c.width / 2 + zoom * r), v = Math.round(c.height / 2 - zoom * (cp * p[i + 2] + sp * a));
                const k = p[i + 3], col = (255 << 24) | ((k & 255) << 16) | (k & 0xff00) | (k >> 16);
                for (const [x, y] of [[u, v], [u + 1, v], [u, v + 1], [u + 1, v + 1]])
                  if (x >= 0 && y >= 0 && x < c.width && y < c.height && far < z[y * c.width + x]) { z[y * c.width + x] = far; d[y * c.width + x] = col; }
              }
              g.putImageData(im, 0, 0);
            }
            onpointermove = e => { if (e.buttons) { yaw -= e.movementX / 200; pitch += e.movementY / 200; draw(); } };
            onwheel = e => { zoom *= Math.exp(-e.deltaY / 1000); draw(); };
            onresize = draw; draw();
            </script>
            """;
}
