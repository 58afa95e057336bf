package org.armature.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HeaderTest {
    static byte[] file(String json, int dataBytes) {
        byte[] j = json.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + j.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(j.length)
                .put(j)
                .array();
    }

    private static Header read(String json, int dataBytes) throws IOException {
        return Header.read(MemorySegment.ofArray(file(json, dataBytes)), "weights");
    }

    @Test
    void readsWhatTheReferenceImplementationWrites() throws IOException {
        Header h = read(
                "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
                        + "\"a\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                        + "\"none\":{\"dtype\":\"F32\",\"shape\":[0,9223372036854775807,2],\"data_offsets\":[8,8]}}  ",
                20);
        assertEquals(List.of("a", "none", "b"), List.copyOf(h.tensors().keySet()));
        assertEquals(
                new Header.Entry("b", DType.FLOAT16, Shape.of(2, 3), 8, 20),
                h.tensors().get("b"));
        assertEquals("pt", h.metadata().get("format"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}|4|bytes 0 to 8 of 4",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}|4|needs 8",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}|8|tensors fill 4",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}|8|gap before",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,4]}}|8|bytes 8 to 4",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}|4|negative",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}|4|VALUE_NUMBER_FLOAT",
                "{\"a\":{\"dtype\":\"Q4\",\"shape\":[1],\"data_offsets\":[0,4]}}|4|not known",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}|0|too large",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,0]}}|0|out of range",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}|4|two data_offsets",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}|4|more than 2",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}}|4|unknown property 'offsets'",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}|2|Duplicate",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}|3|overlap",
                "{\"a\":[[[[[[[[[[[[1]]]]]]]]]]]]}|0|START_ARRAY where START_OBJECT",
                "{\"__metadata__\":{\"a\":1}}|0|VALUE_STRING",
                "{} {}|0|after its header",
                "{\"a\"|0|JSON",
            })
    void brokenPromisesAreNamed(String json, int dataBytes, String why) {
        MalformedFile e = assertThrows(MalformedFile.class, () -> read(json, dataBytes));
        assertTrue(e.getMessage().startsWith("weights "), e.getMessage());
        assertTrue(e.getMessage().contains(why), e.getMessage());
    }

    @ParameterizedTest
    @CsvSource({"-1", "0", "1", "3", "100000001", "9223372036854775807"})
    void lengthsThatDoNotFitAreRefusedBeforeReading(long length) {
        byte[] b = file("{}", 0);
        ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
        MalformedFile e = assertThrows(MalformedFile.class, () -> Header.read(MemorySegment.ofArray(b), "weights"));
        assertTrue(e.getMessage().contains("says its header has"), e.getMessage());
    }

    @Test
    void aHeaderIsUtf8AndNothingElse() {
        for (java.nio.charset.Charset other : List.of(StandardCharsets.UTF_16LE, StandardCharsets.UTF_32LE)) {
            byte[] j = "{}".getBytes(other);
            byte[] b = ByteBuffer.allocate(8 + j.length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(j.length)
                    .put(j)
                    .array();
            assertThrows(MalformedFile.class, () -> Header.read(MemorySegment.ofArray(b), "weights"), other.name());
        }
        byte[] wrong = file("{\"?\":{}}", 0);
        wrong[10] = (byte) 0xFF;
        MalformedFile e = assertThrows(MalformedFile.class, () -> Header.read(MemorySegment.ofArray(wrong), "weights"));
        assertTrue(e.getMessage().contains("not UTF-8"), e.getMessage());
    }

    @Test
    void shortFilesAreRefused() {
        assertThrows(MalformedFile.class, () -> Header.read(MemorySegment.ofArray(new byte[7]), "weights"));
    }

    @Test
    void deepJsonEndsAtOnceWithoutRecursion() {
        String deep = "{\"a\":" + "{\"dtype\":".repeat(200_000);
        assertThrows(MalformedFile.class, () -> read(deep, 0));
    }
}
