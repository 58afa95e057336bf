/**
 * OmniVGGT (Peng et al., arXiv 2511.10560): cameras, depth and point maps from any number of views, any of which may come
 * with a known camera or a depth map.
 */
@NullMarked
package org.armature.geoadapter;

import org.jspecify.annotations.NullMarked;
