package org.armature.compute.opencl.device;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class TunerTest {
    /** Rounds in which the usual blocks take 1 and others these times. */
    private static List<double[]> rounds(double... others) {
        return DoubleStream.of(others).mapToObj(t -> new double[] {1, t}).toList();
    }

    @Test
    void fewRoundsDecideNothing() {
        assertEquals(0, Tuner.best(List.of()));
        assertEquals(0, Tuner.best(Collections.nCopies(Tuner.ROUNDS - 1, new double[] {1, 0.5})));
        assertEquals(1, Tuner.best(Collections.nCopies(Tuner.ROUNDS, new double[] {1, 0.5})));
    }

    @Test
    void chanceDecidesNothing() {
        assertEquals(0, Tuner.best(rounds(0.7, 1.3, 0.8, 0.9, 1.2, 0.7, 0.9, 0.9, 1.1)), "faster in six of nine");
        assertEquals(0, Tuner.best(rounds(0.97, 0.96, 0.98, 0.97, 0.96, 0.97, 0.96, 0.97, 0.96)), "hardly faster");
        assertEquals(1, Tuner.best(rounds(0.9, 0.91, 1.3, 0.9, 0.88, 0.92, 0.9, 0.9, 0.9)), "one disturbed");
    }

    @Test
    void theFastestOfSeveral() {
        double[][] rounds = new double[Tuner.ROUNDS][];
        Arrays.setAll(rounds, i -> new double[] {2, 1.8, 1.6, 1.7});
        assertEquals(2, Tuner.best(List.of(rounds)));
    }
}
