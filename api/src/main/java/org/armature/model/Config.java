package org.armature.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A configuration read from JSON: keys with numbers, texts, flags, lists and sections. Reading a key remembers it, so that
 * {@link #rejectUnknown()} can name a key that nobody asked for, and the nearest right one.
 *
 * <p>A value of the wrong kind throws {@link IllegalArgumentException}: {@code config key depth is "two": give a whole
 * number}.
 */
public final class Config {
    private final String path;
    private final Map<String, Object> values;
    private final Set<String> asked = new LinkedHashSet<>();
    private final List<Config> sections = new ArrayList<>();

    private Config(String path, Map<String, ?> values) {
        this.path = path;
        this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }

    /** Over maps, lists, strings, numbers and booleans as a JSON reader gives them. */
    public static Config of(Map<String, ?> values) {
        return new Config("", values);
    }

    public static Config empty() {
        return of(Map.of());
    }

    public boolean has(String key) {
        asked.add(key);
        return values.get(key) != null;
    }

    public int integer(String key) {
        long n = whole(key, required(key));
        return n == (int) n ? (int) n : this.<Integer>wrong(key, "a whole number of at most 2147483647");
    }

    public int integer(String key, int otherwise) {
        return has(key) ? integer(key) : otherwise;
    }

    public long wide(String key, long otherwise) {
        return has(key) ? whole(key, required(key)) : otherwise;
    }

    public double number(String key) {
        return decimal(key, required(key));
    }

    public double number(String key, double otherwise) {
        return has(key) ? number(key) : otherwise;
    }

    public boolean flag(String key, boolean otherwise) {
        if (!has(key)) {
            return otherwise;
        }
        return required(key) instanceof Boolean b ? b : wrong(key, "true or false");
    }

    public String text(String key) {
        return required(key) instanceof String s ? s : wrong(key, "a text");
    }

    public String text(String key, String otherwise) {
        return has(key) ? text(key) : otherwise;
    }

    /** A list of whole numbers; a single number counts as a list of one. */
    public long[] integers(String key) {
        return list(key).stream().mapToLong(v -> whole(key, v)).toArray();
    }

    public long[] integers(String key, long... otherwise) {
        return has(key) ? integers(key) : otherwise;
    }

    /** A list of numbers; a single number counts as a list of one. */
    public double[] numbers(String key) {
        return list(key).stream().mapToDouble(v -> decimal(key, v)).toArray();
    }

    public double[] numbers(String key, double... otherwise) {
        return has(key) ? numbers(key) : otherwise;
    }

    public List<String> texts(String key) {
        return list(key).stream()
                .map(v -> v instanceof String s ? s : this.<String>wrong(key, "a list of texts"))
                .toList();
    }

    /** The elements as they are: numbers, texts, lists, maps. */
    public List<Object> list(String key) {
        Object v = required(key);
        return v instanceof List<?> l ? List.copyOf(l) : v instanceof Map<?, ?> ? wrong(key, "a list") : List.of(v);
    }

    /** A part of the configuration; empty if it is missing. */
    public Config section(String key) {
        Config c = has(key) ? sectionOf(key, required(key)) : new Config(full(key), Map.of());
        sections.add(c);
        return c;
    }

    /** A list of parts. */
    public List<Config> sectionList(String key) {
        List<Config> all = list(key).stream().map(v -> sectionOf(key, v)).toList();
        sections.addAll(all);
        return all;
    }

    private Config sectionOf(String key, Object v) {
        if (!(v instanceof Map<?, ?> m)) {
            return wrong(key, "an object");
        }
        Map<String, Object> copy = new LinkedHashMap<>();
        m.forEach((k, x) -> copy.put(String.valueOf(k), x));
        return new Config(full(key), copy);
    }

    public Map<String, Object> asMap() {
        return values;
    }

    /**
     * Throws {@link IllegalArgumentException} for a key that was never read, here or in a section that was: {@code config
     * key widht is not known: did you mean width?}
     */
    public void rejectUnknown() {
        for (String key : values.keySet()) {
            if (!asked.contains(key)) {
                String near = nearest(key, asked);
                throw new IllegalArgumentException("config key " + full(key) + " is not known: "
                        + (near == null ? "known are " + asked : "did you mean " + near + "?"));
            }
        }
        sections.forEach(Config::rejectUnknown);
    }

    /** The candidate with the smallest edit distance if that is at most a third of the word, else null. */
    public static @Nullable String nearest(String word, Iterable<String> candidates) {
        String best = null;
        int least = Math.max(2, word.length() / 3) + 1;
        for (String c : candidates) {
            int d = distance(word, c);
            if (d < least) {
                least = d;
                best = c;
            }
        }
        return best;
    }

    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j < row.length; j++) {
                int change = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(change, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }

    private Object required(String key) {
        asked.add(key);
        Object v = values.get(key);
        if (v == null) {
            throw new IllegalArgumentException("config key " + full(key) + " is missing");
        }
        return v;
    }

    private long whole(String key, Object v) {
        if (v instanceof Number n
                && n.doubleValue() == Math.rint(n.doubleValue())
                && Math.abs(n.doubleValue()) < 0x1p63) {
            return n.longValue();
        }
        return this.<Long>wrong(key, "a whole number");
    }

    private double decimal(String key, Object v) {
        return v instanceof Number n ? n.doubleValue() : this.<Double>wrong(key, "a number");
    }

    private <T> T wrong(String key, String wanted) {
        Object v = values.get(key);
        throw new IllegalArgumentException(
                "config key " + full(key) + " is " + (v instanceof String ? "\"" + v + "\"" : v) + ": give " + wanted);
    }

    private String full(String key) {
        return path.isEmpty() ? key : path + "." + key;
    }

    @Override
    public String toString() {
        return values.toString();
    }
}
