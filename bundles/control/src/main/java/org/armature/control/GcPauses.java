package org.armature.control;

import com.sun.management.GarbageCollectionNotificationInfo;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import javax.management.ListenerNotFoundException;
import javax.management.NotificationEmitter;
import javax.management.NotificationListener;
import javax.management.openmbean.CompositeData;

/** The pauses of the collector: what stops the loop, not what runs beside it. */
final class GcPauses implements AutoCloseable {
    private final NotificationListener listener = (notification, handback) -> {
        if (notification.getType().equals(GarbageCollectionNotificationInfo.GARBAGE_COLLECTION_NOTIFICATION)
                && notification.getUserData() instanceof CompositeData data) {
            paused(GarbageCollectionNotificationInfo.from(data).getGcInfo().getDuration());
        }
    };

    private long count;
    private long total;
    private long max;

    GcPauses() {
        for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans()) {
            if (isPause(bean.getName()) && bean instanceof NotificationEmitter emitter) {
                emitter.addNotificationListener(listener, null, null);
            }
        }
    }

    /** ZGC has two beans a generation, one for its cycles, which run beside the program. */
    static boolean isPause(String bean) {
        return !bean.endsWith("Cycles");
    }

    static boolean zgc() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream()
                .anyMatch(b -> b.getName().startsWith("ZGC"));
    }

    private synchronized void paused(long millis) {
        count++;
        total += millis;
        max = Math.max(max, millis);
    }

    /** Count, total and longest, milliseconds. */
    synchronized long[] soFar() {
        return new long[] {count, total, max};
    }

    @Override
    public void close() {
        for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans()) {
            if (isPause(bean.getName()) && bean instanceof NotificationEmitter emitter) {
                try {
                    emitter.removeNotificationListener(listener);
                } catch (ListenerNotFoundException e) {
                    throw new IllegalStateException(e);
                }
            }
        }
    }
}
