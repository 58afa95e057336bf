package org.armature.control;

/** A module did not pass; the message is the reason people read. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    Refused(String sentence) {
        super(sentence, null, false, false);
    }
}
