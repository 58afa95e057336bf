/** What several layers share: convolution by Fourier transform, and reading configurations of windows. */
@NullMarked
package org.armature.layers;

import org.jspecify.annotations.NullMarked;
