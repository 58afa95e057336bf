package org.armature.control;

import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/** All of the control bundle's settings, PID {@code org.armature.control}; the names below are the keys. */
@ObjectClassDefinition(name = "Armature control")
public @interface ControlConfig {
    @AttributeDefinition(description = "ticks a robot second, above 0, at most 10000")
    double rateHz() default 1000;

    @AttributeDefinition(description = "robot seconds a wall second; 1 on real hardware")
    double speed() default 1;

    @AttributeDefinition(description = "seed of the first scene; each next scene takes the next seed")
    long seed() default 1;

    @AttributeDefinition(description = "what is asked of the robot; empty: what the scene asks")
    String instruction() default "";

    @AttributeDefinition(
            description =
                    "armature.words of a service that says a scene's task otherwise; empty: the scene's own words")
    String words() default "";

    @AttributeDefinition(description = "armature.id of the driver to use; empty: the highest ranking one")
    String driver() default "";

    @AttributeDefinition(
            description =
                    "armature.id of the policy to prefer to the others that are shipped; empty: the highest ranking one")
    String policy() default "";

    @AttributeDefinition(description = "arm at the start: simulated, always or never")
    String arm() default "simulated";

    @AttributeDefinition(description = "after a late tick: realign, catch-up or report-only")
    String overrun() default "realign";

    @AttributeDefinition(description = "how to wait for a deadline: park or nanosleep")
    String waiting() default "park";

    @AttributeDefinition(
            description = "SCHED_FIFO priority 1 to 99, if the system allows it; 0 for the ordinary scheduler")
    int fifoPriority() default 50;

    @AttributeDefinition(description = "processor of the loop; -1 for any")
    int affinity() default -1;

    @AttributeDefinition(description = "lock all memory")
    boolean lockMemory() default false;

    @AttributeDefinition(description = "robot time without a chunk until HOLDING, ms")
    int staleTimeout() default 500;

    @AttributeDefinition(description = "robot time without a state until HOLDING, ms; five times that is a fault")
    int stateTimeout() default 200;

    @AttributeDefinition(description = "wall time without a tick until the watchdog calls it a fault, ms")
    int heartbeatTimeout() default 3000;

    @AttributeDefinition(description = "distance of command and measurement that is a fault, rad")
    double trackingFault() default 1.0;

    @AttributeDefinition(description = "greatest distance of the goal from the measurement, rad or m")
    double tracking() default 0.5;

    @AttributeDefinition(description = "share of the robot's velocity and acceleration limits that is used, at most 1")
    double limitShare() default 1;

    @AttributeDefinition(description = "box of the tool in the world, lower x y z, upper x y z, m; empty for none")
    double[] workspace() default {};

    @AttributeDefinition(
            description = "emergency stop: freeze (the command stands from the next tick on) or decelerate")
    String emergency() default "freeze";

    @AttributeDefinition(
            description = "how a new chunk joins the old: none, rtc, weighted, average, conservative or act")
    String ensembling() default "rtc";

    @AttributeDefinition(description = "actions over which rtc fades from old to new")
    int executionHorizon() default 10;

    @AttributeDefinition(description = "between two actions: linear or cubic")
    String interpolation() default "cubic";

    @AttributeDefinition(description = "share of a chunk that is left when the next is asked for")
    double replan() default 0.5;

    @AttributeDefinition(description = "most answers of a policy a robot second")
    double policyHz() default 50;

    @AttributeDefinition(description = "wall time of a new module's shadow run, ms")
    int trialTimeout() default 5000;

    @AttributeDefinition(description = "wall time of one answer until a policy counts as hanging, ms")
    int policyTimeout() default 2000;

    @AttributeDefinition(
            description = "MiB a module may allocate in one answer or trial; never more than a quarter of the heap")
    int maxMegabytes() default 1024;

    @AttributeDefinition(description = "wall time a leaving module is waited for, ms")
    int stopTimeout() default 2000;

    @AttributeDefinition(description = "robot time of an episode, s")
    double episodeSeconds() default 20;

    @AttributeDefinition(description = "physics step, us")
    int physicsStepMicros() default 1000;

    @AttributeDefinition(description = "width of the simulated cameras, pixels")
    int cameraWidth() default 160;

    @AttributeDefinition(description = "height of the simulated cameras, pixels")
    int cameraHeight() default 120;

    @AttributeDefinition(description = "rate of the simulated cameras, frames a robot second")
    double cameraHz() default 12;
}
