package org.armature.train;

import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Scope;
import org.armature.graph.Value;
import org.armature.model.Model;
import org.armature.model.Parameters;
import org.osgi.annotation.versioning.ConsumerType;

/** A model that computes otherwise while it trains: batch statistics, dropout. Other models train as they are. */
@ConsumerType
public interface TrainableModel extends Model {
    /**
     * Outputs of a training graph with this prefix are new values of parameters that are not trained:
     * {@code update.bn1.running_mean}.
     */
    String UPDATE = "update.";

    /** What training starts from, by parameter; names not among them are initialised. The model's to close. */
    default Parameters weights() {
        return Parameters.empty();
    }

    /** As {@link #build}, for training. */
    SequencedMap<String, Value> buildForTraining(Scope scope, Map<String, Value> inputs);
}
