package org.armature.compute.opencl.device;

import java.time.Duration;
import java.util.function.Consumer;
import org.armature.compute.opencl.codegen.Blocks;
import org.slf4j.LoggerFactory;

/**
 * How long may be spent on finding better blocks for products.
 *
 * @param budget after it no further product is begun
 * @param candidates blocks to try besides the usual ones
 * @param progress is told of each product
 */
public record Tuning(Duration budget, int candidates, Consumer<String> progress) {
    /** The usual blocks for all. */
    public static final Tuning OFF = new Tuning(Duration.ZERO, 0, s -> {});

    /**
     * One of three modes: {@code off}; {@code quick}, what is known and a little more with each program; {@code full}, all that
     * may be better, for up to a minute a program.
     *
     * @throws IllegalArgumentException if there is no such mode
     */
    public static Tuning of(String mode) {
        Consumer<String> log = LoggerFactory.getLogger(Tuning.class)::info;
        return switch (mode) {
            case "off" -> OFF;
            case "quick" -> new Tuning(Duration.ofMillis(500), 1, log);
            case "full" -> new Tuning(Duration.ofMinutes(1), Blocks.others().size(), log);
            default -> throw new IllegalArgumentException("tune is " + mode + ": it may be off, quick or full");
        };
    }

    public Tuning telling(Consumer<String> who) {
        return new Tuning(budget, candidates, who);
    }
}
