package org.armature.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class CaptionedImagesTest {
    @Test
    void captionsAreNumberedByWordAndTheEndIsTheLargest() {
        List<long[]> ids = CaptionedImages.numbered(List.of("A coat", "an ankle boot", "a bag"));
        // a 1, an 2, ankle 3, bag 4, boot 5, coat 6, end 7
        assertArrayEquals(new long[] {1, 6, 7, 0}, ids.get(0));
        assertArrayEquals(new long[] {2, 3, 5, 7}, ids.get(1));
        assertArrayEquals(new long[] {1, 4, 7, 0}, ids.get(2));
    }
}
