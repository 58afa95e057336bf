package org.armature.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.osgi.service.component.annotations.Component;

/** JSON files as configurations. */
@Component
public final class Json implements ConfigReader {
    static final long MAX_CONFIG = 16 << 20;

    private static final ObjectMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .enable(JsonReadFeature.ALLOW_JAVA_COMMENTS)
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(64)
                            .maxNumberLength(100)
                            .build())
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    @Override
    public Config read(Path json) throws IOException {
        if (Files.size(json) > MAX_CONFIG) {
            throw new IOException(json + " has more than " + MAX_CONFIG + " bytes: that is no configuration");
        }
        JsonNode root = tree(json);
        if (!root.isObject()) {
            throw new IOException(json + " holds " + root.getNodeType() + ": a configuration is an object { ... }");
        }
        return Config.of(MAPPER.convertValue(root, new TypeReference<LinkedHashMap<String, Object>>() {}));
    }

    static JsonNode tree(Path json) throws IOException {
        try (Reader in = Files.newBufferedReader(json)) {
            return MAPPER.readTree(in);
        } catch (CharacterCodingException e) {
            throw new IOException(json + " is not UTF-8: save it as UTF-8", e);
        } catch (JsonProcessingException e) {
            String place =
                    e.getLocation() == null ? "" : " (line " + e.getLocation().getLineNr() + ")";
            throw new IOException(json + " is not valid JSON" + place + ": " + e.getOriginalMessage(), e);
        }
    }
}
