package org.armature.checkpoint;

import java.io.IOException;

/** A file that breaks its format's promises; found before anything is allocated for its contents. */
final class MalformedFile extends IOException {
    private static final long serialVersionUID = 1L;

    MalformedFile(String where, String what) {
        super(sentence(where, what));
    }

    MalformedFile(String where, String what, Throwable cause) {
        super(sentence(where, what), cause);
    }

    private static String sentence(String where, String what) {
        return where + " " + what + ": it is damaged or no checkpoint; get it again";
    }
}
