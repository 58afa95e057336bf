@NullMarked
package org.armature.geoadapter;

import org.jspecify.annotations.NullMarked;
