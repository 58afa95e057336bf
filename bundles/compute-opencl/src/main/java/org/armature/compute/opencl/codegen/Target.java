package org.armature.compute.opencl.codegen;

/**
 * What code is generated for.
 *
 * @param cpu one work-item a core's worth of work with loops the compiler vectorises, rather than one an element
 * @param doubles whether there are 64-bit floats
 */
public record Target(boolean cpu, boolean doubles) {}
