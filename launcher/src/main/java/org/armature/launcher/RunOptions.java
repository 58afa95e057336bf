package org.armature.launcher;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What {@code armature run} was asked.
 *
 * @param headless no shell
 * @param json one summary object on standard output at the end
 * @param port dashboard port; 0 is any free one, negative the first free one from 8080
 * @param seconds wall-clock seconds to run; 0 is until stopped
 * @param deploy deploy folder; null is {@code deploy} in the instance folder
 * @param data instance folder; null is the first free one
 * @param requireSigned only signed jars are deployed
 * @param trustStore certificates of those whose signature counts
 * @param debug stack traces
 * @param overrides configuration by pid and key, from options and {@code -D pid:key=value}
 */
record RunOptions(
        boolean headless,
        boolean json,
        int port,
        double seconds,
        @Nullable Path deploy,
        @Nullable Path data,
        boolean requireSigned,
        @Nullable Path trustStore,
        boolean debug,
        Map<String, Map<String, Object>> overrides) {

    static final String USAGE = """
            Usage: armature run [options]
            Starts the robot, its cameras, the policy, the control loop and the dashboard on http://localhost:8080.
              --headless             no shell; stop with Ctrl-C or --for
              --for SECONDS          stop after this time
              --json                 print one summary object on standard output at the end
              --port N               port of the dashboard (8080, the next free one when it is taken; 0 for any free one)
              --deploy DIR           folder whose jars are deployed and followed (default: build/run/deploy)
              --speed X              robot seconds a second, simulation only (1)
              --rate HZ              rate of the control loop (1000)
              --seed N               seed of the scenes
              --instruction TEXT     what the robot is asked, instead of the scene's own tasks
              --words WHICH          how the scene's tasks are said: in its own words, or unseen, as no training said them
              --policy ID            which of the shipped policies drives: learned-pick-place (default), or the baseline pick-place
              --record DIR           record a LeRobot dataset in this new folder, an episode a scene
              --require-signed       deploy only jars signed by someone in the trust store
              --trust-store FILE     PEM certificates, PKCS12 or JKS (password in ARMATURE_TRUST_PASSWORD)
              --data DIR             instance folder: logs, deploy folder, control channel (default: build/run)
              --gc zgc|g1            garbage collector (zgc)
              -D PID:KEY=VALUE       one configuration value
              --debug                stack traces in messages
            """;

    private static final List<String> OPTIONS = List.of(
            "--headless",
            "--for",
            "--json",
            "--port",
            "--deploy",
            "--speed",
            "--rate",
            "--seed",
            "--instruction",
            "--words",
            "--policy",
            "--record",
            "--require-signed",
            "--trust-store",
            "--data",
            "--gc",
            "-D",
            "--debug",
            "--help");

    /** Options that are one configuration value: option, pid, key, type. */
    private static final Map<String, String[]> CONFIGURED = Map.of(
            "--speed", new String[] {"org.armature.control", "speed", "positive"},
            "--rate", new String[] {"org.armature.control", "rateHz", "positive"},
            "--seed", new String[] {"org.armature.control", "seed", "whole"},
            "--instruction", new String[] {"org.armature.control", "instruction", "text"},
            "--words", new String[] {"org.armature.control", "words", "text"},
            "--policy", new String[] {"org.armature.control", "policy", "text"},
            "--record", new String[] {"org.armature.recorder", "folder", "text"});

    /** @throws UsageException one sentence */
    static RunOptions parse(List<String> args) {
        boolean headless = false;
        boolean json = false;
        boolean requireSigned = false;
        boolean debug = false;
        int port = -1;
        double seconds = 0;
        Path deploy = null;
        Path data = null;
        Path trustStore = null;
        Map<String, Map<String, Object>> overrides = new LinkedHashMap<>();
        for (int i = 0; i < args.size(); i++) {
            String option = args.get(i);
            String inline = null;
            int equals = option.indexOf('=');
            if (option.startsWith("--") && equals > 0) {
                inline = option.substring(equals + 1);
                option = option.substring(0, equals);
            } else if (option.startsWith("-D") && option.length() > 2) {
                inline = option.substring(2);
                option = "-D";
            }
            switch (option) {
                case "--headless" -> headless = true;
                case "--json" -> json = true;
                case "--require-signed" -> requireSigned = true;
                case "--debug" -> debug = true;
                default -> {
                    if (!OPTIONS.contains(option)) {
                        throw new UsageException("run does not know " + option + nearest(option, OPTIONS)
                                + "; armature run --help lists the options.");
                    }
                    if (inline == null) {
                        if (++i >= args.size()) {
                            throw new UsageException("run " + option + " needs a value.");
                        }
                        inline = args.get(i);
                    }
                    switch (option) {
                        case "--port" -> port = (int) whole(option, inline, 0, 65535);
                        case "--for" -> seconds = positive(option, inline);
                        case "--deploy" -> deploy = Path.of(inline);
                        case "--data" -> data = Path.of(inline);
                        case "--trust-store" -> trustStore = Path.of(inline);
                        case "--gc" -> {
                            if (!List.of("zgc", "g1").contains(inline)) {
                                throw new UsageException("run --gc is zgc or g1, not " + inline + ".");
                            }
                        }
                        case "-D" -> define(inline, overrides);
                        default -> {
                            String[] target = CONFIGURED.get(option);
                            if (target == null) {
                                throw new UsageException("run " + option + " takes no value.");
                            }
                            Object value = switch (target[2]) {
                                case "positive" -> positive(option, inline);
                                case "whole" -> whole(option, inline, Long.MIN_VALUE, Long.MAX_VALUE);
                                default -> inline;
                            };
                            overrides
                                    .computeIfAbsent(target[0], pid -> new LinkedHashMap<>())
                                    .put(target[1], value);
                        }
                    }
                }
            }
        }
        if (requireSigned && trustStore == null) {
            throw new UsageException("run --require-signed needs --trust-store FILE: whose signatures count?");
        }
        return new RunOptions(headless, json, port, seconds, deploy, data, requireSigned, trustStore, debug, overrides);
    }

    /**
     * Takes every {@code -D PID:KEY=VALUE} out of a command's arguments.
     *
     * @throws UsageException if one is not written so
     */
    static Map<String, Map<String, Object>> takeDefinitions(List<String> args) {
        Map<String, Map<String, Object>> overrides = new LinkedHashMap<>();
        for (Iterator<String> rest = args.iterator(); rest.hasNext(); ) {
            String option = rest.next();
            if (!option.startsWith("-D")) {
                continue;
            }
            rest.remove();
            String text = option.substring(2);
            if (text.isEmpty() && rest.hasNext()) {
                text = rest.next();
                rest.remove();
            }
            define(text, overrides);
        }
        return overrides;
    }

    private static void define(String text, Map<String, Map<String, Object>> overrides) {
        int equals = text.indexOf('=');
        int colon = text.lastIndexOf(':', equals < 0 ? text.length() : equals);
        if (equals < 0 || colon <= 0 || equals - colon < 2) {
            throw new UsageException("-D is written PID:KEY=VALUE, not \"" + text + "\".");
        }
        overrides
                .computeIfAbsent(text.substring(0, colon), pid -> new LinkedHashMap<>())
                .put(text.substring(colon + 1, equals), text.substring(equals + 1));
    }

    private static long whole(String option, String text, long least, long greatest) {
        try {
            long value = Long.parseLong(text);
            if (value >= least && value <= greatest) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Said below, with the range.
        }
        throw new UsageException("run " + option + " needs a whole number"
                + (least > Long.MIN_VALUE ? " from " + least + " to " + greatest : "") + ", not " + text + ".");
    }

    private static double positive(String option, String text) {
        try {
            double value = Double.parseDouble(text);
            if (value > 0 && value < 1e9) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new UsageException("run " + option + " needs a number greater than 0, not " + text + ".");
    }

    /** "; did you mean X?", or nothing when nothing is near. */
    static String nearest(String word, List<String> known) {
        List<String> near = new ArrayList<>();
        int best = Math.max(2, word.length() / 3) + 1;
        for (String candidate : known) {
            int distance = distance(word, candidate);
            if (distance < best) {
                best = distance;
                near.clear();
            }
            if (distance == best && distance <= Math.max(2, word.length() / 3)) {
                near.add(candidate);
            }
        }
        return near.isEmpty() ? "" : "; did you mean " + String.join(" or ", near) + "?";
    }

    /** Levenshtein. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int keep = row[j];
                row[j] = Math.min(
                        Math.min(row[j], row[j - 1]) + 1, diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1));
                diagonal = keep;
            }
        }
        return row[b.length()];
    }
}
