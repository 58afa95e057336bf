package org.armature.graph;

import java.util.Arrays;
import java.util.List;

/** The value of a node's attribute, as ONNX has them. */
public sealed interface Attribute {
    record Int(long value) implements Attribute {
        @Override
        public String toString() {
            return Long.toString(value);
        }
    }

    record Ints(List<Long> value) implements Attribute {
        public Ints {
            value = List.copyOf(value);
        }

        public long[] array() {
            return value.stream().mapToLong(Long::longValue).toArray();
        }

        @Override
        public String toString() {
            return value.toString();
        }
    }

    record Real(float value) implements Attribute {
        @Override
        public String toString() {
            return Float.toString(value);
        }
    }

    record Reals(List<Float> value) implements Attribute {
        public Reals {
            value = List.copyOf(value);
        }

        @Override
        public String toString() {
            return value.toString();
        }
    }

    record Text(String value) implements Attribute {
        @Override
        public String toString() {
            return '"' + value + '"';
        }
    }

    record Texts(List<String> value) implements Attribute {
        public Texts {
            value = List.copyOf(value);
        }

        @Override
        public String toString() {
            return value.toString();
        }
    }

    record Data(Constant value) implements Attribute {
        @Override
        public String toString() {
            return value.toString();
        }
    }

    /** A graph: the body or the backward rule of {@code org.armature.Call}. */
    record Body(Graph value) implements Attribute {
        @Override
        public String toString() {
            return "graph " + value.name();
        }
    }

    static Attribute of(long v) {
        return new Int(v);
    }

    static Attribute of(boolean v) {
        return new Int(v ? 1 : 0);
    }

    static Attribute of(float v) {
        return new Real(v);
    }

    static Attribute of(String v) {
        return new Text(v);
    }

    static Attribute of(long[] v) {
        return new Ints(Arrays.stream(v).boxed().toList());
    }

    static Attribute of(Constant v) {
        return new Data(v);
    }

    static Attribute of(Graph v) {
        return new Body(v);
    }
}
