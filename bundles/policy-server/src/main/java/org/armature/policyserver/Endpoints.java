package org.armature.policyserver;

import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.armature.robot.Policy;
import org.armature.robot.PolicyEndpoint;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.util.tracker.ServiceTracker;

/** What can be served now: every endpoint, and every policy of the runtime by its {@code armature.id}. */
@Component(service = Endpoints.class)
public final class Endpoints {
    private final ServiceTracker<PolicyEndpoint, PolicyEndpoint> endpoints;
    private final ServiceTracker<Policy, Policy> policies;

    /** Starts to look. */
    @Activate
    public Endpoints(BundleContext context) {
        endpoints = new ServiceTracker<>(context, PolicyEndpoint.class, null);
        policies = new ServiceTracker<>(context, Policy.class, null);
        endpoints.open();
        policies.open();
    }

    /** Stops looking. */
    @Deactivate
    void close() {
        endpoints.close();
        policies.close();
    }

    /** The endpoint or policy of that id with the highest ranking, or null. */
    @Nullable
    PolicyEndpoint find(String id) {
        ServiceReference<PolicyEndpoint> e = best(endpoints, id);
        if (e != null) {
            return endpoints.getService(e);
        }
        ServiceReference<Policy> p = best(policies, id);
        Policy policy = p == null ? null : policies.getService(p);
        return policy == null
                ? null
                : new RobotEndpoint(id, p.getBundle().getVersion().toString(), policy);
    }

    /** Ids that can be served. */
    TreeSet<String> ids() {
        TreeSet<String> ids = new TreeSet<>();
        for (ServiceTracker<?, ?> t : List.of(endpoints, policies)) {
            for (Map.Entry<? extends ServiceReference<?>, ?> e : t.getTracked().entrySet()) {
                if (e.getKey().getProperty("armature.id") instanceof String id) {
                    ids.add(id);
                }
            }
        }
        return ids;
    }

    private static <T> @Nullable ServiceReference<T> best(ServiceTracker<T, T> tracker, String id) {
        ServiceReference<T> best = null;
        for (ServiceReference<T> r : tracker.getTracked().keySet()) {
            if (id.equals(r.getProperty("armature.id")) && (best == null || r.compareTo(best) > 0)) {
                best = r;
            }
        }
        return best;
    }
}
