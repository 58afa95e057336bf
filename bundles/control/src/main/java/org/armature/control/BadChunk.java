package org.armature.control;

/** A chunk that must not reach the loop; the message is the one sentence people see. */
final class BadChunk extends Exception {
    private static final long serialVersionUID = 1L;

    BadChunk(String sentence) {
        super(sentence, null, false, false);
    }
}
