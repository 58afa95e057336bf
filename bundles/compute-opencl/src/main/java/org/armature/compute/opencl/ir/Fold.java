package org.armature.compute.opencl.ir;

/** How a reduction joins two elements. */
public enum Fold {
    SUM,
    PRODUCT,
    MAX,
    MIN
}
