package org.armature.compute;

/**
 * Something an executor computes on.
 *
 * @param id short and stable, e.g. {@code cpu}, {@code cuda:0}, {@code pocl}
 * @param name as the driver calls it
 * @param memoryBytes memory it can use; 0 if unknown
 */
public record Device(String id, String name, long memoryBytes) {}
