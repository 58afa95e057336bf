package org.armature.control;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.armature.robot.Replacement;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Every attempt to replace a module, as text and numbers only: history must not keep a bundle alive. */
final class Swaps implements Replacement {
    private static final Logger LOG = LoggerFactory.getLogger("armature.modules");
    private static final int KEPT = 10_000;

    private final CopyOnWriteArrayList<Swap> history = new CopyOnWriteArrayList<>();
    private final Map<String, Supplier<String>> inUse = new ConcurrentHashMap<>();

    /** Where modules of a kind are replaced, and which of them is in use is known. */
    void decides(String kind, Supplier<String> id) {
        inUse.put(kind, id);
    }

    @Override
    public List<Swap> history() {
        return List.copyOf(history);
    }

    @Override
    public String inUse(String kind) {
        return inUse.getOrDefault(kind, () -> "").get();
    }

    @Override
    public void record(Swap swap) {
        history.add(swap);
        if (history.size() > KEPT) {
            history.removeFirst();
        }
        if (swap.outcome() == Outcome.CUT_OVER) {
            LOG.info("{} {} {}: {}", swap.kind(), swap.id(), swap.outcome().text(), swap.reason());
        } else {
            LOG.warn("{} {} {}: {}", swap.kind(), swap.id(), swap.outcome().text(), swap.reason());
        }
    }

    void record(Module<?> m, long sinceNanos, Outcome outcome, String reason) {
        record(new Swap(
                System.currentTimeMillis(),
                m.id(),
                m.kind(),
                m.version(),
                (System.nanoTime() - sinceNanos) / 1e6,
                outcome,
                reason));
    }
}
