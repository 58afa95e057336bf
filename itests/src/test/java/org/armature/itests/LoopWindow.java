package org.armature.itests;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.StreamSupport;

/** How punctual the control loop was over some seconds. Lateness in µs. */
record LoopWindow(long ticks, long missed, double median, double p99) {
    /** What goes on meanwhile. */
    interface Work {
        void run() throws Exception;
    }

    static LoopWindow of(RuntimeProcess runtime, int seconds) throws InterruptedException {
        try {
            return during(runtime, seconds, () -> {});
        } catch (RuntimeException | InterruptedException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** At least {@code seconds}, and as long as {@code work} takes; of lateness the last 20,000 ticks. */
    static LoopWindow during(RuntimeProcess runtime, int seconds, Work work) throws Exception {
        JsonNode before = runtime.get("/api/state");
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        work.run();
        Thread.sleep(Math.max(0, (end - System.nanoTime()) / 1_000_000));
        JsonNode after = runtime.get("/api/state");
        JsonNode rows = runtime.get("/api/rows?after=" + before.get("ticks") + "&limit=20000");
        double[] late = StreamSupport.stream(rows.spliterator(), false)
                .mapToDouble(r -> r.get("latenessNanos").asDouble() / 1e3)
                .sorted()
                .toArray();
        return new LoopWindow(
                after.get("ticks").asLong() - before.get("ticks").asLong(),
                after.get("missed").asLong() - before.get("missed").asLong(),
                late[late.length / 2],
                late[late.length * 99 / 100]);
    }

    static String line(String name, List<LoopWindow> windows) {
        return String.format(
                Locale.ROOT,
                "%s: missed %s of %s ticks; lateness p50 %s us, p99 %s us",
                name,
                windows.stream().map(LoopWindow::missed).toList(),
                windows.stream().map(LoopWindow::ticks).toList(),
                Arrays.toString(
                        windows.stream().mapToLong(w -> Math.round(w.median)).toArray()),
                Arrays.toString(
                        windows.stream().mapToLong(w -> Math.round(w.p99)).toArray()));
    }
}
