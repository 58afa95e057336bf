/** From ONNX's operators to arrays defined element by element: one rule an operator, one line an elementwise operator. */
@NullMarked
package org.armature.compute.opencl.lower;

import org.jspecify.annotations.NullMarked;
