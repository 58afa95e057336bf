package org.armature.compute.opencl.lower;

import java.util.List;
import org.armature.compute.opencl.ir.Array;
import org.armature.graph.Node;

/** How one operator is expressed. */
@FunctionalInterface
interface Rule {
    /** The arrays of the node's outputs, in order; more than the node has are ignored. */
    List<Array> lower(Node n, Lowering l);
}
