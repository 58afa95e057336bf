package org.armature.console;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.Servlet;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.armature.robot.Control;
import org.armature.show.Figure;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The dashboard's whole HTTP side: the page, the event stream, pictures and the REST calls the README lists. What changes
 * something goes through {@link Gate}.
 */
@Component(
        service = Servlet.class,
        configurationPid = "org.armature.console",
        property = {
            "osgi.http.whiteboard.servlet.pattern=/*",
            "osgi.http.whiteboard.servlet.name=armature-console",
            "osgi.http.whiteboard.servlet.asyncSupported:Boolean=true"
        })
@Designate(ocd = ConsoleServlet.Config.class)
public final class ConsoleServlet extends HttpServlet {
    private static final long serialVersionUID = 1;
    private static final Logger LOG = LoggerFactory.getLogger(ConsoleServlet.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MAX_BODY = 16 * 1024;
    private static final long MOST_DISCARDED = 64 << 20;
    private static final int MAX_INSTRUCTION = 500;
    private static final long MAX_ROWS = 30_000;
    private static final Pattern CAMERA = Pattern.compile("/camera/([^/]{1,100})\\.jpg");
    private static final Pattern POINTS = Pattern.compile("/points/([^/]{1,100})\\.bin");
    private static final Pattern FIGURE = Pattern.compile("/figures/(\\d{1,9})(?:\\.json|\\.bin|/(\\d{1,9})\\.png)");
    private static final Pattern STATIC =
            Pattern.compile("/((?:vendor/)?[A-Za-z0-9][A-Za-z0-9.-]*\\.(js|css|svg|LICENSE))");
    private static final Map<String, String> TYPES = Map.of(
            "js", "text/javascript; charset=utf-8",
            "css", "text/css; charset=utf-8",
            "svg", "image/svg+xml",
            "LICENSE", "text/plain; charset=utf-8");

    /** Settings of the dashboard. Where it listens is the HTTP service's matter. */
    @ObjectClassDefinition(name = "Armature dashboard")
    public @interface Config {
        @AttributeDefinition(description = "Folder into which uploaded jars go; empty: no uploads")
        String deployFolder() default "";

        @AttributeDefinition(description = "Largest upload, bytes")
        long maxUploadBytes() default 256L << 20;

        @AttributeDefinition(description = "Most pages open at a time")
        int maxClients() default 64;

        @AttributeDefinition(description = "Host names, beside localhost and addresses, under which the page is opened")
        String[] hosts() default {};

        @AttributeDefinition(description = "The token for what changes something; empty: a new one each start")
        String token() default "";

        @AttributeDefinition(description = "File to write the token to, readable by its owner alone; empty: none")
        String tokenFile() default "";
    }

    private final transient Sources sources;
    private final transient Gate gate;
    private final transient DeployFolder deploy;
    private final transient ScheduledExecutorService encoder;
    private final transient Pictures pictures;
    private final transient Views views;
    private final transient Gallery gallery;
    private final transient Broadcast broadcast;

    @Activate
    public ConsoleServlet(@Reference Sources sources, Config config) throws IOException {
        this.sources = sources;
        gate = new Gate(config.token(), Set.of(config.hosts()));
        deploy = new DeployFolder(config.deployFolder(), config.maxUploadBytes());
        encoder = Executors.newSingleThreadScheduledExecutor(work -> {
            Thread thread = new Thread(work, "console-encoder");
            thread.setDaemon(true);
            thread.setPriority(Thread.MIN_PRIORITY);
            return thread;
        });
        pictures = new Pictures(sources, encoder);
        views = new Views(sources, pictures);
        gallery = new Gallery(sources::figures);
        broadcast = new Broadcast(sources, views, gallery, config.maxClients(), encoder);
        if (!config.tokenFile().isEmpty()) {
            writeToken(Path.of(config.tokenFile()));
        }
    }

    private void writeToken(Path file) throws IOException {
        Files.deleteIfExists(file);
        Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(file, gate.token());
    }

    /** Ends every stream and the encoder. */
    @Deactivate
    @Override
    public void destroy() {
        broadcast.close();
        gallery.close();
        encoder.shutdownNow();
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        secure(response);
        if (!gate.knowsHost(request)) {
            fail(
                    response,
                    421,
                    "this dashboard is not known as \"" + request.getHeader("Host")
                            + "\": open it as localhost or by its address, or add the name to hosts of org.armature.console");
            return;
        }
        try {
            switch (request.getMethod()) {
                case "GET", "HEAD" -> get(request, response);
                case "POST" -> post(request, response);
                default -> fail(response, 405, request.getMethod() + " is not spoken here: use GET or POST");
            }
        } catch (DeployFolder.Refused e) {
            discard(request.getInputStream());
            fail(response, e.status(), e.getMessage());
        } catch (IllegalStateException e) {
            fail(response, 409, String.valueOf(e.getMessage()));
        }
    }

    /** Reads on for a while: a client that is still sending when the connection closes never sees why it was refused. */
    private static void discard(InputStream body) throws IOException {
        byte[] buffer = new byte[1 << 16];
        int read = 0;
        for (long left = MOST_DISCARDED; left > 0 && read >= 0; left -= read) {
            read = body.read(buffer);
        }
    }

    private static void secure(HttpServletResponse response) {
        response.setHeader(
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
                        + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        response.setHeader("X-Content-Type-Options", "nosniff");
        response.setHeader("X-Frame-Options", "DENY");
        response.setHeader("Referrer-Policy", "no-referrer");
        response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
        response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
        response.setHeader("Cache-Control", "no-store");
    }

    private static String path(HttpServletRequest request) {
        String inServlet = request.getPathInfo();
        return inServlet == null || inServlet.isEmpty() ? request.getServletPath() : inServlet;
    }

    private void get(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String path = path(request);
        switch (path) {
            case "", "/", "/index.html" -> page(request, response);
            case "/events" -> events(request, response);
            case "/api/state" -> json(response, 200, views.state());
            case "/api/modules" -> json(response, 200, views.modules());
            case "/api/swaps" -> json(response, 200, views.swaps());
            case "/api/scene" -> json(response, 200, views.scene());
            case "/api/rows" ->
                json(response, 200, views.rows(number(request, "after", -1), (int)
                        Math.min(MAX_ROWS, number(request, "limit", 1000))));
            case "/api/instruction" -> json(response, 200, Map.of("instruction", instruction()));
            case "/api/figures" -> {
                gallery.ask();
                json(response, 200, gallery.list());
            }
            default -> {
                Matcher camera = CAMERA.matcher(path);
                Matcher points = POINTS.matcher(path);
                Matcher figure = FIGURE.matcher(path);
                Matcher file = STATIC.matcher(path);
                if (camera.matches()) {
                    picture(response, "image/jpeg", camera.group(1), pictures.jpeg(camera.group(1)));
                } else if (points.matches()) {
                    picture(response, "application/octet-stream", points.group(1), pictures.points(points.group(1)));
                } else if (figure.matches()) {
                    figure(response, path, Integer.parseInt(figure.group(1)), figure.group(2));
                } else if (file.matches()) {
                    file(response, file.group(1), TYPES.get(file.group(2)));
                } else {
                    fail(response, 404, "there is no " + path + " here: the page is /");
                }
            }
        }
    }

    private static long number(HttpServletRequest request, String name, long otherwise) {
        String given = request.getParameter(name);
        try {
            return given == null ? otherwise : Long.parseLong(given);
        } catch (NumberFormatException e) {
            throw new IllegalStateException(name + " is \"" + given + "\": give a whole number");
        }
    }

    private void page(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String page = new String(resource("index.html").orElseThrow(), StandardCharsets.UTF_8);
        response.setContentType("text/html; charset=utf-8");
        response.getOutputStream()
                .write(page.replace("{{token}}", gate.tokenFor(request)).getBytes(StandardCharsets.UTF_8));
    }

    private static void file(HttpServletResponse response, String name, String type) throws IOException {
        Optional<byte[]> bytes = resource(name);
        if (bytes.isEmpty()) {
            fail(response, 404, "there is no " + name + " in the console bundle");
            return;
        }
        response.setContentType(type);
        response.setHeader("Cache-Control", "max-age=60");
        response.getOutputStream().write(bytes.get());
    }

    private static Optional<byte[]> resource(String name) throws IOException {
        try (InputStream in = ConsoleServlet.class.getResourceAsStream("/web/" + name)) {
            return in == null ? Optional.empty() : Optional.of(in.readAllBytes());
        }
    }

    private void figure(HttpServletResponse response, String path, int id, @Nullable String picture)
            throws IOException {
        String type = path.endsWith(".png")
                ? "image/png"
                : path.endsWith(".bin") ? "application/octet-stream" : "application/json; charset=utf-8";
        Optional<byte[]> bytes = gallery.made(id, path, figure -> switch (figure) {
            case Figure.Pictures all
            when picture != null ->
                Integer.parseInt(picture) < all.pictures().size()
                        ? Drawn.png(all.pictures().get(Integer.parseInt(picture)))
                        : null;
            case Figure.PointCloud cloud when path.endsWith(".bin") -> Drawn.points(cloud);
            default -> path.endsWith(".json") ? Views.json(Drawn.data(figure)) : null;
        });
        if (bytes.isEmpty()) {
            fail(response, 404, "there is no figure at " + path + ": /api/figures lists them");
            return;
        }
        send(response, type, bytes.get());
    }

    private static void picture(HttpServletResponse response, String type, String camera, Optional<byte[]> bytes)
            throws IOException {
        if (bytes.isEmpty()) {
            fail(response, 404, "camera " + camera + " has nothing to show (yet)");
            return;
        }
        send(response, type, bytes.get());
    }

    private static void send(HttpServletResponse response, String type, byte[] bytes) throws IOException {
        response.setContentType(type);
        response.setContentLength(bytes.length);
        response.getOutputStream().write(bytes);
    }

    private void events(HttpServletRequest request, HttpServletResponse response) throws IOException {
        Broadcast.Client client = broadcast.join();
        if (client == null) {
            fail(response, 503, "too many pages are open: close one, or raise maxClients of org.armature.console");
            return;
        }
        response.setContentType("text/event-stream; charset=utf-8");
        response.setHeader("X-Accel-Buffering", "no");
        AsyncContext async = request.startAsync();
        async.setTimeout(0);
        Thread.ofVirtual().name("console-client").start(() -> {
            try {
                ServletOutputStream out = response.getOutputStream();
                for (byte[] event = client.next(); event.length > 0; event = client.next()) {
                    out.write(event);
                    out.flush();
                }
            } catch (IOException left) {
                LOG.debug("A page was closed: {}", left.getMessage());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } finally {
                broadcast.leave(client);
                async.complete();
            }
        });
    }

    private void post(HttpServletRequest request, HttpServletResponse response) throws IOException {
        Optional<String> refusal = gate.refusal(request);
        if (refusal.isPresent()) {
            fail(response, 403, refusal.get());
            return;
        }
        switch (path(request)) {
            case "/api/estop" -> {
                control().emergencyStop("stopped from the dashboard");
                // A tick that is being done may still be the old one's; those after it hold.
                json(
                        response,
                        200,
                        Map.of(
                                "done",
                                "stop",
                                "tick",
                                sources.monitor().map(m -> m.stats().ticks()).orElse(-1L)));
            }
            case "/api/arm" -> {
                control().arm();
                json(response, 200, Map.of("done", "arm"));
            }
            case "/api/disarm" -> {
                control().disarm();
                json(response, 200, Map.of("done", "disarm"));
            }
            case "/api/skip" -> {
                sources.episodes().orElseThrow(() -> missing("episode")).skip();
                json(response, 200, Map.of("done", "skip"));
            }
            case "/api/instruction" -> instruct(request, response);
            case "/api/deploy" -> {
                String name = Optional.ofNullable(request.getParameter("name")).orElse("");
                long bytes = deploy.put(name, request.getContentLengthLong(), request.getInputStream());
                LOG.info("Deployed {} ({} bytes) from the dashboard", name, bytes);
                json(response, 200, Map.of("done", "deploy", "name", name, "bytes", bytes));
            }
            default -> fail(response, 404, "nothing at " + path(request) + " takes a POST");
        }
    }

    private void instruct(HttpServletRequest request, HttpServletResponse response) throws IOException {
        byte[] body = request.getInputStream().readNBytes(MAX_BODY);
        JsonNode text;
        try {
            text = JSON.readTree(body).path("instruction");
        } catch (com.fasterxml.jackson.core.JacksonException e) {
            fail(response, 400, "the body is no JSON: send {\"instruction\": \"…\"}");
            return;
        }
        if (!text.isTextual() || text.textValue().length() > MAX_INSTRUCTION) {
            fail(response, 400, "send {\"instruction\": \"…\"} with at most " + MAX_INSTRUCTION + " characters");
            return;
        }
        sources.hub()
                .orElseThrow(() -> missing("robot"))
                .instruct(text.textValue().strip());
        json(response, 200, Map.of("instruction", instruction()));
    }

    private String instruction() {
        return sources.hub().map(hub -> hub.instruction()).orElse("");
    }

    private Control control() {
        return sources.control().orElseThrow(() -> missing("control loop"));
    }

    private static IllegalStateException missing(String what) {
        return new IllegalStateException("there is no " + what + " now: start the control bundle");
    }

    private static void json(HttpServletResponse response, int status, Object view) throws IOException {
        response.setStatus(status);
        response.setContentType("application/json; charset=utf-8");
        response.getOutputStream().write(Views.json(view));
    }

    private static void fail(HttpServletResponse response, int status, String message) throws IOException {
        json(response, status, Map.of("error", message));
    }
}
