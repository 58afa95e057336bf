package org.armature.show;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WatchedFiguresTest {
    private final List<Integer> drawn = new CopyOnWriteArrayList<>();

    private SequencedMap<String, Figure> draw(int x) {
        drawn.add(x);
        if (x < 0) {
            throw new IllegalStateException("nothing to see in " + x);
        }
        SequencedMap<String, Figure> m = new LinkedHashMap<>();
        m.put("of " + x, new Figure.Pictures(1, List.of(new Figure.Picture("p", 1, 1, new byte[3]))));
        return m;
    }

    /** Looks until {@code title} is shown. */
    private static SequencedMap<String, Figure> await(WatchedFigures<Integer> w, int x, String title)
            throws InterruptedException {
        while (!w.of(Optional.of(x)).containsKey(title)) {
            Thread.sleep(1);
        }
        return w.of(Optional.of(x));
    }

    @Test
    void drawsTheNewestOnceAndOnlyWhenSomebodyLooks() throws Exception {
        try (WatchedFigures<Integer> w = new WatchedFigures<>("test", this::draw)) {
            assertTrue(w.of(Optional.empty()).isEmpty());
            assertEquals(List.of(), drawn);
            SequencedMap<String, Figure> first = await(w, 1, "of 1");
            assertSame(first, await(w, 1, "of 1"), "an input that has not changed is not drawn again");
            await(w, 2, "of 2");
        }
        assertEquals(List.of(1, 2), drawn);
    }

    @Test
    void keepsTheFiguresOfBeforeWhenDrawingFails() throws Exception {
        try (WatchedFigures<Integer> w = new WatchedFigures<>("test", this::draw)) {
            SequencedMap<String, Figure> good = await(w, 1, "of 1");
            while (!drawn.contains(-1)) {
                assertSame(good, w.of(Optional.of(-1)));
                Thread.sleep(1);
            }
            await(w, 3, "of 3");
        }
    }

    @Test
    void looksDoNotWaitAndCloseDoes() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        WatchedFigures<Integer> w = new WatchedFigures<>("test", x -> {
            begun.countDown();
            try {
                goOn.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return draw(x);
        });
        w.of(Optional.of(1));
        begun.await();
        assertTrue(w.of(Optional.of(2)).isEmpty(), "one is under way: no second is begun, nobody waits");
        Thread closing = Thread.ofPlatform().start(w::close);
        goOn.countDown();
        closing.join();
        assertEquals(List.of(1), drawn);
    }
}
