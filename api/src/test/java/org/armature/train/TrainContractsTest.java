package org.armature.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class TrainContractsTest {
    @Test
    void schedulesBeginAndEndWhereTheyShould() {
        Schedule cosine = Schedule.cosine(0.1, 0.01);
        assertEquals(0.1, cosine.at(0, 100), 1e-12);
        assertEquals(0.055, cosine.at(50, 100), 1e-12);
        assertEquals(0.01, cosine.at(100, 100), 1e-12);
        Schedule warm = cosine.afterWarmUp(10);
        assertEquals(0.01, warm.at(0, 110), 1e-12);
        assertEquals(0.1, warm.at(9, 110), 1e-12);
        assertEquals(0.055, warm.at(60, 110), 1e-12);
        Schedule steps = Schedule.steps(1, 0.5, 3);
        assertArrayEquals(
                new double[] {1, 1, 1, 0.5, 0.5, 0.5, 0.25},
                LongStream.range(0, 7).mapToDouble(i -> steps.at(i, 7)).toArray());
        assertEquals(0.3, Schedule.constant(0.3).at(5, 9));
    }

    @Test
    void drawsDependOnTheirKeysAlone() {
        assertEquals(Draw.of(1, 2, 3).next(), Draw.of(1, 2, 3).next());
        assertFalse(Draw.of(1, 2, 3).next() == Draw.of(1, 3, 2).next());
        assertFalse(Draw.of(1, "a").next() == Draw.of(2, "a").next());
    }

    @Test
    void normalDrawsHaveTheMomentsOfTheNormal() {
        Draw d = Draw.of(7, 1);
        double[] moment = new double[5];
        int n = 200_000;
        for (int i = 0; i < n; i++) {
            double x = d.normal();
            for (int k = 1; k < 5; k++) {
                moment[k] += Math.pow(x, k) / n;
            }
        }
        assertArrayEquals(new double[] {0, 1, 0, 3}, Arrays.copyOfRange(moment, 1, 5), 0.05);
    }

    @Test
    void permutationsHoldEveryNumberOnceAndSpreadThem() {
        long[] p = Draw.of(5, 0).permutation(1000);
        assertArrayEquals(
                LongStream.range(0, 1000).toArray(), Arrays.stream(p).sorted().toArray());
        long moved = LongStream.range(0, 1000).filter(i -> p[(int) i] != i).count();
        assertTrue(moved > 980, "moved " + moved);
        int[] first = new int[4];
        for (int seed = 0; seed < 8000; seed++) {
            first[(int) Draw.of(seed, 0).permutation(4)[0]]++;
        }
        for (int f : first) {
            assertEquals(2000, f, 200);
        }
    }
}
