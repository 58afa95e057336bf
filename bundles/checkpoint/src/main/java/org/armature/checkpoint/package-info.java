/** Safetensors files, sharded or not, and JSON configurations. */
@NullMarked
package org.armature.checkpoint;

import org.jspecify.annotations.NullMarked;
