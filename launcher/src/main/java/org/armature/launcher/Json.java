package org.armature.launcher;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * JSON to and from {@link Map}, {@link List}, {@link String}, {@link Long}, {@link Double}, {@link Boolean} and null. A
 * JSON library would be the largest thing on the launcher's class path; {@code //} comments are allowed, as the
 * Configurator format allows them.
 */
final class Json {
    private static final int MAX_DEPTH = 64;
    private final String text;
    private final String source;
    private int at;
    private int depth;

    private Json(String text, String source) {
        this.text = text;
        this.source = source;
    }

    /** @throws IllegalArgumentException naming source, line and what was expected */
    static @Nullable Object parse(String text, String source) {
        Json json = new Json(text, source);
        Object value = json.value();
        json.space();
        if (json.at < text.length()) {
            throw json.expected("the end");
        }
        return value;
    }

    /** @throws IllegalArgumentException also if the text is no object */
    static Map<String, @Nullable Object> object(String text, String source) {
        if (parse(text, source) instanceof Map<?, ?> map) {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            map.forEach((key, value) -> out.put(String.valueOf(key), value));
            return out;
        }
        throw new IllegalArgumentException(source + " is not a JSON object: begin it with {");
    }

    private @Nullable Object value() {
        space();
        if (at >= text.length()) {
            throw expected("a value");
        }
        return switch (text.charAt(at)) {
            case '{' -> map();
            case '[' -> list();
            case '"' -> string();
            case 't' -> word("true", Boolean.TRUE);
            case 'f' -> word("false", Boolean.FALSE);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, @Nullable Object> map() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        enter();
        if (!next('}')) {
            do {
                space();
                if (at >= text.length() || text.charAt(at) != '"') {
                    throw expected("a name in quotes");
                }
                String name = string();
                if (!next(':')) {
                    throw expected("':'");
                }
                map.put(name, value());
            } while (next(','));
            if (!next('}')) {
                throw expected("',' or '}'");
            }
        }
        depth--;
        return map;
    }

    private List<@Nullable Object> list() {
        List<@Nullable Object> list = new ArrayList<>();
        enter();
        if (!next(']')) {
            do {
                list.add(value());
            } while (next(','));
            if (!next(']')) {
                throw expected("',' or ']'");
            }
        }
        depth--;
        return list;
    }

    private void enter() {
        at++;
        if (++depth > MAX_DEPTH) {
            throw expected("at most " + MAX_DEPTH + " levels");
        }
    }

    private String string() {
        StringBuilder out = new StringBuilder();
        for (at++; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c == '"') {
                at++;
                return out.toString();
            }
            if (c != '\\') {
                out.append(c);
                continue;
            }
            if (++at >= text.length()) {
                break;
            }
            switch (text.charAt(at)) {
                case 'n' -> out.append('\n');
                case 't' -> out.append('\t');
                case 'r' -> out.append('\r');
                case 'b' -> out.append('\b');
                case 'f' -> out.append('\f');
                case 'u' -> {
                    try {
                        out.append((char) Integer.parseInt(text, at + 1, at + 5, 16));
                    } catch (NumberFormatException | IndexOutOfBoundsException e) {
                        throw expected("four hexadecimal digits");
                    }
                    at += 4;
                }
                case '"', '\\', '/' -> out.append(text.charAt(at));
                default -> throw expected("an escape JSON knows");
            }
        }
        throw expected("'\"'");
    }

    private @Nullable Object word(String word, @Nullable Object value) {
        if (!text.startsWith(word, at)) {
            throw expected(word);
        }
        at += word.length();
        return value;
    }

    private Object number() {
        int start = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String digits = text.substring(start, at);
        try {
            if (digits.matches("-?\\d{1,18}")) {
                return Long.valueOf(digits);
            }
            return Double.valueOf(digits);
        } catch (NumberFormatException e) {
            at = start;
            throw expected("a value");
        }
    }

    private boolean next(char c) {
        space();
        if (at < text.length() && text.charAt(at) == c) {
            at++;
            return true;
        }
        return false;
    }

    private void space() {
        while (at < text.length()) {
            if (Character.isWhitespace(text.charAt(at))) {
                at++;
            } else if (text.startsWith("//", at)) {
                int end = text.indexOf('\n', at);
                at = end < 0 ? text.length() : end;
            } else {
                return;
            }
        }
    }

    private IllegalArgumentException expected(String what) {
        long line = 1
                + text.substring(0, Math.min(at, text.length()))
                        .chars()
                        .filter(c -> c == '\n')
                        .count();
        return new IllegalArgumentException(source + " line " + line + ": expected " + what);
    }

    /** One line of JSON; arrays of primitives and records' accessors are not known, not-a-number becomes null. */
    static String write(@Nullable Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(@Nullable Object value, StringBuilder out) {
        switch (value) {
            case null -> out.append("null");
            case Map<?, ?> map -> {
                String separator = "{";
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    out.append(separator);
                    quote(String.valueOf(entry.getKey()), out);
                    out.append(": ");
                    write(entry.getValue(), out);
                    separator = ", ";
                }
                out.append(map.isEmpty() ? "{}" : "}");
            }
            case Iterable<?> items -> {
                out.append('[');
                String separator = "";
                for (Object item : items) {
                    out.append(separator);
                    write(item, out);
                    separator = ", ";
                }
                out.append(']');
            }
            case double[] items -> write(java.util.Arrays.stream(items).boxed().toList(), out);
            case long[] items -> write(java.util.Arrays.stream(items).boxed().toList(), out);
            case int[] items -> write(java.util.Arrays.stream(items).boxed().toList(), out);
            case Object[] items -> write(java.util.Arrays.asList(items), out);
            case Double d when !Double.isFinite(d) -> out.append("null");
            case Float f when !Float.isFinite(f) -> out.append("null");
            case Number number -> out.append(number);
            case Boolean bool -> out.append(bool);
            default -> quote(value.toString(), out);
        }
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                    if (c < 0x20) {
                        out.append(String.format("\\u%04x", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }
}
