package org.armature.control;

/** A module did not pass; the message is the reason people read. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    /** Whether it was only slow, which on a busy machine may pass. */
    final boolean slow;

    Refused(String sentence) {
        this(sentence, false);
    }

    Refused(String sentence, boolean slow) {
        super(sentence, null, false, false);
        this.slow = slow;
    }
}
