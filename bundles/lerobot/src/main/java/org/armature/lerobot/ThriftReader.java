package org.armature.lerobot;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads Thrift's compact protocol into maps of field numbers: {@code Long}, {@code Double}, {@code Boolean}, {@code byte[]},
 * {@code List} and {@code Map}. Nothing is allocated from a claimed length that the bytes do not cover.
 */
final class ThriftReader {
    private static final int DEEPEST = 32;

    private final ByteBuffer in;

    ThriftReader(ByteBuffer in) {
        this.in = in;
    }

    /** @throws IllegalArgumentException if these bytes are no struct */
    Map<Integer, Object> struct() {
        try {
            return struct(0);
        } catch (java.nio.BufferUnderflowException e) {
            throw new IllegalArgumentException("it ends in the middle of a structure", e);
        }
    }

    private Map<Integer, Object> struct(int depth) {
        if (depth > DEEPEST) {
            throw new IllegalArgumentException("structures are nested more than " + DEEPEST + " deep");
        }
        Map<Integer, Object> fields = new HashMap<>();
        int id = 0;
        while (true) {
            int head = in.get() & 255;
            if (head == 0) {
                return fields;
            }
            int step = head >> 4;
            id = step == 0 ? (int) zigzag() : id + step;
            fields.put(id, value(head & 15, depth));
        }
    }

    private Object value(int type, int depth) {
        return switch (type) {
            case 1 -> true;
            case 2 -> false;
            case 3 -> (long) in.get();
            case 4, 5, 6 -> zigzag();
            case 7 -> Double.longBitsToDouble(Long.reverseBytes(in.getLong()));
            case 8 -> {
                byte[] b = new byte[length(varint())];
                in.get(b);
                yield b;
            }
            case 9, 10 -> {
                int head = in.get() & 255;
                int n = length(head >> 4 == 15 ? varint() : head >> 4);
                List<Object> list = new ArrayList<>();
                for (int i = 0; i < n; i++) {
                    int t = head & 15;
                    list.add(t == 1 || t == 2 ? (Object) (in.get() == 1) : value(t, depth + 1));
                }
                yield list;
            }
            case 12 -> struct(depth + 1);
            default -> throw new IllegalArgumentException("a field has the unknown type " + type);
        };
    }

    /** A count of things of at least a byte each. */
    private int length(long n) {
        if (n < 0 || n > in.remaining()) {
            throw new IllegalArgumentException("a length of " + n + " does not fit into what is left");
        }
        return (int) n;
    }

    private long zigzag() {
        long v = varint();
        return v >>> 1 ^ -(v & 1);
    }

    private long varint() {
        long v = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            byte b = in.get();
            v |= (long) (b & 0x7F) << shift;
            if (b >= 0) {
                return v;
            }
        }
        throw new IllegalArgumentException("a number is longer than 64 bits");
    }

    static long number(Map<Integer, Object> fields, int id, String what) {
        if (fields.get(id) instanceof Long l) {
            return l;
        }
        throw new IllegalArgumentException("it does not say " + what);
    }

    static long number(Map<Integer, Object> fields, int id, long otherwise) {
        return fields.get(id) instanceof Long l ? l : otherwise;
    }

    static String text(Map<Integer, Object> fields, int id, String what) {
        if (fields.get(id) instanceof byte[] b) {
            return new String(b, StandardCharsets.UTF_8);
        }
        throw new IllegalArgumentException("it does not say " + what);
    }

    @SuppressWarnings("unchecked") // fields are made here
    static Map<Integer, Object> inner(Map<Integer, Object> fields, int id, String what) {
        if (fields.get(id) instanceof Map<?, ?> m) {
            return (Map<Integer, Object>) m;
        }
        throw new IllegalArgumentException("it has no " + what);
    }

    @SuppressWarnings("unchecked")
    static List<Map<Integer, Object>> inners(Map<Integer, Object> fields, int id, String what) {
        if (fields.get(id) instanceof List<?> l && l.stream().allMatch(Map.class::isInstance)) {
            return (List<Map<Integer, Object>>) (List<?>) l;
        }
        throw new IllegalArgumentException("it has no " + what);
    }
}
