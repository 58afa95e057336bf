/** The executor {@code onnx} on ONNX Runtime, and ONNX files. */
@NullMarked
package org.armature.compute.onnx;

import org.jspecify.annotations.NullMarked;
