package org.armature.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.armature.compute.Executor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.ConfigReader;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code armature decode LATENT}: a file of {@code armature encode} back to PNG. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=decode")
@Command(name = "decode", description = "Decodes latents of a VTP checkpoint into a PNG.")
public final class DecodeCommand extends CodecCommand {
    @Parameters(index = "0", paramLabel = "LATENT", description = "safetensors with latents: float[1, C, h, w]")
    @Nullable
    Path from;

    @Option(names = "--out", paramLabel = "PNG", description = "the image (LATENT.png)")
    @Nullable
    Path to;

    @Activate
    public DecodeCommand(
            @Reference ConfigReader reader,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) List<Executor> executors) {
        super(reader, format, executors);
    }

    @Override
    int call(Codec codec) throws IOException {
        Path source = given(from);
        if (!Files.isRegularFile(source)) {
            throw usage(source + " is not there: give a file that armature encode wrote");
        }
        Path target = to != null ? to : source.resolveSibling(source.getFileName() + ".png");
        try (Checkpoint c = format().open(source)) {
            if (!c.has("latents")) {
                throw new IOException(
                        source + " holds " + c.names() + ", not latents: give a file that armature encode wrote");
            }
            Shape s = c.type("latents").shape();
            if (c.type("latents").dtype() != DType.FLOAT || s.rank() != 4 || s.dim(0) != 1) {
                throw new IOException(source + " holds latents " + c.type("latents") + ": give float[1, C, h, w]");
            }
            Picture p = codec.decode(c.get("latents")).getFirst();
            Images.write(target, p);
            out().println(
                            json
                                    ? "{\"width\": " + p.width() + ", \"height\": " + p.height() + "}"
                                    : target + ": " + p.width() + " x " + p.height());
            out().flush();
        }
        return 0;
    }
}
