/** Parameter-free spatial layers. */
@NullMarked
package org.armature.layers.pflayer;

import org.jspecify.annotations.NullMarked;
