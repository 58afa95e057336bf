package org.armature.console;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.armature.robot.LoopMonitor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One encoder for all clients: each event is read, made into bytes once, and put into every client's bounded queue. A
 * client that does not keep up loses what is queued and gets a whole snapshot when it has caught up; nobody waits for it.
 * Without clients nothing is read.
 */
final class Broadcast implements AutoCloseable {
    /** Frames a second. */
    static final int FRAME_HZ = 20;
    /** So often that what modules show of the cameras moves. */
    private static final int FIGURES_HZ = 6;

    private static final int QUEUE = 32;
    private static final double POINTS_PER_SECOND = 50;
    private static final double HISTORY_SECONDS = 30;
    private static final double CATCH_UP_SECONDS = 4;
    private static final Logger LOG = LoggerFactory.getLogger(Broadcast.class);

    /** The queue of one client; an empty array ends it. */
    static final class Client {
        private final BlockingQueue<byte[]> queue = new ArrayBlockingQueue<>(QUEUE);
        private volatile boolean behind = true;

        /** The next event, as the bytes to send; an empty array when there will be no more. */
        byte[] next() throws InterruptedException {
            return queue.take();
        }

        private void offer(byte[] event) {
            if (!queue.offer(event)) {
                queue.clear();
                behind = true;
            }
        }

        private void end() {
            queue.clear();
            queue.add(new byte[0]);
        }
    }

    private final Sources sources;
    private final Views views;
    private final Gallery gallery;
    private final int mostClients;
    private final List<Client> clients = new CopyOnWriteArrayList<>();
    private final Map<String, byte[]> sent = new LinkedHashMap<>();
    private final AtomicLong dropped = new AtomicLong();
    private final ScheduledFuture<?> beat;
    private long beats;
    private long lastTick = -1;
    private long lastLine;

    Broadcast(Sources sources, Views views, Gallery gallery, int mostClients, ScheduledExecutorService encoder) {
        this.sources = sources;
        this.views = views;
        this.gallery = gallery;
        this.mostClients = mostClients;
        beat = encoder.scheduleWithFixedDelay(this::beat, 0, 1000 / FRAME_HZ, TimeUnit.MILLISECONDS);
    }

    /** A new client, or null when there are too many. */
    synchronized @Nullable Client join() {
        if (beat.isCancelled() || clients.size() >= mostClients) {
            return null;
        }
        Client client = new Client();
        clients.add(client);
        return client;
    }

    void leave(Client client) {
        clients.remove(client);
    }

    int clients() {
        return clients.size();
    }

    /** How often a client was too slow and lost its queue. */
    long dropped() {
        return dropped.get();
    }

    private void beat() {
        try {
            if (!clients.isEmpty()) {
                send();
            }
        } catch (RuntimeException e) {
            LOG.warn("The dashboard lost a frame: {}", e.toString());
        }
    }

    private void send() {
        boolean quarter = beats % (FRAME_HZ / 4) == 0;
        boolean half = beats % (FRAME_HZ / 2) == 0;
        List<Client> late =
                clients.stream().filter(c -> c.behind && c.queue.isEmpty()).toList();
        if (!late.isEmpty()) {
            late.forEach(c -> c.behind = false);
            snapshot(late);
        }
        if (quarter) {
            all("state", Views.attempt(views::state, Map.of()));
            changed("scene", Views.attempt(views::scene, Map.of()));
        }
        if (half) {
            changed("modules", Views.attempt(views::modules, List.of()));
            changed("swaps", Views.attempt(views::swaps, List.of()));
        }
        if (beats % (FRAME_HZ / FIGURES_HZ) == 0) {
            gallery.ask();
            changed("figures", gallery.list());
        }
        beats++;
        List<Sources.LogLine> lines = sources.logAfter(lastLine);
        if (!lines.isEmpty()) {
            lastLine = lines.getLast().sequence();
            all("log", lines);
        }
        all("frame", Views.attempt(() -> views.frame(rows()), Map.of()));
    }

    /** Everything, for those who just came or fell behind. */
    private void snapshot(List<Client> to) {
        to(to, event("scene", Views.attempt(views::scene, Map.of())));
        to(to, event("state", Views.attempt(views::state, Map.of())));
        to(to, event("modules", Views.attempt(views::modules, List.of())));
        to(to, event("swaps", Views.attempt(views::swaps, List.of())));
        to(to, event("figures", gallery.list()));
        to(to, event("history", Views.attempt(() -> views.frame(history()), Map.of())));
        to(to, event("logs", sources.logAfter(0)));
    }

    private List<LoopMonitor.Row> history() {
        LoopMonitor monitor = sources.monitor().orElse(null);
        if (monitor == null) {
            return List.of();
        }
        LoopMonitor.Stats s = monitor.stats();
        long from = Math.max(-1, s.ticks() - (long) (HISTORY_SECONDS * s.rateHz()));
        return monitor.rows(from, (int) (HISTORY_SECONDS * POINTS_PER_SECOND), stride(s));
    }

    private List<LoopMonitor.Row> rows() {
        LoopMonitor monitor = sources.monitor().orElse(null);
        if (monitor == null) {
            return List.of();
        }
        LoopMonitor.Stats s = monitor.stats();
        // A new loop counts from zero; after a pause without clients only the newest seconds are of interest.
        long newest = s.ticks() - (long) (CATCH_UP_SECONDS * s.rateHz());
        lastTick = s.ticks() < lastTick ? -1 : Math.max(lastTick, newest);
        List<LoopMonitor.Row> rows = monitor.rows(lastTick, (int) (CATCH_UP_SECONDS * POINTS_PER_SECOND), stride(s));
        if (!rows.isEmpty()) {
            lastTick = rows.getLast().tick();
        }
        return rows;
    }

    private static int stride(LoopMonitor.Stats s) {
        return Math.max(1, (int) Math.round(s.rateHz() / POINTS_PER_SECOND));
    }

    private void changed(String name, Object view) {
        byte[] event = event(name, view);
        if (!Arrays.equals(event, sent.put(name, event))) {
            to(clients, event);
        }
    }

    private void all(String name, Object view) {
        to(clients, event(name, view));
    }

    private void to(List<Client> receivers, byte[] event) {
        for (Client client : receivers) {
            if (!client.behind) {
                client.offer(event);
                if (client.behind) {
                    dropped.incrementAndGet();
                }
            }
        }
    }

    private static byte[] event(String name, Object view) {
        byte[] head = ("event: " + name + "\ndata: ").getBytes(StandardCharsets.US_ASCII);
        byte[] json = Views.json(view);
        byte[] event = Arrays.copyOf(head, head.length + json.length + 2);
        System.arraycopy(json, 0, event, head.length, json.length);
        event[event.length - 2] = '\n';
        event[event.length - 1] = '\n';
        return event;
    }

    @Override
    public synchronized void close() {
        beat.cancel(false);
        clients.forEach(Client::end);
        clients.clear();
    }
}
