package org.armature.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.armature.checkpoint.SafetensorsWriter.Spec;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RoundTripTest {
    @Provide
    Arbitrary<List<Spec>> specs() {
        Arbitrary<Shape> shapes = Arbitraries.longs()
                .between(0, 5)
                .array(long[].class)
                .ofMaxSize(4)
                .map(Shape::of);
        return Combinators.combine(Arbitraries.strings().ofMaxLength(12), Arbitraries.of(DType.values()), shapes)
                .as(Spec::new)
                .filter(s -> !s.name().equals("__metadata__")
                        && s.name().chars().noneMatch(c -> Character.isSurrogate((char) c)))
                .list()
                .ofMaxSize(8)
                .uniqueElements(Spec::name);
    }

    /** For any tensors t, read(write(t)) = t, in pieces of any size. */
    @Property(tries = 200)
    void whatIsWrittenIsRead(@ForAll("specs") List<Spec> specs, @ForAll long seed) throws IOException {
        Path file = Files.createTempFile("roundtrip", ".safetensors");
        try {
            Random random = new Random(seed);
            List<byte[]> contents = new ArrayList<>();
            try (SafetensorsWriter w = new SafetensorsWriter(file, specs, Map.of("seed", "" + seed))) {
                for (Spec s : specs) {
                    byte[] b = new byte[(int) Header.bytes(s.dtype(), s.shape().sizes())];
                    random.nextBytes(b);
                    contents.add(b);
                    int cut = b.length == 0 ? 0 : random.nextInt(b.length);
                    MemorySegment m = MemorySegment.ofArray(b);
                    w.append(s.name(), m.asSlice(0, cut));
                    w.append(s.name(), m.asSlice(cut));
                }
                w.commit();
            }
            try (Safetensors in = Safetensors.open(file)) {
                assertEquals(specs.size(), in.names().size());
                assertEquals("" + seed, in.metadata().get("seed"));
                for (int i = 0; i < specs.size(); i++) {
                    Spec s = specs.get(i);
                    Tensor t = in.get(s.name());
                    assertEquals(new TensorType(s.dtype(), s.shape()), t.type());
                    assertEquals(t.type(), in.type(s.name()));
                    assertTrue(t.data().isMapped(), "not copied, because aligned");
                    assertArrayEquals(contents.get(i), t.data().toArray(ValueLayout.JAVA_BYTE));
                }
            }
        } finally {
            Files.delete(file);
        }
    }

    @Test
    void anUnfinishedFileLeavesTheOldOneAlone(@TempDir Path dir) throws IOException {
        Path file = dir.resolve("model.safetensors");
        Spec a = new Spec("a", DType.INT32, Shape.of(2));
        try (SafetensorsWriter w = new SafetensorsWriter(file, List.of(a), Map.of())) {
            w.append("a", MemorySegment.ofArray(new int[] {1, 2}));
            w.commit();
        }
        byte[] before = Files.readAllBytes(file);
        try (SafetensorsWriter w = new SafetensorsWriter(file, List.of(a), Map.of())) {
            w.append("a", MemorySegment.ofArray(new int[] {3}));
            assertThrows(IllegalStateException.class, w::commit);
            assertThrows(IllegalArgumentException.class, () -> w.append("a", MemorySegment.ofArray(new int[] {4, 5})));
        }
        assertArrayEquals(before, Files.readAllBytes(file));
        try (var files = Files.list(dir)) {
            assertEquals(List.of(file), files.toList());
        }
    }

    @Test
    void aSparseFileOfOnePointTwoBillionParametersOpensWithoutReadingIt(@TempDir Path dir) throws IOException {
        Path file = dir.resolve("large.safetensors");
        List<Spec> specs = new ArrayList<>();
        for (int i = 0; i < 1200; i++) {
            specs.add(new Spec("aggregator.blocks." + i + ".weight", DType.FLOAT, Shape.of(1000, 1000)));
        }
        try (SafetensorsWriter w = new SafetensorsWriter(file, specs, Map.of())) {
            assertThrows(IllegalStateException.class, w::commit);
            // The bytes are a hole in the file: opening must not look at them.
            Path part = dir.resolve(".large.safetensors.part");
            try (var channel = java.nio.channels.FileChannel.open(part, java.nio.file.StandardOpenOption.WRITE)) {
                long head = channel.size();
                channel.write(java.nio.ByteBuffer.wrap(new byte[1]), head + 4_800_000_000L - 1);
            }
            Files.move(part, file);
        }
        try (Safetensors in = Safetensors.open(file)) {
            assertEquals(1200, in.names().size());
            assertEquals(0, in.get("aggregator.blocks.999.weight").get(999_999));
        }
        assertFalse(Files.exists(dir.resolve(".large.safetensors.part")));
    }
}
