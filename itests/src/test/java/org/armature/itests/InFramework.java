package org.armature.itests;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Runs a test class beside a framework with the real bundles. The api is shared with the test, so services are typed:
 * {@code @Test void acts(@Service("(armature.id=pick-place)") Policy policy)}. A parameter of type {@code BundleContext} is
 * the system bundle's. One framework a class; it is stopped afterwards.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@ExtendWith(FrameworkExtension.class)
@interface InFramework {
    /** Folders of the distribution's {@code bundles/} to start, in order. */
    String[] value() default {"platform", "robot", "modules"};

    /** Configuration before any component starts: {@code pid:key=value}; {@code pid} alone is an empty one. */
    String[] configuration() default {};
}
