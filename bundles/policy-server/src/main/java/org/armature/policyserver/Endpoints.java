package org.armature.policyserver;

import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.armature.robot.Policy;
import org.armature.robot.PolicyEndpoint;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceObjects;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.util.tracker.ServiceTracker;

/** What can be served now: every endpoint, and every policy of the runtime by its {@code armature.id}. */
@Component(service = Endpoints.class)
public final class Endpoints {
    private final BundleContext context;
    private final Map<ServiceReference<Policy>, RobotEndpoint> robots = new ConcurrentHashMap<>();
    private final ServiceTracker<PolicyEndpoint, PolicyEndpoint> endpoints;
    private final ServiceTracker<Policy, Policy> policies;

    /** Starts to look. */
    @Activate
    public Endpoints(BundleContext context) {
        this.context = context;
        endpoints = new ServiceTracker<>(context, PolicyEndpoint.class, null);
        policies = new ServiceTracker<>(context, Policy.class, null) {
            @Override
            public void removedService(ServiceReference<Policy> r, Policy policy) {
                robots.remove(r);
                super.removedService(r, policy);
            }
        };
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
        return p == null ? null : robots.computeIfAbsent(p, r -> robot(id, r));
    }

    private @Nullable RobotEndpoint robot(String id, ServiceReference<Policy> r) {
        Policy policy = policies.getService(r);
        if (policy == null) {
            return null;
        }
        boolean own = Constants.SCOPE_PROTOTYPE.equals(r.getProperty(Constants.SERVICE_SCOPE));
        return new RobotEndpoint(
                id,
                r.getBundle().getVersion().toString(),
                policy.spec(),
                () -> own ? instance(id, r) : new RobotEndpoint.Lease<>(policy, () -> {}));
    }

    private RobotEndpoint.Lease<Policy> instance(String id, ServiceReference<Policy> r) {
        ServiceObjects<Policy> objects = context.getServiceObjects(r);
        Policy policy = objects == null ? null : objects.getService();
        if (policy == null) {
            throw new IllegalStateException("policy " + id + " has just been withdrawn: connect again");
        }
        return new RobotEndpoint.Lease<>(policy, () -> objects.ungetService(policy));
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
