package org.armature.control;

/** A chunk that must not reach the loop; the message is the one sentence people see. */
final class BadChunk extends Exception {
    private static final long serialVersionUID = 1L;

    /** It came after its last action was due: the machine may be busy, the policy not yet compiled. */
    final boolean late;

    BadChunk(String sentence) {
        this(sentence, false);
    }

    BadChunk(String sentence, boolean late) {
        super(sentence, null, false, false);
        this.late = late;
    }
}
