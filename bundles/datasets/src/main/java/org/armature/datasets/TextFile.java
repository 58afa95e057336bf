package org.armature.datasets;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.osgi.service.component.annotations.Component;

/**
 * A text as bytes, for small language models: {@code tokens: int64[length]} from 0 to 255 and {@code label: int64[length]},
 * each byte's successor. Config: {@code file}; {@code length} (64). The last tenth is the split {@code test}.
 */
@Component(property = {"armature.id=text", "armature.kind=dataset"})
public final class TextFile implements DatasetProvider {
    private static final long MAX_BYTES = 1L << 30;

    @Override
    public String id() {
        return "text";
    }

    @Override
    public Dataset open(String split, Config config) throws IOException {
        Path file = Path.of(config.text("file"));
        int length = config.integer("length", 64);
        if (!Files.isRegularFile(file)) {
            throw new IOException(file + " is not there: set dataset.file to a text");
        }
        if (Files.size(file) > MAX_BYTES) {
            throw new IOException(file + " is larger than a gigabyte: cut it");
        }
        boolean test = split.equals("test");
        if (!test && !split.equals("train")) {
            throw new IllegalArgumentException("text has no split " + split + ": it has train and test");
        }
        byte[] all = Files.readAllBytes(file);
        int cut = (int) (all.length * 9L / 10);
        int from = test ? cut : 0;
        int count = ((test ? all.length : cut) - from - 1) / Math.max(1, length);
        if (length < 1 || count < 1) {
            throw new IllegalArgumentException(
                    "config key dataset.length is " + length + ", and the " + split + " part of " + file + " has "
                            + ((test ? all.length : cut) - from) + " bytes: make it shorter, from 1 on");
        }
        return new Windows(all, from, count, length);
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared, never shown
    private record Windows(byte[] text, int from, int count, int length) implements Dataset {
        @Override
        public long size() {
            return count;
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("tokens", new TensorType(DType.INT64, Shape.of(length)));
            m.put("label", new TensorType(DType.INT64, Shape.of(length)));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            Tensor tokens = Objects.requireNonNull(into.get("tokens"), "tokens");
            Tensor label = Objects.requireNonNull(into.get("label"), "label");
            for (int i = 0; i < indices.length; i++) {
                int at = from + Objects.checkIndex((int) indices[i], count) * length;
                for (int j = 0; j < length; j++) {
                    tokens.setLong((long) i * length + j, text[at + j] & 0xFF);
                    label.setLong((long) i * length + j, text[at + j + 1] & 0xFF);
                }
            }
        }
    }
}
