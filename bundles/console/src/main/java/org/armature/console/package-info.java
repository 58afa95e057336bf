/** The dashboard: one page, one stream of server-sent events per client, and a few REST calls. */
@NullMarked
package org.armature.console;

import org.jspecify.annotations.NullMarked;
