/** VTP: a visual tokenizer pre-trained with contrastive, self-supervised and reconstruction losses. */
@NullMarked
package org.armature.tokenizer;

import org.jspecify.annotations.NullMarked;
