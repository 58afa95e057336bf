package org.armature.policyserver;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whole messages out of a client's WebSocket frames (RFC 6455, 5), in heap buffers: bytes are copied there as they come and
 * unmasked in place. Netty's own decoder goes through its buffers' checks twice for each 8 bytes, which for two camera
 * images takes longer than all the rest of a request (docs/decisions/0010).
 *
 * <p>Throws {@link CorruptedWebSocketFrameException} with the close code (1002, 1009), once; what follows is dropped.
 */
final class MessageDecoder extends ByteToMessageDecoder {
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final int CONTINUATION = 0;
    private static final int TEXT = 1;
    private static final int BINARY = 2;
    private static final int CLOSE = 8;
    private static final int PING = 9;
    private static final int PONG = 10;

    /** Memory given for a claim; more comes with the bytes themselves. */
    private static final int ON_CREDIT = 1 << 19;

    private final int limit;

    /** The message whose fragments come, and its opcode; a control frame may come in between. */
    private @Nullable ByteBuf message;

    private int kind;

    /** The frame whose payload comes. */
    private @Nullable ByteBuf payload;

    private int opcode;
    private boolean last;
    private int mask;
    private int begin;
    private int end;

    private boolean corrupt;

    /** @param limit bytes of a message */
    MessageDecoder(int limit) {
        this.limit = limit;
    }

    @Override
    protected void decode(ChannelHandlerContext client, ByteBuf in, List<Object> out) {
        if (corrupt) {
            in.skipBytes(in.readableBytes());
            return;
        }
        ByteBuf p = payload;
        if (p == null) {
            p = head(client, in);
            if (p == null) {
                return;
            }
            payload = p;
        }
        int from = p.writerIndex();
        p.writeBytes(in, Math.min(in.readableBytes(), end - from));
        unmask(p, from, Integer.rotateRight(mask, 8 * (from - begin)));
        if (p.writerIndex() == end) {
            payload = null;
            if (opcode >= CLOSE) {
                out.add(control(p));
            } else if (last) {
                message = null;
                out.add(kind == TEXT ? new TextWebSocketFrame(p) : new BinaryWebSocketFrame(p));
            }
        }
    }

    /** Where the payload of the frame goes whose head has come; null if it has not. */
    private @Nullable ByteBuf head(ChannelHandlerContext client, ByteBuf in) {
        int at = in.readerIndex();
        if (in.readableBytes() < 2) {
            return null;
        }
        int first = in.getByte(at);
        int second = in.getByte(at + 1);
        int size = second & 0x7f;
        opcode = first & 0x0f;
        last = first < 0;
        boolean control = opcode >= CLOSE;
        if ((first & 0x70) != 0) {
            throw violation("reserved bits are set");
        } else if (second >= 0) {
            throw violation("a client's frame is not masked");
        } else if (opcode > (control ? PONG : BINARY)) {
            throw violation("opcode " + opcode + " is not defined");
        } else if (control && (!last || size > 125)) {
            throw violation("a control frame is long or in fragments");
        } else if (!control && (opcode == CONTINUATION) == (message == null)) {
            throw violation("a fragment that continues nothing, or a message inside another");
        }
        int head = size < 126 ? 6 : size == 126 ? 8 : 14;
        if (in.readableBytes() < head) {
            return null;
        }
        long length = size < 126 ? size : size == 126 ? in.getUnsignedShort(at + 2) : in.getLong(at + 2);
        if (size == 126 && length < 126 || size == 127 && (length < 0 || length <= 0xffff)) {
            throw violation("a length is not in its shortest form");
        }
        ByteBuf target = control ? null : message;
        long before = target == null ? 0 : target.writerIndex();
        if (before + length > limit) {
            throw broken(WebSocketCloseStatus.MESSAGE_TOO_BIG, "a message of more than " + limit + " bytes");
        }
        if (target == null) {
            target = client.alloc().heapBuffer((int) Math.min(length, ON_CREDIT), limit);
        }
        if (!control) {
            message = target;
            kind = opcode == CONTINUATION ? kind : opcode;
        }
        mask = in.getIntLE(at + head - 4);
        begin = (int) before;
        end = (int) (before + length);
        in.skipBytes(head);
        return target;
    }

    private WebSocketFrame control(ByteBuf p) {
        switch (opcode) {
            case PING:
                return new PingWebSocketFrame(p);
            case PONG:
                return new PongWebSocketFrame(p);
            default:
                boolean valid = end == 0 || end >= 2 && WebSocketCloseStatus.isValidStatusCode(p.getShort(0) & 0xffff);
                if (!valid) {
                    p.release();
                    throw violation("a close frame has no code");
                }
                return new CloseWebSocketFrame(true, 0, p);
        }
    }

    /** What was written since {@code from}, still in the cache; the lowest byte of {@code mask} is the first. */
    private static void unmask(ByteBuf p, int from, int mask) {
        byte[] bytes = p.array();
        int i = p.arrayOffset() + from;
        int to = p.arrayOffset() + p.writerIndex();
        long wide = mask & 0xffffffffL | (long) mask << 32;
        for (; i <= to - 8; i += 8) {
            LONGS.set(bytes, i, (long) LONGS.get(bytes, i) ^ wide);
        }
        for (int shift = 0; i < to; i++, shift += 8) {
            bytes[i] ^= (byte) (wide >>> shift);
        }
    }

    private CorruptedWebSocketFrameException violation(String what) {
        return broken(WebSocketCloseStatus.PROTOCOL_ERROR, what);
    }

    private CorruptedWebSocketFrameException broken(WebSocketCloseStatus code, String what) {
        corrupt = true;
        return new CorruptedWebSocketFrameException(code, what);
    }

    @Override
    protected void handlerRemoved0(ChannelHandlerContext client) {
        ByteBuf p = payload;
        ByteBuf m = message;
        payload = null;
        message = null;
        if (p != null) {
            p.release();
        }
        if (m != null && m != p) {
            m.release();
        }
    }
}
