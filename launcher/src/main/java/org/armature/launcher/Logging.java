package org.armature.launcher;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.logging.ConsoleHandler;
import java.util.logging.FileHandler;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Everything to {@code log/armature.0.log}, older ones 1 to 3, 4 MB each, warnings to the console as one line each. */
final class Logging {
    private Logging() {}

    /** Bundles log through slf4j, which the framework exports from the launcher's class path, into java.util.logging. */
    static void start(Path folder, boolean debug) throws IOException {
        LogManager.getLogManager().reset();
        Logger root = Logger.getLogger("");
        root.setLevel(debug ? Level.FINE : Level.INFO);
        FileHandler file = new FileHandler(folder.resolve("armature.%g.log").toString(), 4 << 20, 4, true);
        file.setFormatter(new Line(true, true));
        root.addHandler(file);
        console(debug);
    }

    /** Warnings to the console alone, for commands that have no instance folder. */
    static void console(boolean debug) {
        Logger root = Logger.getLogger("");
        for (Handler handler : root.getHandlers()) {
            if (handler instanceof ConsoleHandler) {
                root.removeHandler(handler);
            }
        }
        ConsoleHandler console = new ConsoleHandler();
        console.setLevel(Level.WARNING);
        console.setFormatter(new Line(false, debug));
        root.addHandler(console);
    }

    private static final class Line extends Formatter {
        private final boolean dated;
        private final boolean traces;

        Line(boolean dated, boolean traces) {
            this.dated = dated;
            this.traces = traces;
        }

        @Override
        public String format(LogRecord record) {
            StringBuilder line = new StringBuilder();
            if (dated) {
                line.append(Instant.ofEpochMilli(record.getMillis()))
                        .append(' ')
                        .append(record.getLevel())
                        .append(' ');
            } else {
                line.append(record.getLevel().intValue() >= Level.SEVERE.intValue() ? "error: " : "warning: ");
            }
            String logger = String.valueOf(record.getLoggerName());
            line.append(dated ? logger : logger.substring(logger.lastIndexOf('.') + 1))
                    .append(": ");
            line.append(formatMessage(record));
            Throwable thrown = record.getThrown();
            if (thrown != null && traces) {
                java.io.StringWriter trace = new java.io.StringWriter();
                thrown.printStackTrace(new java.io.PrintWriter(trace));
                line.append(System.lineSeparator()).append(trace);
            } else if (thrown != null) {
                line.append(" (")
                        .append(thrown.getMessage() == null ? thrown.toString() : thrown.getMessage())
                        .append(')');
            }
            return line.append(System.lineSeparator()).toString();
        }
    }

    /** Standard output belongs to the command's answer; whatever else prints there goes to standard error. */
    static PrintStream takeStandardOutput() {
        PrintStream out = System.out;
        System.setOut(System.err);
        return out;
    }
}
