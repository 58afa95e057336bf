package org.armature.launcher;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.ToIntFunction;

/**
 * The way from a one-shot command to the running runtime: a Unix domain socket in the instance folder, which only the
 * owner may enter. The request is one JSON line {@code {"args": [...], "directory": "..."}}; the answer is JSON lines
 * {@code {"out": text}}, {@code {"err": text}} and at last {@code {"exit": code}}.
 */
final class ControlChannel implements AutoCloseable {
    private static final int MAX_REQUEST = 1 << 20;
    /** The kernel's limit is 108 bytes. */
    private static final int MAX_PATH = 100;

    private final Platform platform;
    private final ServerSocketChannel server;
    private final Path socket;

    private ControlChannel(Platform platform, ServerSocketChannel server, Path socket) {
        this.platform = platform;
        this.server = server;
        this.socket = socket;
    }

    static ControlChannel open(Platform platform, Path instance) throws IOException {
        Path socket = socket(instance);
        Path folder = socket.getParent();
        if (!Files.isDirectory(folder)) {
            Files.createDirectory(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        Files.deleteIfExists(socket);
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket));
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
        ControlChannel channel = new ControlChannel(platform, server, socket);
        Thread.ofPlatform().daemon().name("control-channel").start(channel::accept);
        return channel;
    }

    private static Path socket(Path instance) throws IOException {
        Path folder = Files.exists(instance)
                ? instance.toRealPath()
                : instance.toAbsolutePath().normalize();
        Path near = folder.resolve("control.sock");
        if (near.toString().getBytes(StandardCharsets.UTF_8).length <= MAX_PATH) {
            return near;
        }
        return Path.of(
                System.getProperty("java.io.tmpdir"),
                "armature-" + System.getProperty("user.name"),
                Integer.toHexString(folder.toString().hashCode()) + ".sock");
    }

    private void accept() {
        while (server.isOpen()) {
            try {
                SocketChannel client = server.accept();
                Thread.ofPlatform().daemon().name("control-command").start(() -> serve(client));
            } catch (IOException e) {
                return;
            }
        }
    }

    private void serve(SocketChannel client) {
        try (client;
                Writer answer = new OutputStreamWriter(Channels.newOutputStream(client), StandardCharsets.UTF_8)) {
            byte[] line = readLine(client);
            Map<String, ?> request = Json.object(new String(line, StandardCharsets.UTF_8), "the request");
            List<String> args = new ArrayList<>();
            if (request.get("args") instanceof List<?> list) {
                list.forEach(item -> args.add(String.valueOf(item)));
            }
            @SuppressWarnings("unchecked")
            ToIntFunction<Map<String, Object>> commandLine =
                    platform.service(ToIntFunction.class, "(armature.commandline=true)");
            PrintWriter out = new PrintWriter(new Frames(answer, "out"), true);
            PrintWriter err = new PrintWriter(new Frames(answer, "err"), true);
            int code = Main.FAILED;
            if (commandLine == null) {
                err.println("armature: the runtime's commands bundle is not running: restart the runtime.");
            } else {
                code = commandLine.applyAsInt(Map.of(
                        "args",
                        args,
                        "out",
                        out,
                        "err",
                        err,
                        "directory",
                        Path.of(String.valueOf(request.get("directory")))));
            }
            out.flush();
            err.flush();
            frame(answer, Map.of("exit", code));
        } catch (IOException | IllegalArgumentException e) {
            // The client is gone or speaks something else.
            java.util.logging.Logger.getLogger("org.armature.launcher").info("control channel: " + e.getMessage());
        }
    }

    private static byte[] readLine(SocketChannel client) throws IOException {
        java.io.ByteArrayOutputStream line = new java.io.ByteArrayOutputStream();
        java.io.InputStream in = new java.io.BufferedInputStream(Channels.newInputStream(client));
        for (int b = in.read(); b >= 0 && b != '\n'; b = in.read()) {
            if (line.size() >= MAX_REQUEST) {
                throw new IOException("a request longer than " + MAX_REQUEST + " bytes");
            }
            line.write(b);
        }
        return line.toByteArray();
    }

    private static void frame(Writer answer, Map<String, ?> frame) throws IOException {
        synchronized (answer) {
            answer.write(Json.write(frame) + "\n");
            answer.flush();
        }
    }

    private static final class Frames extends Writer {
        private final Writer answer;
        private final String name;
        private final StringBuilder pending = new StringBuilder();

        Frames(Writer answer, String name) {
            this.answer = answer;
            this.name = name;
        }

        @Override
        public void write(char[] text, int offset, int length) {
            pending.append(text, offset, length);
        }

        @Override
        public void flush() throws IOException {
            if (!pending.isEmpty()) {
                frame(answer, Map.of(name, pending.toString()));
                pending.setLength(0);
            }
        }

        @Override
        public void close() throws IOException {
            flush();
        }
    }

    /**
     * Runs {@code args} in the runtime of {@code instance}, or with {@code alternatives} in the first of
     * {@code instance}, {@code instance-2}, ... that answers; empty when none does.
     */
    static OptionalInt call(Path instance, boolean alternatives, List<String> args, PrintStream out)
            throws IOException {
        for (int n = 1; n <= (alternatives ? 64 : 1); n++) {
            Path candidate = n == 1 ? instance : instance.resolveSibling(instance.getFileName() + "-" + n);
            if (!Files.isDirectory(candidate)) {
                break;
            }
            Path socket = socket(candidate);
            if (!Files.exists(socket)) {
                continue;
            }
            SocketChannel channel;
            try {
                channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
            } catch (IOException e) {
                // Left over by a runtime that was killed.
                continue;
            }
            try (channel) {
                return OptionalInt.of(exchange(channel, args, out));
            }
        }
        return OptionalInt.empty();
    }

    private static int exchange(SocketChannel channel, List<String> args, PrintStream out) throws IOException {
        Writer request = new OutputStreamWriter(Channels.newOutputStream(channel), StandardCharsets.UTF_8);
        frame(
                request,
                Map.of("args", args, "directory", Path.of("").toAbsolutePath().toString()));
        BufferedReader answer =
                new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8));
        for (String line = answer.readLine(); line != null; line = answer.readLine()) {
            Map<String, ?> frame = Json.object(line, "the runtime's answer");
            if (frame.get("out") instanceof String text) {
                out.print(text);
                out.flush();
            } else if (frame.get("err") instanceof String text) {
                System.err.print(text);
            } else if (frame.get("exit") instanceof Number code) {
                return code.intValue();
            }
        }
        throw new IOException("the runtime ended before it answered");
    }

    /** Also removes the socket. */
    @Override
    public void close() throws IOException {
        try (Closeable closing = server) {
            Files.deleteIfExists(socket);
        }
    }
}
