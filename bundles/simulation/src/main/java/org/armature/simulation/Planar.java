package org.armature.simulation;

import org.armature.robot.Simulator;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** The simulator that needs nothing: used where MuJoCo's library is missing. */
@Component(
        service = Simulator.class,
        property = {
            "armature.id=planar",
            "armature.kind=simulator",
            "armature.paper=",
            "engine=planar",
            "service.ranking:Integer=0"
        })
public final class Planar implements Simulator {
    /** Nothing to set up. */
    @Activate
    public Planar() {}

    @Override
    public String engine() {
        return "planar";
    }

    @Override
    public World open(long seed, long stepNanos) {
        Commands.checkStep(stepNanos);
        return new PlanarWorld(seed, stepNanos);
    }
}
