package org.armature.compute.opencl.codegen;

/** Lines of a program, indented. */
final class Code {
    private final StringBuilder text = new StringBuilder();
    private int depth;

    Code line(String format, Object... arguments) {
        text.append("    ".repeat(depth))
                .append(arguments.length == 0 ? format : String.format(format, arguments))
                .append('\n');
        return this;
    }

    /** A line that opens a block. */
    Code open(String format, Object... arguments) {
        line(format + " {", arguments);
        depth++;
        return this;
    }

    Code close() {
        depth--;
        return line("}");
    }

    /** Brings memory into the first cache: a hint, which may be past the end. {@code write} is 1 if it will be written. */
    Code fetch(String address, int write) {
        return line("__builtin_prefetch((const void*)(size_t)(%s), %d);", address, write);
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
