package org.armature.simulation;

import java.util.Dictionary;
import java.util.Hashtable;
import org.armature.robot.Simulator;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Offers {@link Mujoco} as a service when its library is there and passes its self-test; says why when not. */
@Component(immediate = true, configurationPid = "org.armature.simulation.mujoco")
@Designate(ocd = MujocoProvider.Config.class)
public final class MujocoProvider {
    /** Where the library is. */
    @ObjectClassDefinition(name = "MuJoCo")
    public @interface Config {
        /** Path of libmujoco.so; empty for the environment's or the set-up's. */
        @AttributeDefinition(description = "Path of libmujoco.so; empty: MUJOCO_LIBRARY, then the set-up's cache")
        String library() default "";
    }

    private static final Logger LOG = LoggerFactory.getLogger(MujocoProvider.class);

    private final @Nullable ServiceRegistration<Simulator> registration;

    /** Looks for the library. */
    @Activate
    public MujocoProvider(BundleContext context, Config config) {
        registration = register(context, config.library());
    }

    private static @Nullable ServiceRegistration<Simulator> register(BundleContext context, String library) {
        try {
            Mujoco mujoco = new Mujoco(library);
            Dictionary<String, Object> properties = new Hashtable<>();
            properties.put("armature.id", "mujoco");
            properties.put("armature.kind", "simulator");
            properties.put("armature.paper", "MuJoCo: A physics engine for model-based control");
            properties.put("engine", "mujoco");
            properties.put(Constants.SERVICE_RANKING, 100);
            LOG.info("Simulating with {}", mujoco);
            return context.registerService(Simulator.class, mujoco, properties);
        } catch (MujocoLibrary.Refused e) {
            LOG.info("{}; simulating in the planar world", e.getMessage());
            return null;
        }
    }

    @Deactivate
    void stop() {
        if (registration != null) {
            registration.unregister();
        }
    }
}
