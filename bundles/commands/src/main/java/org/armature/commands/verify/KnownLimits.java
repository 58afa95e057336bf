package org.armature.commands.verify;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.stream.Collectors;
import org.armature.commands.verify.CaseResult.Status;

/**
 * Why an executor does not pass some of the ONNX project's node tests: the table {@code limits.properties}. It adds the reason
 * to a result and never changes its status.
 */
final class KnownLimits {
    private static final String TABLE = "limits.properties";

    private final Map<String, String> reasons;

    KnownLimits() {
        Properties p = new Properties();
        try (InputStream in = KnownLimits.class.getResourceAsStream(TABLE)) {
            p.load(Objects.requireNonNull(in, TABLE));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        reasons = p.stringPropertyNames().stream().collect(Collectors.toUnmodifiableMap(k -> k, p::getProperty));
    }

    /** Keys {@code EXECUTOR/CASE} and the reasons. */
    Map<String, String> reasons() {
        return reasons;
    }

    boolean names(CaseResult r) {
        return reasons.containsKey(key(r));
    }

    /** The result with its known reason in front; as it is for a pass or if none is known. */
    CaseResult explain(CaseResult r) {
        String why = reasons.get(key(r));
        return why == null || r.status() == Status.PASS
                ? r
                : new CaseResult(
                        r.name(),
                        r.module(),
                        r.executor(),
                        r.status(),
                        r.maxAbs(),
                        r.maxRel(),
                        r.worst(),
                        "known: " + why + ". Seen: " + r.reason());
    }

    static String key(CaseResult r) {
        return r.executor() + "/" + r.name().substring(r.name().lastIndexOf('/') + 1);
    }
}
