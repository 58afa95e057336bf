package org.armature.checkpoint;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Any bytes are either a file whose tensors all lie inside it, or a {@link MalformedFile}; nothing else is thrown.
 *
 * <p>Runs the seeds under {@code src/test/resources} in the ordinary build. To look for new ones:
 * {@code JAZZER_FUZZ=1 mvn test -pl bundles/checkpoint -am -Dtest=CheckpointFuzzTest}.
 */
class CheckpointFuzzTest {
    @FuzzTest(maxDuration = "2m")
    void anyBytesAreAFileOrMalformed(byte[] bytes) throws IOException {
        MemorySegment file = MemorySegment.ofArray(bytes);
        Header header;
        try {
            header = Header.read(file, "fuzzed");
        } catch (MalformedFile e) {
            return;
        }
        MemorySegment data = file.asSlice(header.dataStart());
        long total = 0;
        for (Header.Entry e : header.tensors().values()) {
            total += data.asSlice(e.start(), e.bytes()).byteSize();
            if (e.bytes() != Header.bytes(e.dtype(), e.shape().sizes())) {
                throw new AssertionError(e + " has " + e.bytes() + " bytes");
            }
        }
        if (total != data.byteSize()) {
            throw new AssertionError("tensors cover " + total + " of " + data.byteSize());
        }
    }
}
