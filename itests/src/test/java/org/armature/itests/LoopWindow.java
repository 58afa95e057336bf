package org.armature.itests;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.StreamSupport;

/** How punctual the control loop was over some seconds. Lateness in µs. */
record LoopWindow(long ticks, long missed, double median, double p99) {
    static LoopWindow of(RuntimeProcess runtime, int seconds) throws InterruptedException {
        JsonNode before = runtime.get("/api/state");
        Thread.sleep(seconds * 1000L);
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
                "%s: missed %s of %d ticks each; lateness p50 %s us, p99 %s us",
                name,
                windows.stream().map(LoopWindow::missed).toList(),
                windows.getFirst().ticks,
                Arrays.toString(
                        windows.stream().mapToLong(w -> Math.round(w.median)).toArray()),
                Arrays.toString(
                        windows.stream().mapToLong(w -> Math.round(w.p99)).toArray()));
    }
}
