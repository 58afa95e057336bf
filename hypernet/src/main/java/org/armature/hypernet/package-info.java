/** LoGAH: graph hypernetworks that write the weights of other networks. */
@NullMarked
package org.armature.hypernet;

import org.jspecify.annotations.NullMarked;
