package org.armature.tokenizer;

import java.util.Comparator;
import org.armature.train.DatasetProvider;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** Datasets by id, for those that build on another: a reference could not be had by a service of the same type. */
final class Datasets {
    private Datasets() {}

    /** @param asking the id of who asks, which is not an answer */
    static DatasetProvider of(BundleContext context, String id, String asking) {
        try {
            return context.getServiceReferences(DatasetProvider.class, null).stream()
                    .filter(r -> id.equals(r.getProperty("armature.id")) && !id.equals(asking))
                    .max(Comparator.<ServiceReference<DatasetProvider>>naturalOrder())
                    .map(context::getService)
                    .orElseThrow(() -> new IllegalArgumentException(
                            "config key dataset.of.type is \"" + id + "\": there is no such dataset"));
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
