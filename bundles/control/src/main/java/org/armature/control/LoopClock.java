package org.armature.control;

import java.util.concurrent.atomic.AtomicLong;
import org.armature.robot.RobotClock;

/** Robot time is the time of the loop's last tick: it moves only while the loop does, so a stalled world ages nothing. */
final class LoopClock implements RobotClock {
    private final AtomicLong now = new AtomicLong();
    private final double speed;

    LoopClock(double speed) {
        this.speed = speed;
    }

    @Override
    public long nanos() {
        return now.getAcquire();
    }

    @Override
    public double speed() {
        return speed;
    }

    /** Loop thread only. */
    void set(long nanos) {
        now.setRelease(nanos);
    }
}
