package org.armature.control;

import org.jspecify.annotations.Nullable;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;

/**
 * A module's service with what people call it.
 *
 * @param order service id: among equal rankings the newest goes first
 */
record Module<T>(String id, String kind, String version, int ranking, long order, T service) {

    static <T> Module<T> of(ServiceReference<?> reference, String kind, T service) {
        String id = text(reference.getProperty("armature.id"));
        String version = reference.getBundle() == null
                ? ""
                : reference.getBundle().getVersion().toString();
        int ranking = reference.getProperty(Constants.SERVICE_RANKING) instanceof Integer i ? i : 0;
        long order = reference.getProperty(Constants.SERVICE_ID) instanceof Long l ? l : 0;
        return new Module<>(
                id.isEmpty() ? service.getClass().getSimpleName() : id, kind, version, ranking, order, service);
    }

    /**
     * The same, ranked above those shipped if it is the one that is wished for: what is deployed later with a ranking above
     * 1 still takes over.
     */
    Module<T> preferred(String wished) {
        return id.equals(wished) ? new Module<>(id, kind, version, Math.max(ranking, 1), order, service) : this;
    }

    private static String text(@Nullable Object property) {
        return property instanceof String s ? s : "";
    }

    /** Whether this one takes over from that one. */
    boolean outranks(@Nullable Module<T> other) {
        return other == null || ranking > other.ranking || (ranking == other.ranking && order > other.order);
    }

    String named() {
        return id + (version.isEmpty() ? "" : " " + version);
    }
}
