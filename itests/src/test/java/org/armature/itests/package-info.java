/** The whole product: in a framework in this process, and as a process as a user starts it. */
package org.armature.itests;
