package org.armature.policyserver;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.armature.robot.ActionChunk;
import org.armature.robot.NdArray;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Deactivate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drives the robot from an openpi-compatible server. While the server is away the robot holds where it is, and every
 * observation tries the connection again; a request that takes longer than the deadline counts as away.
 */
@Component(
        service = Policy.class,
        configurationPid = "org.armature.policyserver.remote",
        configurationPolicy = ConfigurationPolicy.REQUIRE,
        property = {"armature.id=remote", "armature.kind=policy"})
public final class RemotePolicy implements Policy, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RemotePolicy.class);

    /** Where the server is. */
    public @interface Config {
        /** {@code ws://host:port[/policies/NAME]}. */
        String url() default "ws://127.0.0.1:8000";

        /** Sent as {@code Authorization: Api-Key KEY}; empty for none. */
        String apiKey() default "";

        /** Longest wait for an answer or a connection, ms. */
        int deadlineMillis() default 2000;

        /** Action period when the server's metadata does not say {@code control_hz}. */
        double controlHz() default 50;
    }

    private final URI uri;
    private final String apiKey;
    private final Duration deadline;
    private final HttpClient http;
    private final PolicySpec spec;
    private @Nullable Connection connection;

    /** @throws IOException if the server does not answer or its metadata says nothing of the action's size */
    @Activate
    public RemotePolicy(Config config) throws IOException {
        this(URI.create(config.url()), config.apiKey(), Duration.ofMillis(config.deadlineMillis()), config.controlHz());
    }

    RemotePolicy(URI uri, String apiKey, Duration deadline, double controlHz) throws IOException {
        this.uri = uri;
        this.apiKey = apiKey;
        this.deadline = deadline;
        this.http = HttpClient.newBuilder().connectTimeout(deadline).build();
        Connection first = connect();
        Map<?, ?> metadata = first.metadata;
        if (!(metadata.get("action_dim") instanceof Long joints)
                || !(metadata.get("action_horizon") instanceof Long horizon)) {
            close();
            throw new IOException("the policy server at " + uri + " does not say action_dim and action_horizon in its"
                    + " metadata (it says " + metadata.keySet() + "), so its actions cannot be checked");
        }
        double hz = metadata.get("control_hz") instanceof Double d ? d : controlHz;
        boolean delta = "delta".equals(metadata.get("action_space"));
        spec = new PolicySpec(
                joints.intValue(),
                horizon.intValue(),
                Math.round(1e9 / hz),
                delta ? PolicySpec.ActionSpace.DELTA : PolicySpec.ActionSpace.ABSOLUTE);
        connection = first;
    }

    @Override
    public PolicySpec spec() {
        return spec;
    }

    @Override
    public synchronized ActionChunk act(Observation observation) {
        try {
            Connection c = connection;
            if (c == null) {
                c = connect();
                connection = c;
                LOG.info("The policy server at {} is back", uri);
            }
            Object answer = c.ask(Wire.encode(RobotEndpoint.encode(observation)));
            if (answer instanceof Map<?, ?> m && m.get("actions") instanceof NdArray a) {
                return new ActionChunk(observation.timeNanos(), spec.periodNanos(), spec.joints(), a.doubles());
            }
            throw new IOException("the answer has no array 'actions'");
        } catch (IOException e) {
            if (connection != null) {
                LOG.warn("The policy server at {} is away ({}): holding, and trying again", uri, e.getMessage());
            }
            disconnect();
            return hold(observation);
        }
    }

    private ActionChunk hold(Observation o) {
        int n = spec.joints();
        double[] actions = new double[spec.horizon() * n];
        if (spec.space() == PolicySpec.ActionSpace.ABSOLUTE) {
            for (int k = 0; k < spec.horizon(); k++) {
                System.arraycopy(o.position(), 0, actions, k * n, n);
            }
        }
        return new ActionChunk(o.timeNanos(), spec.periodNanos(), n, actions);
    }

    private Connection connect() throws IOException {
        Connection c = new Connection();
        WebSocket.Builder builder = http.newWebSocketBuilder().connectTimeout(deadline);
        if (!apiKey.isEmpty()) {
            builder.header("Authorization", "Api-Key " + apiKey);
        }
        try {
            c.socket = builder.buildAsync(uri, c).get(deadline.toMillis(), TimeUnit.MILLISECONDS);
            if (!(c.receive() instanceof Map<?, ?> metadata)) {
                throw new IOException("the server's first message is no map");
            }
            c.metadata = metadata;
            return c;
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException("no policy server answers at " + uri + ": start one with 'armature serve POLICY'", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while connecting", e);
        }
    }

    private synchronized void disconnect() {
        Connection c = connection;
        connection = null;
        if (c != null && c.socket != null) {
            c.socket.abort();
        }
    }

    @Override
    @Deactivate
    public void close() {
        disconnect();
        http.shutdownNow();
    }

    /** One WebSocket; answers come back through a queue. */
    private final class Connection implements WebSocket.Listener {
        private final BlockingQueue<Object> answers = new ArrayBlockingQueue<>(4);
        private final ByteArrayOutputStream parts = new ByteArrayOutputStream();
        private final StringBuilder text = new StringBuilder();
        private Map<?, ?> metadata = Map.of();
        private @Nullable WebSocket socket;

        @Nullable
        Object ask(ByteBuffer request) throws IOException {
            WebSocket s = socket;
            if (s == null) {
                throw new IOException("not connected");
            }
            s.sendBinary(request, true);
            return receive();
        }

        private @Nullable Object receive() throws IOException {
            try {
                Object a = answers.poll(deadline.toMillis(), TimeUnit.MILLISECONDS);
                return switch (a) {
                    case null -> throw new IOException("no answer within " + deadline.toMillis() + " ms");
                    case IOException e -> throw e;
                    case byte[] b -> Wire.decode(ByteBuffer.wrap(b));
                    default -> throw new IOException("the server says: " + a);
                };
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while waiting for an answer", e);
            } catch (IllegalArgumentException e) {
                throw new IOException("the server's answer cannot be read: " + e.getMessage(), e);
            }
        }

        @Override
        public @Nullable CompletionStage<?> onBinary(WebSocket ws, ByteBuffer data, boolean last) {
            byte[] b = new byte[data.remaining()];
            data.get(b);
            parts.writeBytes(b);
            if (last) {
                answers.offer(parts.toByteArray());
                parts.reset();
            } else if (parts.size() > 64 << 20) {
                answers.offer(new IOException("an answer of more than 64 MiB"));
                ws.abort();
            }
            ws.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket ws, CharSequence data, boolean last) {
            if (text.length() < 1 << 16) {
                text.append(data);
            }
            if (last) {
                answers.offer(text.toString());
                text.setLength(0);
            }
            ws.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
            answers.offer(new IOException("it closed the connection (" + code + ")"));
            return null;
        }

        @Override
        public void onError(WebSocket ws, Throwable e) {
            answers.offer(new IOException("the connection broke: " + e.getMessage(), e));
        }
    }
}
