package org.armature.lerobot;

import java.util.List;

/**
 * A column of a table.
 *
 * @param name may contain dots, slashes, anything
 * @param kind what an element is
 * @param list whether a row is a list of elements
 */
record Column(String name, Kind kind, boolean list) {
    /** What an element is, with Parquet's number of its physical type. */
    enum Kind {
        BOOL(0),
        INT32(1),
        INT64(2),
        FLOAT32(4),
        FLOAT64(5),
        TEXT(6),
        /** An encoded image: a group of {@code bytes} and {@code path}. */
        IMAGE(6);

        final int physical;

        Kind(int physical) {
            this.physical = physical;
        }

        /** @throws IllegalArgumentException naming what there is */
        static Kind of(String dtype) {
            return switch (dtype) {
                case "bool" -> BOOL;
                case "int32" -> INT32;
                case "int64" -> INT64;
                case "float32" -> FLOAT32;
                case "float64" -> FLOAT64;
                case "string" -> TEXT;
                case "image" -> IMAGE;
                default ->
                    throw new IllegalArgumentException("dtype '" + dtype + "' is none of "
                            + List.of("bool", "int32", "int64", "float32", "float64", "string", "image", "video"));
            };
        }

        String dtype() {
            return switch (this) {
                case BOOL -> "bool";
                case INT32 -> "int32";
                case INT64 -> "int64";
                case FLOAT32 -> "float32";
                case FLOAT64 -> "float64";
                case TEXT -> "string";
                case IMAGE -> "image";
            };
        }
    }

    static Column scalar(String name, Kind kind) {
        return new Column(name, kind, false);
    }

    static Column list(String name, Kind kind) {
        return new Column(name, kind, true);
    }
}
