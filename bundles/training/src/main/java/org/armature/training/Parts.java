package org.armature.training;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.GraphPass;
import org.armature.model.Config;
import org.armature.model.ModelProvider;
import org.armature.nn.Initializer;
import org.armature.nn.Layer;
import org.armature.train.DataSelector;
import org.armature.train.DatasetProvider;
import org.armature.train.GradientEstimator;
import org.armature.train.Objective;
import org.armature.train.Optimizer;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** Finds the services a configuration names by their {@code armature.id}, at the moment they are asked for. */
interface Parts {
    /** Services of a type by id; of equal ids the one OSGi ranks highest. */
    <T> Map<String, T> all(Class<T> type);

    /** The service of that id; throws {@link IllegalArgumentException} that names the nearest id there is. */
    default <T> T find(Class<T> type, String id) {
        Map<String, T> all = all(type);
        T t = all.get(id);
        if (t == null) {
            String near = Config.nearest(id, all.keySet());
            throw new IllegalArgumentException("there is no " + KINDS.getOrDefault(type, type.getSimpleName()) + " '"
                    + id + "': " + (near == null ? "there are " + all.keySet() : "did you mean " + near + "?"));
        }
        return t;
    }

    /** The service that {@code config.type} names. */
    default <T> T find(Class<T> type, Config config, String otherwise) {
        return find(type, config.text("type", otherwise));
    }

    Map<Class<?>, String> KINDS = Map.of(
            Layer.class, "layer",
            ModelProvider.class, "model",
            DatasetProvider.class, "dataset",
            DataSelector.class, "data selector",
            Objective.class, "objective",
            Optimizer.class, "optimizer",
            GradientEstimator.class, "gradient estimator",
            Initializer.class, "initializer",
            GraphPass.class, "pass");

    /** Over the service registry. */
    static Parts of(BundleContext context) {
        return new Parts() {
            @Override
            public <T> Map<String, T> all(Class<T> type) {
                Map<String, T> found = new LinkedHashMap<>();
                try {
                    List<ServiceReference<T>> refs = new ArrayList<>(context.getServiceReferences(type, null));
                    refs.sort(ServiceReference::compareTo);
                    for (ServiceReference<T> r : refs.reversed()) {
                        T service = context.getService(r);
                        if (service != null && r.getProperty("armature.id") instanceof String id) {
                            found.putIfAbsent(id, service);
                        }
                    }
                } catch (InvalidSyntaxException e) {
                    throw new IllegalStateException(e);
                }
                return found;
            }
        };
    }
}
