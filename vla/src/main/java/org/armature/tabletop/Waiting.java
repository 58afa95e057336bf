package org.armature.tabletop;

/**
 * Notices that the hand is where a stage of the work wants it and nothing follows: stages are told apart by distances alone, and
 * a millimetre can keep one for ever. Such a stage is passed over until the hand is somewhere else.
 */
final class Waiting {
    /** Longer than any demonstrator waits, seconds. */
    private static final double PATIENCE = 1.5;
    /** At its goal, metres and share of the widest opening. */
    private static final double THERE = 0.01;

    private static final double CLOSED = 0.5;
    /** Somewhere else, metres. */
    private static final double AWAY = 0.03;

    private int stage = -1;
    private long since;
    private int over = -1;
    private float[] at = {};

    void forget() {
        stage = -1;
        over = -1;
    }

    /** The hand is there now, {@link Features#hand}. */
    void moved(float[] hand) {
        if (over >= 0 && apart(hand, at[0], at[1], at[2]) > AWAY) {
            over = -1;
        }
    }

    /** The most probable stage but the one passed over. */
    int best(float[] stages) {
        int best = -1;
        for (int i = 0; i < stages.length; i++) {
            best = i != over && (best < 0 || stages[i] > stages[best]) ? i : best;
        }
        return best;
    }

    /** Whether {@code stage}, whose goal this is, is passed over from now on. */
    boolean tooLong(int stage, Goal goal, float[] hand, long nanos) {
        boolean there =
                apart(hand, goal.x(), goal.y(), goal.z()) < THERE && (goal.opening() < CLOSED || hand[7] > CLOSED);
        if (stage != this.stage || !there) {
            this.stage = stage;
            since = nanos;
        }
        if ((nanos - since) * 1e-9 < PATIENCE) {
            return false;
        }
        over = stage;
        at = hand;
        this.stage = -1;
        return true;
    }

    private static double apart(float[] hand, double x, double y, double z) {
        return Math.hypot(Math.hypot(hand[0] - x, hand[1] - y), hand[2] - z);
    }
}
