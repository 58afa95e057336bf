/**
 * What the compiler thinks in: arrays defined element by element ({@link org.armature.compute.opencl.ir.Array}), scalar
 * expressions ({@link org.armature.compute.opencl.ir.Scalar}) and integer arithmetic on indices
 * ({@link org.armature.compute.opencl.ir.Index}).
 */
@NullMarked
package org.armature.compute.opencl.ir;

import org.jspecify.annotations.NullMarked;
