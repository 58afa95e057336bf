package org.armature.tabletop;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.model.CheckpointFormat;
import org.armature.pickplace.Chain;
import org.armature.pickplace.PickPlacePolicy.Intent;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;

/**
 * Demonstrations of the baseline as they are kept in a safetensors file: what was measured and what the demonstrator was
 * about in every frame, and in some frames what the cameras saw.
 *
 * <p>Frames: {@code hand [N, 20]}; {@code stage [N]}, an index into {@link #STAGES} or -1; {@code goal [N, 5]}, the tool at
 * the end of the stage: position, heading, opening as a share of the widest; {@code grasp [N, 5]} and {@code place [N, 5]}: position and heading
 * of the tool where the fingers close and open, and whether that is known; {@code home [1]}, the heading at home;
 * {@code episode_index [N]}. Once the thing is
 * held, {@code grasp} is where the tool is; once it is let go, where that was.
 *
 * <p>Pictures: {@code calibration [P, 2, 16]}, {@code end [P, 2]} and {@code pixels} of {@link View}, front and wrist.
 * What was asked in front of them: {@code asked_picture [L]}, {@code asked_grasp [L, 5]} and {@code asked_place [L, 5]}: the
 * episode's own instruction and others, as the demonstrator would have understood them there. Notes {@code instructions}
 * and {@code asked}: a line an episode, a line of the latter.
 */
final class Recording {
    /** What a demonstrator may be doing, in {@code stage}. */
    static final List<String> STAGES =
            List.of("RAISE", "APPROACH", "DESCEND", "CLOSE", "LIFT", "CARRY", "LOWER", "RELEASE", "RETREAT", "HOME");

    static final List<String> CAMERAS = List.of("front", "wrist");
    static final int GOAL = 5;

    private final RobotDescription robot;
    private final Chain kinematics;
    private final Features features;

    private final List<float[]> hand = new ArrayList<>();
    private final List<float[]> goal = new ArrayList<>();
    private final List<float[]> grasp = new ArrayList<>();
    private final List<float[]> place = new ArrayList<>();
    private final List<Long> stage = new ArrayList<>();
    private final List<Long> episodeOf = new ArrayList<>();
    private final List<String> asked = new ArrayList<>();

    private final List<Long> pictureOf = new ArrayList<>();
    private final List<float[]> calibration = new ArrayList<>();
    private final List<byte[]> pixels = new ArrayList<>();
    private final List<Long> askedPicture = new ArrayList<>();
    private final List<float[]> askedGrasp = new ArrayList<>();
    private final List<float[]> askedPlace = new ArrayList<>();
    private final List<String> askedWords = new ArrayList<>();
    private float[] lastGrasp = new float[GOAL];
    private float[] lastPlace = new float[GOAL];

    Recording(RobotDescription robot) {
        this.robot = robot;
        kinematics = new Chain(robot);
        features = new Features(robot, kinematics);
    }

    /** A new episode. */
    void begin(String instruction) {
        asked.add(instruction);
        lastGrasp = new float[GOAL];
        lastPlace = new float[GOAL];
    }

    /** A frame and what the demonstrator was about. */
    void frame(Observation seen, @Nullable Intent intent) {
        int k = intent == null ? -1 : STAGES.indexOf(intent.stage());
        hand.add(features.hand(seen.position(), seen.velocity()));
        stage.add((long) k);
        goal.add(
                intent == null
                        ? new float[GOAL]
                        : tool(
                                intent.goal(),
                                intent.goal()[robot.gripper()] / robot.limits().upper()[robot.gripper()]));
        if (intent != null && k >= 0) {
            if (k <= STAGES.indexOf("CLOSE")) {
                lastGrasp = known(intent.grasp());
            } else if (k <= STAGES.indexOf("RELEASE")) {
                lastGrasp = tool(seen.position(), 1);
            }
            if (intent.place().isPresent()) {
                lastPlace = known(intent.place());
            }
        } else {
            lastGrasp = new float[GOAL];
        }
        grasp.add(lastGrasp);
        place.add(lastPlace);
        episodeOf.add(asked.size() - 1L);
    }

