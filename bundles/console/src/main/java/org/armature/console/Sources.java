package org.armature.console;

import java.util.List;
import java.util.Optional;
import org.armature.robot.Control;
import org.armature.robot.Episodes;
import org.armature.robot.LoopMonitor;
import org.armature.robot.ObservationHub;
import org.armature.robot.Replacement;
import org.armature.robot.RobotClock;
import org.armature.robot.RobotDescription;
import org.armature.robot.Sensor;
import org.armature.robot.Simulator;
import org.armature.show.FigureSource;

/** Where the page's content comes from. Everything may be missing and may come and go: the page shows what is there. */
interface Sources {
    /**
     * A module service.
     *
     * @param id {@code armature.id}
     * @param kind {@code armature.kind}
     * @param paper {@code armature.paper}, or empty
     * @param bundle symbolic name of its bundle
     * @param version version of its bundle
     * @param state state of its bundle, as OSGi spells it; {@code ACTIVE} when it serves
     * @param ranking {@code service.ranking}
     * @param inUse whether the robot follows it
     */
    record Module(
            String id,
            String kind,
            String paper,
            String bundle,
            String version,
            String state,
            int ranking,
            boolean inUse) {}

    /**
     * One line of the log.
     *
     * @param sequence counts the lines
     * @param timeMillis wall-clock time, milliseconds since the epoch
     * @param level {@code ERROR}, {@code WARN}, {@code INFO} or {@code AUDIT}
     * @param source logger or bundle
     * @param text the message, with the exception's first line if there is one
     */
    record LogLine(long sequence, long timeMillis, String level, String source, String text) {}

    /**
     * A source of figures.
     *
     * @param heading {@code armature.id}, else its bundle's name
     * @param source the service
     */
    record Shown(String heading, FigureSource source) {}

    Optional<LoopMonitor> monitor();

    Optional<ObservationHub> hub();

    Optional<Replacement> replacement();

    Optional<Episodes> episodes();

    Optional<Control> control();

    Optional<RobotClock> clock();

    /** The simulated world's bodies, when the robot is a simulated one. */
    Optional<Simulator.World> world();

    /** The robot: the world's, else the highest ranking driver's. */
    Optional<RobotDescription> robot();

    List<Sensor> sensors();

    List<Module> modules();

    /** Lines after {@code sequence}, oldest first. */
    List<LogLine> logAfter(long sequence);

    /** Who has figures to show, in the order they came. */
    List<Shown> figures();
}
