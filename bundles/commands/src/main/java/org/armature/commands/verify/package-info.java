/** {@code armature verify}: golden cases and ONNX node tests through the service registry. */
@NullMarked
package org.armature.commands.verify;

import org.jspecify.annotations.NullMarked;
