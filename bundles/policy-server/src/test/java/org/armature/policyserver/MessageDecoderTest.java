package org.armature.policyserver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Frames in, whole messages out. */
class MessageDecoderTest {
    private static final int LIMIT = 1 << 20;

    @Property(tries = 300)
    void aMessageArrivesWholeHoweverItIsCut(
            @ForAll long seed,
            @ForAll @IntRange(max = 200_000) int size,
            @ForAll @IntRange(min = 1, max = 5) int fragments) {
        Random random = new Random(seed);
        byte[] message = new byte[size];
        random.nextBytes(message);
        ByteBuf wire = Unpooled.buffer();
        int at = 0;
        for (int f = 0; f < fragments; f++) {
            int n = f == fragments - 1 ? size - at : random.nextInt(size - at + 1);
            frame(wire, (f == 0 ? 2 : 0) | (f == fragments - 1 ? 0x80 : 0), message, at, n, random.nextInt());
            at += n;
            if (f < fragments - 1) {
                frame(wire, 0x89, message, 0, Math.min(size, 125), random.nextInt());
            }
        }
        EmbeddedChannel channel = new EmbeddedChannel(new MessageDecoder(LIMIT));
        while (wire.isReadable()) {
            channel.writeInbound(wire.readRetainedSlice(1 + random.nextInt(wire.readableBytes())));
        }
        for (int f = 0; f < fragments - 1; f++) {
            PingWebSocketFrame ping = channel.readInbound();
            assertEquals(Math.min(size, 125), ping.content().readableBytes());
            ping.release();
        }
        BinaryWebSocketFrame whole = channel.readInbound();
        assertArrayEquals(message, ByteBufUtil.getBytes(whole.content()));
        assertTrue(whole.release());
        assertNull(channel.readInbound());
        channel.finish();
        assertEquals(1, wire.refCnt());
    }

    @Test
    void eachKindOfFrameIsKnown() {
        EmbeddedChannel channel = new EmbeddedChannel(new MessageDecoder(LIMIT));
        byte[] code = {3, (byte) 0xe8};
        ByteBuf wire = Unpooled.buffer();
        for (int opcode : new int[] {0x81, 0x82, 0x89, 0x8a, 0x88}) {
            frame(wire, opcode, code, 0, 2, 0x01020304);
        }
        channel.writeInbound(wire);
        for (Class<? extends WebSocketFrame> kind : java.util.List.of(
                TextWebSocketFrame.class,
                BinaryWebSocketFrame.class,
                PingWebSocketFrame.class,
                PongWebSocketFrame.class,
                CloseWebSocketFrame.class)) {
            WebSocketFrame f = assertInstanceOf(kind, channel.readInbound());
            assertArrayEquals(code, ByteBufUtil.getBytes(f.content()));
            f.release();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "8201 00, 1002", // not masked
        "c280 00000000, 1002", // reserved bits
        "8380 00000000, 1002", // opcodes that are not defined
        "8b80 00000000, 1002",
        "8080 00000000, 1002", // continues nothing
        "0280 00000000 0280 00000000, 1002", // a message inside another
        "0980 00000000, 1002", // a ping in fragments
        "89fe 0080 00000000, 1002", // a ping of 128 bytes
        "8881 00000000 00, 1002", // half a close code
        "8882 00000000 0001, 1002", // a close code that is not one
        "82fe 0001 00000000, 1002", // lengths longer than need be
        "82ff 000000000000ffff 00000000, 1002",
        "82ff ffffffffffffffff 00000000, 1002", // less than nothing
        "82ff 7fffffffffffffff 00000000, 1009",
        "82ff 0000000000100001 00000000, 1009",
    })
    void whatTheProtocolForbidsHasItsCode(String hex, int code) {
        EmbeddedChannel channel = new EmbeddedChannel(new MessageDecoder(LIMIT));
        ByteBuf wire = Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(hex.replace(" ", "")));
        CorruptedWebSocketFrameException e =
                assertThrows(CorruptedWebSocketFrameException.class, () -> channel.writeInbound(wire));
        assertEquals(code, e.closeStatus().code());
        channel.writeInbound(Unpooled.wrappedBuffer(new byte[] {(byte) 0x82, (byte) 0x80, 0, 0, 0, 0}));
        assertNull(channel.readInbound());
    }

    @Test
    void fragmentsTogetherAreLimitedToo() {
        EmbeddedChannel channel = new EmbeddedChannel(new MessageDecoder(1000));
        ByteBuf wire = Unpooled.buffer();
        frame(wire, 0x02, new byte[600], 0, 600, 1);
        frame(wire, 0x80, new byte[600], 0, 600, 1);
        CorruptedWebSocketFrameException e =
                assertThrows(CorruptedWebSocketFrameException.class, () -> channel.writeInbound(wire));
        assertEquals(1009, e.closeStatus().code());
    }

    @Property(tries = 2000)
    void noBytesHurtIt(@ForAll @Size(max = 400) byte[] bytes) {
        EmbeddedChannel channel = new EmbeddedChannel(new MessageDecoder(LIMIT));
        try {
            channel.writeInbound(Unpooled.wrappedBuffer(bytes));
        } catch (CorruptedWebSocketFrameException e) {
            assertTrue(e.closeStatus().code() == 1002 || e.closeStatus().code() == 1009);
        }
        for (WebSocketFrame f; (f = channel.readInbound()) != null; ) {
            assertTrue(f.release());
        }
        channel.finish();
    }

    private static void frame(ByteBuf out, int head, byte[] payload, int from, int n, int mask) {
        out.writeByte(head);
        if (n < 126) {
            out.writeByte(0x80 | n);
        } else if (n <= 0xffff) {
            out.writeByte(0xfe).writeShort(n);
        } else {
            out.writeByte(0xff).writeLong(n);
        }
        out.writeInt(mask);
        for (int i = 0; i < n; i++) {
            out.writeByte(payload[from + i] ^ mask >>> 8 * (3 - i % 4));
        }
    }
}
