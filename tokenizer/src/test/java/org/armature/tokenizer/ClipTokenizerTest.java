package org.armature.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class ClipTokenizerTest {
    /** Ids of a vocabulary with two merges: 512 and 513 are the merges, 514 the start, 515 the end. */
    private final ClipTokenizer tokenizer = new ClipTokenizer(List.of("a b", "ab c</w>"));

    private static final int WORD_END = 256;

    private static long id(char c) {
        return c - '!';
    }

    @Test
    void mergesApplyBestFirst() {
        assertArrayEquals(new long[] {514, 513, 512, id('b') + WORD_END, 515, 0}, tokenizer.encode("abc abb", 6));
    }

    @Test
    void aLongTextIsCutAndStillEnds() {
        assertArrayEquals(new long[] {514, id('x'), 515}, tokenizer.encode("xxxx", 3));
    }

    @Test
    void digitsStandAlone() {
        assertArrayEquals(new long[] {514, id('4') + WORD_END, id('2') + WORD_END, 515}, tokenizer.encode("42", 4));
    }

    @Test
    void textIsCleaned() {
        assertEquals(
                "caf\u00e9 & <b> 'q' \u2026", PlainText.of("  Cafe\u0301 &amp;amp;\n&lt;B&gt; \u2018q\u2019 &hellip;"));
        assertEquals("\u20ac &zzz; &x", PlainText.of("&#128; &zzz; &ampx"));
    }

    @Test
    void aBrokenMergeIsNamed() {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> new ClipTokenizer(List.of("a b", "nospace")));
        assertEquals(
                "merge 2 is \"nospace\": two symbols with a space between are needed; use the file as OpenAI ships it",
                e.getMessage());
    }
}
