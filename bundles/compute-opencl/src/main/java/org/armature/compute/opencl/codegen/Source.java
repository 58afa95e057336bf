package org.armature.compute.opencl.codegen;

import java.util.List;
import org.armature.compute.opencl.ir.Array;

/**
 * A kernel in OpenCL C.
 *
 * @param text the program; its only kernel is {@code name}. Equal texts are the same kernel: arrays are numbered, not named
 * @param arguments the arrays of the parameters, in order
 * @param global work-items of each dimension
 * @param local work-items of a group, or 0 to let the driver choose
 */
public record Source(String name, String text, List<Array> arguments, long[] global, long local) {}
