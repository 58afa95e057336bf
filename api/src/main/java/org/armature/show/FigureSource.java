package org.armature.show;

import java.util.SequencedMap;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * What a module has to show: curves of a training, a similarity matrix, pictures and their reconstructions, a predicted
 * point cloud. The dashboard draws it, live.
 *
 * <p>A module with something to show registers this beside its other interfaces, under the same properties
 * ({@code armature.id} is the heading its figures stand under):
 *
 * <pre>{@code
 * @Component(service = {Perception.class, FigureSource.class}, property = {"armature.id=my-depth", "armature.kind=perception"})
 * public final class MyDepth implements Perception, FigureSource {
 *     private volatile SequencedMap<String, Figure> figures = new LinkedHashMap<>();
 *
 *     private void shown(float[] xyz, byte[] rgb) {
 *         SequencedMap<String, Figure> now = new LinkedHashMap<>();
 *         now.put("predicted cloud", new Figure.PointCloud(xyz, rgb));
 *         figures = now;
 *     }
 *
 *     public SequencedMap<String, Figure> figures() { return figures; }
 * }
 * }</pre>
 *
 * <p>{@link #figures()} is called a few times a second while somebody looks, and never otherwise, on a thread of low
 * priority, and not again before it has returned: it may copy what it shows, but what takes long is better computed where it
 * comes up and only handed over here. What it throws is logged once, and the figures of before stay.
 *
 * <p>Law: a figure that is the same object as the time before has not changed. Only changed figures are drawn again, so a
 * source gives the same object while it has nothing new, and a new object when it has.
 */
@ConsumerType
@FunctionalInterface
public interface FigureSource {
    /**
     * What there is to show now, by title, in the order to show it; empty for nothing. Not modified once given. A title
     * {@code GROUP/NAME} puts the figure into a group, such as one run of a training: viewers offer one group at a time and
     * show all its figures together.
     */
    SequencedMap<String, Figure> figures();
}