    /** What the cameras saw in the latest frame, which was asked with the episode's own words. */
    void picture(Observation seen) {
        float[] c = new float[CAMERAS.size() * View.CALIBRATION];
        for (int i = 0; i < CAMERAS.size(); i++) {
            CameraFrame f = seen.camera(CAMERAS.get(i)).orElseThrow();
            View v = View.of(f);
            System.arraycopy(v.calibration(), 0, c, i * View.CALIBRATION, View.CALIBRATION);
            pixels.add(v.packed());
        }
        calibration.add(c);
        pictureOf.add(asked.size() - 1L);
        understood(asked.getLast(), lastGrasp, lastPlace);
    }

    /** What other words would have had the demonstrator do in the latest picture. */
    void aside(String words, Intent intent) {
        if (intent.grasp().isPresent()) {
            understood(words, known(intent.grasp()), known(intent.place()));
        }
    }

    private void understood(String words, float[] grasp, float[] place) {
        askedPicture.add(calibration.size() - 1L);
        askedWords.add(words);
        askedGrasp.add(grasp);
        askedPlace.add(place);
    }

    private float[] known(Optional<double[]> q) {
        return q.map(p -> tool(p, 1)).orElseGet(() -> new float[GOAL]);
    }

    private float[] tool(double[] q, double last) {
        double[] m = kinematics.tool(q).matrix();
        return new float[] {(float) m[3], (float) m[7], (float) m[11], (float) Features.heading(m), (float) last};
    }

    int frames() {
        return hand.size();
    }

    /** Takes the latest episode back: a demonstrator that is stuck teaches nothing. */
    void dropLast() {
        while (!pictureOf.isEmpty() && pictureOf.getLast() == asked.size() - 1) {
            pictureOf.removeLast();
            calibration.removeLast();
            CAMERAS.forEach(_ -> pixels.removeLast());
        }
        while (!askedPicture.isEmpty() && askedPicture.getLast() >= calibration.size()) {
            List.of(askedPicture, askedGrasp, askedPlace, askedWords).forEach(List::removeLast);
        }
        while (!episodeOf.isEmpty() && episodeOf.getLast() == asked.size() - 1) {
            List.of(hand, goal, grasp, place, stage, episodeOf).forEach(List::removeLast);
        }
    }

    /** Writes everything; the file is complete or is not there. */
    void write(Path file, CheckpointFormat format) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        List<Long> ends = new ArrayList<>();
        for (byte[] p : pixels) {
            all.write(p);
            ends.add((long) all.size());
        }
        Map<String, Tensor> t = new LinkedHashMap<>();
        t.put("hand", rows(hand));
        t.put("stage", numbers(stage, stage.size()));
        t.put("goal", rows(goal));
        t.put("grasp", rows(grasp));
        t.put("place", rows(place));
        t.put("home", Tensor.of(new float[] {(float) features.home()}, 1));
        t.put("episode_index", numbers(episodeOf, episodeOf.size()));
        if (!askedPicture.isEmpty()) {
            t.put("calibration", rows(calibration));
            t.put("end", numbers(ends, calibration.size(), CAMERAS.size()));
            t.put("asked_picture", numbers(askedPicture, askedPicture.size()));
            t.put("asked_grasp", rows(askedGrasp));
            t.put("asked_place", rows(askedPlace));
            Tensor blob = Tensor.zeros(DType.UINT8, Shape.of(all.size()));
            MemorySegment.copy(all.toByteArray(), 0, blob.data(), ValueLayout.JAVA_BYTE, 0, all.size());
            t.put("pixels", blob);
        }
        try {
            format.write(
                    file, t, Map.of("instructions", String.join("\n", asked), "asked", String.join("\n", askedWords)));
        } finally {
            t.values().forEach(Tensor::close);
        }
    }

    private static Tensor numbers(List<Long> values, long... shape) {
        return Tensor.of(values.stream().mapToLong(Long::longValue).toArray(), shape);
    }

    private static Tensor rows(List<float[]> rows) {
        int width = rows.getFirst().length;
        float[] all = new float[rows.size() * width];
        for (int i = 0; i < rows.size(); i++) {
            System.arraycopy(rows.get(i), 0, all, i * width, width);
        }
        return Tensor.of(all, rows.size(), width);
    }
}
