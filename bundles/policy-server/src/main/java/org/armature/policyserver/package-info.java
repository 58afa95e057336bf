/** The openpi-compatible policy server and its client. */
@NullMarked
package org.armature.policyserver;

import org.jspecify.annotations.NullMarked;
