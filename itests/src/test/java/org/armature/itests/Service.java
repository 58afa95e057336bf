package org.armature.itests;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** A test parameter that is a service. Waits up to five seconds for it. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.PARAMETER)
@interface Service {
    /** OSGi filter; empty for any. */
    String value() default "";
}
