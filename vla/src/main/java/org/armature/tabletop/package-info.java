/** A policy for table-top tasks that learns from demonstrations: what it sees, how it is trained, how it acts. */
@NullMarked
package org.armature.tabletop;

import org.jspecify.annotations.NullMarked;
