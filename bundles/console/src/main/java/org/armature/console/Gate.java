package org.armature.console;

import jakarta.servlet.http.HttpServletRequest;
import java.net.InetAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Who may look and who may act.
 *
 * <p>Looking needs a {@code Host} that no foreign web page can claim (against DNS rebinding): {@code localhost}, an
 * address, or a configured name. Acting also needs the token of this start, and no foreign {@code Origin}. The token is
 * written into the page only for a browser on this machine; anyone else must know it.
 */
final class Gate {
    static final String HEADER = "X-Armature-Token";
    private static final Pattern ADDRESS = Pattern.compile("\\d{1,3}(\\.\\d{1,3}){3}|\\[[0-9a-fA-F:.]+]");
    private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");
    private static final List<String> PROXY_HEADERS =
            List.of("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via");

    private final String token;
    private final Set<String> names;

    /**
     * @param token the token, or empty for a random one
     * @param names host names, beside {@code localhost} and addresses, under which the page may be opened
     */
    Gate(String token, Set<String> names) {
        this.token = token.isEmpty() ? random() : token;
        this.names = names;
    }

    private static String random() {
        byte[] bytes = new byte[24];
        new SecureRandom().nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    String token() {
        return token;
    }

    /** Whether the request's {@code Host} is one that a foreign page cannot point at us. */
    boolean knowsHost(HttpServletRequest request) {
        String name = hostName(request);
        return LOOPBACK.contains(name) || ADDRESS.matcher(name).matches() || names.contains(name);
    }

    /** The token for the page, or empty when the browser is not on this machine or cannot be told to be. */
    String tokenFor(HttpServletRequest request) {
        boolean direct = PROXY_HEADERS.stream().allMatch(h -> request.getHeader(h) == null);
        return direct && LOOPBACK.contains(hostName(request)) && isLoopback(request.getRemoteAddr()) ? token : "";
    }

    /** Why the request may not change anything, or empty if it may. */
    Optional<String> refusal(HttpServletRequest request) {
        String origin = request.getHeader("Origin");
        if (origin != null && !sameOrigin(origin, request)) {
            return Optional.of("a page of " + origin + " may not act here: open the dashboard itself");
        }
        String site = request.getHeader("Sec-Fetch-Site");
        if (site != null && !site.equals("same-origin") && !site.equals("none")) {
            return Optional.of("a request from another site may not act here: open the dashboard itself");
        }
        String given = request.getHeader(HEADER);
        if (given == null
                || !MessageDigest.isEqual(
                        given.getBytes(StandardCharsets.UTF_8), token.getBytes(StandardCharsets.UTF_8))) {
            return Optional.of("the token is missing or of an earlier start: reload the page, or send it as " + HEADER);
        }
        return Optional.empty();
    }

    private static boolean sameOrigin(String origin, HttpServletRequest request) {
        try {
            return request.getHeader("Host").equalsIgnoreCase(URI.create(origin).getAuthority());
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static String hostName(HttpServletRequest request) {
        String host = request.getHeader("Host");
        return host == null ? "" : host.replaceFirst(":\\d+$", "").toLowerCase(Locale.ROOT);
    }

    private static boolean isLoopback(String address) {
        try {
            return InetAddress.ofLiteral(address.replaceAll("[\\[\\]]", "")).isLoopbackAddress();
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
