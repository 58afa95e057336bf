package org.armature.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PictureTest {
    /** Weights sum to one to 22 bits: a plain colour stays what it is under every filter and size. */
    @Property(tries = 60)
    void aPlainColourStays(
            @ForAll @IntRange(min = 1, max = 40) int height,
            @ForAll @IntRange(min = 1, max = 40) int width,
            @ForAll @IntRange(min = 1, max = 40) int size,
            @ForAll @IntRange(max = 255) int level) {
        byte[] pixels = new byte[height * width * 3];
        Arrays.fill(pixels, (byte) level);
        byte[] want = new byte[size * size * 3];
        Arrays.fill(want, (byte) level);
        for (Picture.Filter f : Picture.Filter.values()) {
            assertArrayEquals(
                    want,
                    new Picture(height, width, pixels).resize(size, size, f).pixels());
        }
    }

    @Test
    void theCropIsTheCentre() {
        byte[] pixels = new byte[2 * 4 * 3];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) (i / 3);
        }
        Picture p = new Picture(2, 4, pixels).centreCrop(2);
        assertArrayEquals(new byte[] {1, 1, 1, 2, 2, 2, 5, 5, 5, 6, 6, 6}, p.pixels());
    }

    @Test
    void normalisationPutsChannelsFirst() {
        float[] v = new Picture(1, 2, new byte[] {0, 0, 0, -1, -1, -1}).normalized();
        assertEquals(-0.485f / 0.229f, v[0], 1e-6f);
        assertEquals((1 - 0.406f) / 0.225f, v[5], 1e-6f);
    }
}
