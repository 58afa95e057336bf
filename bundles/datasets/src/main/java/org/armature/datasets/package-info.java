/** Dataset services. */
@NullMarked
package org.armature.datasets;

import org.jspecify.annotations.NullMarked;
