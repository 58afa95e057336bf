package org.armature.train;

import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Scope;
import org.armature.graph.TensorType;
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

    /** What training takes: the inputs, and what is only there while it trains, as a conditional autoencoder's targets. */
    default SequencedMap<String, TensorType> trainingInputs() {
        return inputs();
    }

    /** As {@link #build}, for training, from {@link #trainingInputs}. */
    SequencedMap<String, Value> buildForTraining(Scope scope, Map<String, Value> inputs);
}
