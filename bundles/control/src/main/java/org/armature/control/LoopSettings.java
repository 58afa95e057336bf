package org.armature.control;

import org.armature.robot.JointLimits;

/**
 * How a loop runs.
 *
 * @param rateHz ticks a robot second, above 0, at most 10,000
 * @param speed robot seconds a wall second
 * @param overrun what follows a late tick
 * @param waiting how to wait for a deadline
 * @param fifoPriority SCHED_FIFO priority 1 to 99, or 0 for the ordinary scheduler; not asked for above speed 1, where a loop
 *     that is never idle would starve all others
 * @param affinity processor for the loop, or -1
 * @param lockMemory whether to mlockall
 * @param staleNanos robot time without a chunk after which the loop says HOLDING
 * @param stateStaleNanos robot time without a state after which the robot is stopped; five times that is a fault
 * @param trackingFault distance of command and measurement that is a fault, rad
 * @param tracking clamp of the goal to the measurement, rad or m
 * @param workspace {@code [6]} or empty
 * @param limitShare share of the robot's velocity and acceleration limits that is used, above 0, at most 1
 * @param emergencyFreeze true: the emergency stop freezes the command at once; false: it decelerates within the limits
 */
record LoopSettings(
        double rateHz,
        double speed,
        Overrun overrun,
        Wait waiting,
        int fifoPriority,
        int affinity,
        boolean lockMemory,
        long staleNanos,
        long stateStaleNanos,
        double trackingFault,
        double tracking,
        double[] workspace,
        double limitShare,
        boolean emergencyFreeze) {

    /** What follows a late tick. */
    enum Overrun {
        /** Whole periods that passed are skipped. */
        REALIGN,
        /** Late ticks run back to back until the deadlines are met again. */
        CATCH_UP,
        /** The deadlines start anew from the late tick. */
        REPORT_ONLY
    }

    /** How to wait. */
    enum Wait {
        /** {@code LockSupport.parkNanos} until the clock says so. */
        PARK,
        /** {@code clock_nanosleep(TIMER_ABSTIME)}. */
        NANOSLEEP
    }

    LoopSettings {
        if (!(rateHz > 0 && rateHz <= 10_000)) {
            throw new IllegalArgumentException("rateHz is " + rateHz + ", but must be above 0 and at most 10000");
        }
        if (!(limitShare > 0 && limitShare <= 1)) {
            throw new IllegalArgumentException("limitShare is " + limitShare
                    + ", but must be above 0 and at most 1: limits can only be made stricter");
        }
        if (fifoPriority < 0 || fifoPriority > 99) {
            throw new IllegalArgumentException("fifoPriority is " + fifoPriority + ", but must be 0 to 99");
        }
        if (!(speed > 0 && speed <= 1000)) {
            throw new IllegalArgumentException("speed is " + speed + ", but must be above 0 and at most 1000");
        }
    }

    /** The robot's own limits, or stricter ones; never wider. */
    JointLimits stricter(JointLimits own) {
        return own.tightenedBy(new JointLimits(
                own.lower(), own.upper(), scaled(own.velocity()), scaled(own.acceleration()), own.jerk()));
    }

    private double[] scaled(double[] a) {
        return java.util.Arrays.stream(a).map(x -> x * limitShare).toArray();
    }

    static LoopSettings standard() {
        return new LoopSettings(
                1000,
                1,
                Overrun.REALIGN,
                Wait.PARK,
                0,
                -1,
                false,
                500_000_000L,
                200_000_000L,
                1.0,
                0.5,
                new double[0],
                1,
                true);
    }

    LoopSettings at(double newRateHz, double newSpeed) {
        return new LoopSettings(
                newRateHz,
                newSpeed,
                overrun,
                waiting,
                fifoPriority,
                affinity,
                lockMemory,
                staleNanos,
                stateStaleNanos,
                trackingFault,
                tracking,
                workspace,
                limitShare,
                emergencyFreeze);
    }

    /** Robot time between two ticks. */
    long periodNanos() {
        return Math.round(1e9 / rateHz);
    }
}
