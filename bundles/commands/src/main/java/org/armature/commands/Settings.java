package org.armature.commands;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Map;

/** What {@code --set KEY=VALUE} gave. */
public final class Settings {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Settings() {}

    /** Values that look like JSON's numbers, flags or lists are that, others are texts. */
    public static Map<String, Object> of(Map<String, String> given) {
        Map<String, Object> m = new LinkedHashMap<>();
        given.forEach((key, text) -> m.put(key, value(key, text)));
        return m;
    }

    private static Object value(String key, String text) {
        if (!text.matches("-?\\d.*|true|false|\\[.*\\]")) {
            return text;
        }
        try {
            return JSON.readValue(text, Object.class);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "--set " + key + "=" + text + " begins as JSON and is none: " + e.getOriginalMessage(), e);
        }
    }
}
