package org.armature.launcher;

/** The command line is wrong: one sentence saying what and what to do; exit code 2. */
final class UsageException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    UsageException(String message) {
        super(message);
    }
}
