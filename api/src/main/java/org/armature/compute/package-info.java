/** Tensors, devices, executors and compiled programs. */
@Export
@Version("1.0.0")
@NullMarked
package org.armature.compute;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
