package org.armature.commands.verify;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * What became of one case.
 *
 * @param worst the tensor with the largest error relative to its tolerance; empty if none was compared
 * @param reason why it is not a pass; empty for a pass
 */
record CaseResult(
        String name,
        String module,
        String executor,
        Status status,
        double maxAbs,
        double maxRel,
        String worst,
        String reason) {
    enum Status {
        PASS,
        FAIL,
        SKIP,
        ERROR;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** A case that was not compared. */
    static CaseResult without(String name, String module, String executor, Status status, String reason) {
        return new CaseResult(name, module, executor, status, 0, 0, "", reason);
    }

    /** With the keys of the command's {@code --json}; JSON has no infinity, which becomes the largest double. */
    Map<String, Object> json() {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("name", name);
        m.put("module", module);
        m.put("executor", executor);
        m.put("status", status.toString());
        m.put("max_abs", finite(maxAbs));
        m.put("max_rel", finite(maxRel));
        m.put("worst", worst);
        m.put("reason", reason);
        return m;
    }

    private static double finite(double v) {
        return Double.isFinite(v) ? v : Double.MAX_VALUE;
    }

    String line() {
        String error =
                worst.isEmpty() ? "" : String.format(Locale.ROOT, "  abs %.1e  rel %.1e  %s", maxAbs, maxRel, worst);
        return String.format(
                Locale.ROOT, "%-5s %-6s %s%s%s", status, executor, name, error, reason.isEmpty() ? "" : "  " + reason);
    }
}
