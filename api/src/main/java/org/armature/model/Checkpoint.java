package org.armature.model;

import java.util.Map;
import org.osgi.annotation.versioning.ConsumerType;

/** Parameters from a file, mapped on demand, with the file's own notes. */
@ConsumerType
public interface Checkpoint extends Parameters {
    /** Free text by key, e.g. {@code format} = {@code pt}. */
    Map<String, String> metadata();
}
