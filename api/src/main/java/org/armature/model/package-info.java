/** Models, their parameters, their files, and the entry points through which everything is checked. */
@Export
@Version("1.1.0")
@NullMarked
package org.armature.model;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
