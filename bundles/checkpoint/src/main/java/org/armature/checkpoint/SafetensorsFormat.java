package org.armature.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.armature.checkpoint.SafetensorsWriter.Spec;
import org.armature.compute.Tensor;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.osgi.service.component.annotations.Component;

/** The <a href="https://github.com/huggingface/safetensors">safetensors</a> format, in one file or in shards. */
@Component(property = {"armature.id=safetensors", "armature.kind=checkpoint-format"})
public final class SafetensorsFormat implements CheckpointFormat {
    private static final String INDEX = ".safetensors.index.json";

    @Override
    public String id() {
        return "safetensors";
    }

    @Override
    public boolean reads(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(".safetensors") || name.endsWith(INDEX);
    }

    @Override
    public Checkpoint open(Path file) throws IOException {
        return file.getFileName().toString().endsWith(INDEX) ? Shards.open(file) : Safetensors.open(file);
    }

    @Override
    public void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException {
        var specs = tensors.entrySet().stream()
                .map(e ->
                        new Spec(e.getKey(), e.getValue().dtype(), e.getValue().shape()))
                .toList();
        try (SafetensorsWriter w = new SafetensorsWriter(file, specs, metadata)) {
            for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
                w.append(e.getKey(), e.getValue().data());
            }
            w.commit();
        }
    }
}
