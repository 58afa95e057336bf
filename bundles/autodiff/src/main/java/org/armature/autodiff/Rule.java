package org.armature.autodiff;

/** The derivative of one operator: reads the cotangents of a node's outputs, adds those of its inputs. */
@FunctionalInterface
interface Rule {
    void apply(Step s);
}
