package org.armature.pickplace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InstructionTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "put the red cube in the blue bowl",
                "Put red cube into blue bowl.",
                "Please place the red cube on the blue bowl!",
                "pick up the red cube and put it in the blue bowl",
                "move the red cube to the blue bowl please",
                "drop a red cube inside the blue bowl"
            })
    void variantsMeanTheSame(String words) {
        assertEquals(new Instruction.Put("red cube", "blue bowl"), Instruction.of(words));
    }

    @Test
    void anUnknownWordIsNamed() {
        Instruction.Unclear u =
                assertInstanceOf(Instruction.Unclear.class, Instruction.of("put the red zebra in the blue bowl"));
        assertTrue(u.sentence().contains("\"zebra\""), u.sentence());
    }

    @ParameterizedTest
    @ValueSource(strings = {"sing a song", "put the red cube", "put the in the blue bowl", "\u0000\uffff"})
    void whatIsNoTaskIsNoTask(String words) {
        assertTrue(!(Instruction.of(words) instanceof Instruction.Put), words);
    }

    @Test
    void silenceAsksNothing() {
        assertEquals(new Instruction.Nothing(), Instruction.of("  "));
    }
}
