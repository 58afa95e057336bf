/** Training: data, objectives, optimisers as graphs, and the loop that joins them. */
@Export
@Version("1.3.0")
@NullMarked
package org.armature.train;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
