/** Building blocks of networks: layers by id, and ways to fill parameters. */
@Export
@Version("1.0.0")
@NullMarked
package org.armature.nn;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
