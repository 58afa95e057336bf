package org.armature.compute.onnx;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.GraphException;
import org.armature.model.ModelFormat;
import org.armature.model.Parameters;
import org.osgi.service.component.annotations.Component;

/** ONNX files, external data included. */
@Component(property = {"armature.id=onnx", "armature.kind=model-format"})
public final class OnnxModelFormat implements ModelFormat {
    /** Above this many bytes of weights they go into a file of their own: protobuf ends at 2 GB. */
    private final long inlineLimit;

    public OnnxModelFormat() {
        this(1L << 30);
    }

    OnnxModelFormat(long inlineLimit) {
        this.inlineLimit = inlineLimit;
    }

    @Override
    public String id() {
        return "onnx";
    }

    @Override
    public boolean reads(Path file) {
        return file.toString().endsWith(".onnx");
    }

    @Override
    public Imported read(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            CodedInputStream coded = CodedInputStream.newInstance(in);
            coded.setSizeLimit(Integer.MAX_VALUE);
            Path folder = file.toAbsolutePath().getParent();
            return OnnxReader.read(ModelProto.parseFrom(coded), folder);
        } catch (InvalidProtocolBufferException e) {
            throw new IOException(file + " is not an ONNX model: " + e.getMessage(), e);
        } catch (GraphException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        } catch (RuntimeException e) {
            throw new IOException(file + " is a broken ONNX model: " + e, e);
        }
    }

    @Override
    public Tensor readTensor(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return OnnxReader.readTensor(TensorProto.parseFrom(in));
        } catch (InvalidProtocolBufferException e) {
            throw new IOException(file + " is not an ONNX tensor: " + e.getMessage(), e);
        } catch (GraphException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        } catch (RuntimeException e) {
            throw new IOException(file + " is a broken ONNX tensor: " + e, e);
        }
    }

    @Override
    public void write(Path file, Graph graph, Parameters parameters) throws IOException {
        Path target = file.toAbsolutePath();
        String dataName = target.getFileName() + ".data";
        Map<String, Long> offsets = new LinkedHashMap<>();
        long total = 0;
        for (var v : graph.parameters()) {
            if (parameters.has(v.name())) {
                if (!parameters.type(v.name()).equals(v.type())) {
                    throw new IOException("parameter " + v + " of graph " + graph.name()
                            + " does not fit the tensor given, " + parameters.type(v.name()));
                }
                offsets.put(v.name(), total);
                total += Math.ceilDiv(bytes(v.shape().size(), v.dtype().bytes()), 64L) * 64;
            }
        }
        boolean outside = total > inlineLimit;
        OnnxWriter.Weights weights = new OnnxWriter.Weights() {
            @Override
            public boolean has(String name) {
                return offsets.containsKey(name);
            }

            @Override
            public void write(String name, TensorProto.Builder t) {
                Tensor data = parameters.get(name);
                if (outside) {
                    OnnxWriter.external(
                            t, dataName, offsets.get(name), data.data().byteSize());
                } else {
                    t.setRawData(ByteString.copyFrom(data.data().asByteBuffer()));
                }
            }
        };
        if (outside) {
            Path temporary = Files.createTempFile(target.getParent(), dataName, ".tmp");
            try {
                try (FileChannel c = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                    for (Map.Entry<String, Long> e : offsets.entrySet()) {
                        var data = parameters.get(e.getKey()).data();
                        for (long at = 0; at < data.byteSize(); ) {
                            long n = Math.min(1 << 30, data.byteSize() - at);
                            ByteBuffer part = data.asSlice(at, n).asByteBuffer();
                            at += c.write(part, e.getValue() + at);
                        }
                    }
                    c.force(true);
                }
                move(temporary, target.resolveSibling(dataName));
            } finally {
                Files.deleteIfExists(temporary);
            }
        }
        Path temporary =
                Files.createTempFile(target.getParent(), target.getFileName().toString(), ".tmp");
        try {
            try (OutputStream out = Files.newOutputStream(temporary)) {
                OnnxWriter.write(graph, weights).model().writeTo(out);
            }
            move(temporary, target);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private static long bytes(long elements, int size) {
        return Math.multiplyExact(elements, (long) size);
    }

    private static void move(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
