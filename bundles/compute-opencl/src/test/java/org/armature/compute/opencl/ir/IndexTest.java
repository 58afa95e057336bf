package org.armature.compute.opencl.ir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class IndexTest {
    private static final Var I = new Var("i", 3);
    private static final Var J = new Var("j", 5);
    private static final Var K = new Var("k", 4);

    @Test
    void reshapesCancel() {
        Index p = Index.linear(List.of(I, J, K));
        assertEquals(Index.of(List.of(I, J, K)), Index.unravel(p, 3, 5, 4));
        List<Index> flat = Index.unravel(p, 15, 4);
        assertEquals(p, Index.linear(flat, 15, 4));
    }

    /** The value of any expression is that of its operations, and lies within its range. */
    @Property(tries = 2000)
    void simplificationKeepsTheValue(@ForAll long seed) {
        Map<Var, Long> at = Map.of(I, seed & 1, J, Math.floorMod(seed, 5L), K, Math.floorMod(seed >> 8, 4L));
        Random r = new Random(seed);
        Index x = Index.of(I);
        long v = at.get(I);
        for (int step = 0; step < 8; step++) {
            long c = 1 + r.nextInt(7);
            Var other = List.of(I, J, K).get(r.nextInt(3));
            switch (r.nextInt(6)) {
                case 0 -> {
                    x = x.plus(Index.of(other).times(c));
                    v += c * at.get(other);
                }
                case 1 -> {
                    x = x.minus(Index.of(other));
                    v -= at.get(other);
                }
                case 2 -> {
                    x = x.div(c);
                    v = Math.floorDiv(v, c);
                }
                case 3 -> {
                    x = x.mod(c);
                    v = Math.floorMod(v, c);
                }
                case 4 -> {
                    x = x.times(c);
                    v *= c;
                }
                default -> {
                    x = x.clamp(-c, c);
                    v = Math.clamp(v, -c, c);
                }
            }
            Index now = x.substitute(w -> Index.of(at.get(w)), s -> s);
            assertTrue(now.isConstant());
            assertEquals(v, now.constant(), x.toString());
            assertTrue(x.min() <= v && v <= x.max(), x.toString());
        }
    }
}
