package org.armature.datasets;

import org.armature.model.Config;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Component;

/**
 * Views of random rooms ({@link Room}) with exact depth and cameras, in {@link FrameViews}' form: a cube of 9 m with textured
 * walls and three textured boxes or spheres in its middle. The first camera stands anywhere around the middle, 2.8 to 4 m off,
 * the others within 50 degrees of azimuth from it; all look at the middle and share their field of view of 45 to 80 degrees.
 * The world is the room's: metres, z up.
 *
 * <p>Config: {@code width}, {@code height} (28), {@code views} (3), {@code size} (1500), {@code test_size} (200), {@code seed}
 * (1), {@code mean} and {@code deviation} (0, 1), three numbers by which colours in [0, 1] are normalised.
 */
@Component(property = {"armature.id=rooms", "armature.kind=dataset"})
public final class RoomViews implements DatasetProvider {
    private static final double SPREAD = Math.toRadians(50);

    @Override
    public String id() {
        return "rooms";
    }

    @Override
    public Dataset open(String split, Config config) {
        return new Views(
                FrameViews.Format.of(config, 28, 3),
                FrameViews.size(config, split, 1500, 200),
                Draw.of(config.wide("seed", 1), split).next());
    }

    private static final class Views extends FrameViews {
        private final Format format;
        private final long seed;

        Views(Format format, int size, long seed) {
            super(format, size);
            this.format = format;
            this.seed = seed;
        }

        @Override
        CameraFrame[] render(int index) {
            Draw draw = Draw.of(seed, index);
            Room room = Room.of(draw);
            double angle = Math.toRadians(Room.between(draw, 45, 80)); // of the longer side
            double focal = Math.max(format.width(), format.height()) / 2.0 / Math.tan(angle / 2);
            Intrinsics k = new Intrinsics(focal, focal, format.width() / 2.0, format.height() / 2.0);
            double first = Room.between(draw, 0, 2 * Math.PI);
            CameraFrame[] frames = new CameraFrame[format.frames()];
            for (int s = 0; s < frames.length; s++) {
                double azimuth = s == 0 ? first : first + Room.between(draw, -SPREAD, SPREAD);
                double elevation = Math.toRadians(Room.between(draw, -10, 35));
                double radius = Room.between(draw, 2.8, 4);
                double[] eye = {
                    radius * Math.cos(elevation) * Math.cos(azimuth),
                    radius * Math.cos(elevation) * Math.sin(azimuth),
                    radius * Math.sin(elevation)
                };
                double[] target = {
                    Room.between(draw, -0.3, 0.3), Room.between(draw, -0.3, 0.3), Room.between(draw, -0.3, 0.3)
                };
                frames[s] = room.look("view" + s, Room.lookAt(eye, target), k, format.width(), format.height());
            }
            return frames;
        }
    }
}
