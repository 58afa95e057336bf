package org.armature.commands.verify;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.armature.commands.verify.CaseResult.Status;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;

/**
 * Compares tensors with expected ones: integers and booleans exactly, others with {@code |have - want| <= atol + rtol |want|};
 * NaN equals NaN. An element of a gradient may also differ by {@value #GRADIENT_ULPS} units in the last place of its tensor's
 * largest element: it is a sum that cancels, and its golden was rounded too (decision record 0003). The case's notes may ask for rows as a set ("compare the rows ... as a set"), allow a share of deviating
 * elements ("mask tensors: at most 1% of the entries may differ") or give a tensor a tolerance of its own ("layer_sparsity
 * within 0.01").
 */
final class Comparison {
    /** Begins the name of a gradient. */
    static final String GRADIENT = "d/d ";

    private static final int GRADIENT_ULPS = 8;
    private static final Pattern SHARE =
            Pattern.compile("([\\w.*]+)(?: tensors)?: at most (\\d+(?:\\.\\d+)?)% of the \\w+ may");
    private static final Pattern WITHIN = Pattern.compile("([\\w.*]+) within (\\d+(?:\\.\\d+)?(?:e-?\\d+)?)");

    private final double rtol;
    private final double atol;
    private final boolean rowsAreSets;
    private final Map<Pattern, Double> shares = new HashMap<>();
    private final Map<Pattern, Double> tolerances = new HashMap<>();

    private double maxAbs;
    private double maxRel;
    private double worstRatio = -1;
    private String worst = "";
    private String reason = "";

    Comparison(double rtol, double atol, String notes) {
        this.rtol = rtol;
        this.atol = atol;
        rowsAreSets = notes.contains("as a set");
        for (Matcher m = SHARE.matcher(notes); m.find(); ) {
            shares.put(names(m.group(1)), Double.parseDouble(m.group(2)) / 100);
        }
        for (Matcher m = WITHIN.matcher(notes); m.find(); ) {
            tolerances.put(names(m.group(1)), Double.parseDouble(m.group(2)));
        }
    }

    /** {@code mask} means {@code mask} and {@code mask.anything}; {@code y_hard_*} what it looks like. */
    private static Pattern names(String glob) {
        return Pattern.compile(Pattern.quote(glob).replace("*", "\\E.*\\Q") + "(\\..*)?");
    }

    void missing(String name) {
        fail(name, name + " is missing");
    }

    /** Adds one tensor to the comparison. */
    void compare(String name, Tensor want, Tensor have) {
        boolean lone = want.size() == 1 && have.size() == 1;
        if (!want.shape().equals(have.shape()) && !lone) {
            fail(name, name + " has shape " + have.shape() + ", not " + want.shape());
            return;
        }
        boolean exact = !want.dtype().isFloating();
        if (exact && rowsAreSets && want.shape().rank() > 0) {
            if (!rows(want).equals(rows(have))) {
                fail(name, name + " holds other rows");
            }
            return;
        }
        double own = lookup(tolerances, name, -1);
        double absolute = exact ? 0 : own >= 0 ? own : atol;
        if (name.startsWith(GRADIENT) && want.dtype() == DType.FLOAT) {
            absolute += GRADIENT_ULPS * Math.ulp((float) largest(want));
        }
        double relative = exact || own >= 0 ? 0 : rtol;
        long out = 0;
        long firstOut = -1;
        for (long i = 0; i < want.size(); i++) {
            double w = want.get(i);
            double h = have.get(i);
            boolean same = exact && !have.dtype().isFloating()
                    ? want.getLong(i) == have.getLong(i)
                    : w == h || (Double.isNaN(w) && Double.isNaN(h));
            if (same) {
                continue;
            }
            double abs = Math.abs(h - w);
            abs = Double.isNaN(abs) ? Double.POSITIVE_INFINITY : abs;
            double allowed = absolute + relative * Math.abs(w);
            double ratio = allowed > 0 && Double.isFinite(allowed) ? abs / allowed : Double.POSITIVE_INFINITY;
            maxAbs = Math.max(maxAbs, abs);
            if (w != 0) {
                maxRel = Math.max(maxRel, abs / Math.abs(w));
            }
            if (ratio > worstRatio) {
                worstRatio = ratio;
                worst = name;
            }
            if (!(ratio <= 1)) {
                out++;
                firstOut = firstOut < 0 ? i : firstOut;
            }
        }
        if (worst.isEmpty()) {
            worst = name;
        }
        if (out > lookup(shares, name, 0) * want.size()) {
            fail(
                    name,
                    name + " differs in " + out + " of " + want.size() + " elements, first at " + firstOut + ": "
                            + have.get(firstOut) + ", not " + want.get(firstOut));
        }
    }

    private static double largest(Tensor t) {
        double largest = 0;
        for (long i = 0; i < t.size(); i++) {
            largest = Math.max(largest, Math.abs(t.get(i)));
        }
        return Double.isFinite(largest) ? largest : 0;
    }

    private static double lookup(Map<Pattern, Double> map, String name, double otherwise) {
        return map.entrySet().stream()
                .filter(e -> e.getKey().matcher(name).matches())
                .mapToDouble(Map.Entry::getValue)
                .findFirst()
                .orElse(otherwise);
    }

    /** How often each row (last axis) occurs; of a vector each element. */
    private static Map<List<Long>, Integer> rows(Tensor t) {
        Shape s = t.shape();
        int width = s.rank() > 1 ? (int) s.dim(-1) : 1;
        long[] v = t.toLongs();
        Map<List<Long>, Integer> rows = new HashMap<>();
        for (int i = 0; i + width <= v.length; i += Math.max(1, width)) {
            List<Long> row = new ArrayList<>();
            for (int j = 0; j < width; j++) {
                row.add(v[i + j]);
            }
            rows.merge(row, 1, Integer::sum);
        }
        return rows;
    }

    private void fail(String name, String why) {
        if (reason.isEmpty()) {
            reason = why;
            worst = name;
            worstRatio = Double.POSITIVE_INFINITY;
        }
    }

    CaseResult result(String name, String module, String executor) {
        return new CaseResult(
                name, module, executor, reason.isEmpty() ? Status.PASS : Status.FAIL, maxAbs, maxRel, worst, reason);
    }
}
