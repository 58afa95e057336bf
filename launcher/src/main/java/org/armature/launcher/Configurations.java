package org.armature.launcher;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Dictionary;
import java.util.Hashtable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;

/**
 * One JSON file in the format of the OSGi Configurator (pid to properties; {@code pid~name} for factories; names that
 * begin with {@code :} are for the Configurator and skipped; a type after a colon as in {@code "port:Integer"}), plus
 * what the command line says, handed to Configuration Admin before any component starts.
 *
 * <p>Felix's own Configurator would add five bundles, three of them for JSON, to do this later in the start.
 */
record Configurations(Map<String, Map<String, Object>> byPid) {

    /** @throws IllegalArgumentException naming file and line */
    static Configurations read(Path file) {
        Map<String, Map<String, Object>> all = new LinkedHashMap<>();
        if (Files.exists(file)) {
            try {
                Json.object(Files.readString(file), file.toString()).forEach((pid, value) -> {
                    if (pid.startsWith(":")) {
                        return;
                    }
                    if (!(value instanceof Map<?, ?> properties)) {
                        throw new IllegalArgumentException(
                                file + ": " + pid + " must be an object of names and values, in { }");
                    }
                    Map<String, Object> typed = new LinkedHashMap<>();
                    properties.forEach((name, v) -> put(typed, String.valueOf(name), v, file + ": " + pid));
                    all.put(pid, typed);
                });
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
            }
        }
        return new Configurations(all);
    }

    /** This with {@code overrides} on top. */
    Configurations with(Map<String, Map<String, Object>> overrides) {
        Map<String, Map<String, Object>> all = new LinkedHashMap<>();
        byPid.forEach((pid, properties) -> all.put(pid, new LinkedHashMap<>(properties)));
        overrides.forEach((pid, properties) ->
                all.computeIfAbsent(pid, p -> new LinkedHashMap<>()).putAll(properties));
        return new Configurations(all);
    }

    /** This with {@code defaults} below. */
    Configurations withDefaults(Map<String, Map<String, Object>> defaults) {
        return new Configurations(defaults).with(byPid);
    }

    private static void put(Map<String, Object> into, String name, @Nullable Object value, String where) {
        if (name.startsWith(":") || value == null) {
            return;
        }
        int colon = name.indexOf(':');
        String key = colon < 0 ? name : name.substring(0, colon);
        String type = colon < 0 ? "" : name.substring(colon + 1);
        Object typed = switch (type) {
            case "" ->
                value instanceof List<?> list
                        ? list.stream().map(String::valueOf).toArray(String[]::new)
                        : value instanceof Map<?, ?> map ? Json.write(map) : value;
            case "Integer", "int" -> value instanceof Number n ? (Object) n.intValue() : null;
            case "Long", "long" -> value instanceof Number n ? (Object) n.longValue() : null;
            case "Double", "double" -> value instanceof Number n ? (Object) n.doubleValue() : null;
            case "Float", "float" -> value instanceof Number n ? (Object) n.floatValue() : null;
            case "Boolean", "boolean" -> value instanceof Boolean ? value : null;
            case "String" -> String.valueOf(value);
            case "String[]" ->
                value instanceof List<?> list
                        ? list.stream().map(String::valueOf).toArray(String[]::new)
                        : null;
            default -> null;
        };
        if (typed == null) {
            throw new IllegalArgumentException(where + ": " + name + " = " + Json.write(value)
                    + " is of no type known here: use Integer, Long, Double, Float, Boolean, String or String[]");
        }
        into.put(key, typed);
    }

    /** Hands every configuration over; the first start of a component already sees it. */
    void apply(ConfigurationAdmin admin) throws IOException {
        for (Map.Entry<String, Map<String, Object>> entry : byPid.entrySet()) {
            String pid = entry.getKey();
            int tilde = pid.indexOf('~');
            Configuration configuration = tilde < 0
                    ? admin.getConfiguration(pid, "?")
                    : admin.getFactoryConfiguration(pid.substring(0, tilde), pid.substring(tilde + 1), "?");
            Dictionary<String, Object> properties = new Hashtable<>(entry.getValue());
            configuration.update(properties);
        }
    }
}
