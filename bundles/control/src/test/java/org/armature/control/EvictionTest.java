package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class EvictionTest {
    @BeforeAll
    static void ready() {
        Eviction.prepare();
    }

    @Test
    void anEndlessLoopIsEndedAndItsFinallyBlocksRun() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        AtomicBoolean tidied = new AtomicBoolean();
        Thread loop = thread(() -> {
            begun.countDown();
            try {
                while (true) {
                    Thread.onSpinWait();
                }
            } finally {
                tidied.set(true);
            }
        });
        begun.await();
        assertTrue(Eviction.end(loop) || joined(loop));
        assertTrue(tidied.get());
        assertFalse(Eviction.of(loop), "it has ended already");
    }

    @Test
    void whoListensIsNotEvicted() throws Exception {
        AtomicBoolean asked = new AtomicBoolean();
        Thread sleeper = thread(() -> {
            try {
                Thread.sleep(60_000);
            } catch (InterruptedException e) {
                asked.set(true);
            }
        });
        assertTrue(Eviction.end(sleeper) || joined(sleeper));
        assertTrue(asked.get());
    }

    @Test
    void whoTakesMoreThanItsShareIsEndedBeforeTheHeapIsFull() {
        List<byte[]> kept = new ArrayList<>();
        Refused refused = assertThrows(
                Refused.class,
                () -> Trial.run(
                        "a hoarder",
                        () -> {
                            while (true) {
                                kept.add(new byte[1 << 20]);
                            }
                        },
                        60_000,
                        64 << 20,
                        () -> false));
        assertTrue(refused.getMessage().startsWith("a hoarder allocated "), refused.getMessage());
        assertTrue(kept.size() > 32, kept.size() + " MiB");
        // The bound of 64 and what fits between two looks: far from the 2 GiB that are there.
        assertTrue(kept.size() < 1024, kept.size() + " MiB");
    }

    @Test
    void aPieceOfWorkAtATimeIsCounted() throws Exception {
        String answer = Trial.run(
                "a modest one",
                () -> {
                    byte[] one = new byte[8 << 20];
                    return "took " + one.length;
                },
                5_000,
                64 << 20,
                () -> false);
        assertEquals("took " + (8 << 20), answer);
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "stranger");
        thread.setDaemon(true);
        thread.setUncaughtExceptionHandler((t, e) -> {});
        thread.start();
        return thread;
    }

    /** On a busy machine the grace may be too short for a thread that was told. */
    private static boolean joined(Thread thread) throws InterruptedException {
        thread.join(10_000);
        return !thread.isAlive();
    }
}
