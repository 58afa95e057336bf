package org.armature.training;

import java.util.List;
import org.armature.checkpoint.Json;
import picocli.CommandLine;

/** {@code armature train} in a process of its own, for tests that end it by force. */
final class TrainingProcess {
    private TrainingProcess() {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new TrainCommand(new Bench().trainer(), new Json(), List.of())).execute(args));
    }
}
