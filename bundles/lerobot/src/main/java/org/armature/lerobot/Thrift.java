package org.armature.lerobot;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;

/** Thrift's compact protocol, as much of it as Parquet's footers need. */
final class Thrift {
    private static final int I32 = 5;
    private static final int I64 = 6;
    private static final int BINARY = 8;
    private static final int LIST = 9;
    private static final int STRUCT = 12;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final Deque<Integer> outer = new ArrayDeque<>();
    private int last;

    byte[] bytes() {
        return out.toByteArray();
    }

    private void field(int id, int type) {
        if (id > last && id - last < 16) {
            out.write((id - last) << 4 | type);
        } else {
            out.write(type);
            varint(zigzag(id));
        }
        last = id;
    }

    Thrift i32(int id, int v) {
        field(id, I32);
        varint(zigzag(v));
        return this;
    }

    Thrift i64(int id, long v) {
        field(id, I64);
        varint(zigzag(v));
        return this;
    }

    Thrift text(int id, String v) {
        field(id, BINARY);
        return text(v);
    }

    /** An element of a list. */
    Thrift text(String v) {
        byte[] b = v.getBytes(StandardCharsets.UTF_8);
        varint(b.length);
        out.writeBytes(b);
        return this;
    }

    /** An element of a list. */
    Thrift i32(int v) {
        varint(zigzag(v));
        return this;
    }

    Thrift structs(int id, int n) {
        return list(id, n, STRUCT);
    }

    Thrift texts(int id, int n) {
        return list(id, n, BINARY);
    }

    Thrift i32s(int id, int n) {
        return list(id, n, I32);
    }

    private Thrift list(int id, int n, int type) {
        field(id, LIST);
        if (n < 15) {
            out.write(n << 4 | type);
        } else {
            out.write(0xF0 | type);
            varint(n);
        }
        return this;
    }

    /** A field that is a struct, until {@link #end}. */
    Thrift struct(int id) {
        field(id, STRUCT);
        return begin();
    }

    /** An element of a list of structs, or the outermost, until {@link #end}. */
    Thrift begin() {
        outer.push(last);
        last = 0;
        return this;
    }

    Thrift end() {
        out.write(0);
        last = outer.pop();
        return this;
    }

    private static long zigzag(long v) {
        return v << 1 ^ v >> 63;
    }

    private void varint(long v) {
        long rest = v;
        while ((rest & ~0x7FL) != 0) {
            out.write((int) (rest & 0x7F | 0x80));
            rest >>>= 7;
        }
        out.write((int) rest);
    }
}
