package org.armature.policyserver;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.armature.robot.NdArray;
import org.armature.robot.PolicyEndpoint;

/**
 * Requests of two camera images to a server of its own with a policy that does nothing, so that the way of a request is
 * compiled before the first robot asks.
 */
final class Rehearsal {
    private static final int REQUESTS = 3000;
    private static final Duration AT_MOST = Duration.ofMillis(1500);

    private Rehearsal() {}

    /**
     * Holds it.
     *
     * @param immediate whether the policy to come is asked where messages are read
     * @throws IOException if the local interface cannot be used
     */
    static void hold(boolean immediate) throws IOException {
        PolicyEndpoint nothing = new PolicyEndpoint() {
            @Override
            public Map<String, Object> metadata() {
                return Map.of();
            }

            @Override
            public boolean immediate() {
                return immediate;
            }

            @Override
            public Session open() {
                return observation -> Map.of("actions", NdArray.of(new double[20], 5, 4));
            }
        };
        byte[] request = frame(observation());
        try (PolicyServer server = new PolicyServer(PolicyServer.Settings.local(0), name -> nothing);
                Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            socket.setTcpNoDelay(true);
            socket.setSoTimeout(10_000);
            socket.getOutputStream()
                    .write(("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                    + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            DataInputStream in = new DataInputStream(socket.getInputStream());
            for (int newlines = 0; newlines < 4; ) {
                int c = in.readUnsignedByte();
                newlines = c == '\r' || c == '\n' ? newlines + 1 : 0;
            }
            skipMessage(in); // the metadata
            long end = System.nanoTime() + AT_MOST.toNanos();
            for (int i = 0; i < REQUESTS && System.nanoTime() < end; i++) {
                socket.getOutputStream().write(request);
                skipMessage(in);
            }
        }
    }

    private static Map<String, Object> observation() {
        Map<String, Object> m = new LinkedHashMap<>();
        for (String image : new String[] {"observation/image", "observation/wrist_image"}) {
            m.put(image, new NdArray("|u1", new long[] {224, 224, 3}, ByteBuffer.allocate(224 * 224 * 3)));
        }
        m.put("observation/state", NdArray.of(new float[39], 39));
        m.put("prompt", "open the drawer");
        return m;
    }

    /** A client's frame (RFC 6455, 5.2). */
    private static byte[] frame(Map<String, Object> message) throws IOException {
        ByteBuffer payload = Wire.encode(message);
        int mask = ThreadLocalRandom.current().nextInt();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.write(0x82);
            out.write(0xff);
            out.writeLong(payload.remaining());
            out.writeInt(mask);
            for (int i = 0; payload.hasRemaining(); i++) {
                out.write(payload.get() ^ mask >>> 8 * (3 - i % 4));
            }
        }
        return bytes.toByteArray();
    }

    private static void skipMessage(DataInputStream in) throws IOException {
        in.readByte();
        int length = in.readUnsignedByte();
        in.skipNBytes(length == 126 ? in.readUnsignedShort() : length);
    }
}
