package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.armature.robot.LoopMonitor.Row;
import org.junit.jupiter.api.Test;

class RecordingTest {
    @Test
    void percentilesAreRightToThreeInAHundred() {
        Buckets b = new Buckets();
        Random random = new Random(1);
        long[] all = new long[100_000];
        for (int i = 0; i < all.length; i++) {
            all[i] = (long) Math.exp(random.nextDouble(7, 20));
            b.add(all[i]);
        }
        Arrays.sort(all);
        double[] shares = {0.5, 0.9, 0.99, 0.999};
        long[] p = b.percentiles(shares);
        for (int i = 0; i < shares.length; i++) {
            double exact = all[(int) (shares[i] * all.length) - 1];
            assertEquals(1, p[i] / exact, 0.035, "p" + shares[i]);
        }
        assertEquals(all[all.length - 1], b.max());
        assertEquals(all.length, Arrays.stream(b.counts()).sum());
    }

    @Test
    void everyValueFallsBelowItsBucketsEdge() {
        long[] edges = Buckets.edges();
        Random random = new Random(2);
        for (int i = 0; i < 2000; i++) {
            long x = (long) Math.exp(random.nextDouble(0, 30));
            Buckets b = new Buckets();
            b.add(x);
            long[] c = b.counts();
            for (int k = 0; k < c.length; k++) {
                if (c[k] == 1) {
                    assertTrue(x < edges[k] && (k == 0 || x >= edges[k - 1]), x + " in bucket " + k);
                }
            }
        }
    }

    @Test
    void readersOfTheRingSeeWholeRowsWhileItIsWritten() throws InterruptedException {
        Ring ring = new Ring(64, 4);
        Thread writer = new Thread(() -> {
            double[] a = new double[4];
            for (long t = 0; t < 400_000; t++) {
                Arrays.fill(a, t);
                ring.put(t, t, t, a, a, a, 0, t);
            }
        });
        writer.start();
        int seen = 0;
        while (writer.isAlive()) {
            List<Row> rows = ring.rows(-1, 100, 1);
            long last = -1;
            for (Row r : rows) {
                assertTrue(r.tick() > last);
                last = r.tick();
                for (int j = 0; j < 4; j++) {
                    assertEquals(r.tick(), r.position()[j], 0);
                    assertEquals(r.tick(), r.command()[j], 0);
                }
                seen++;
            }
            Ring.State s = ring.state();
            if (s != null) {
                assertEquals(s.timeNanos(), s.velocity()[3], 0);
            }
        }
        writer.join();
        assertTrue(seen > 0);
        assertNotNull(ring.state());
        assertEquals(399_999, ring.rows(399_990, 100, 1).getLast().tick());
        assertEquals(
                List.of(399_980L, 399_990L),
                ring.rows(-1, 2, 10).stream().map(Row::tick).toList());
    }

    @Test
    void cyclesOfZgcAreNoPauses() {
        assertFalse(GcPauses.isPause("ZGC Minor Cycles"));
        assertTrue(GcPauses.isPause("ZGC Major Pauses"));
        assertTrue(GcPauses.isPause("G1 Young Generation"));
    }
}
