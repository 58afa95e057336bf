/** Showing: what a module has to show to whoever watches it, as data; the dashboard draws it. */
@Export
@Version("1.1.0")
@NullMarked
package org.armature.show;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
