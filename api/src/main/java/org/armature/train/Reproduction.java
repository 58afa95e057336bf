package org.armature.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.armature.model.Config;
import org.osgi.annotation.versioning.ConsumerType;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A paper's claim in miniature: arms that differ in one thing, measured over several seeds. {@code armature reproduce ID} runs
 * it, keeps each figure as soon as it is there, prints the table and says which claims hold. Service with {@code armature.id}
 * = {@link #id()} and {@code armature.kind=reproduction}.
 *
 * <p>Laws: {@link #measure} depends on nothing but its arguments, so that several may run side by side; what does not come
 * out is reported as it is.
 */
@ConsumerType
public interface Reproduction {
    /** The paper's short name, e.g. {@code vtp}. */
    String id();

    /** What is compared, in one sentence, with data and sizes. */
    String title();

    /** Names of the rows of the table, e.g. {@code reconstruction only}. */
    List<String> arms();

    /** What should hold of the figures' means over the seeds. */
    List<Claim> claims();

    /**
     * Measures one arm with one seed.
     *
     * @return figures by name, the columns of the table
     * @throws IOException if data is missing (one sentence says how to get it) or the run was stopped
     */
    Map<String, Double> measure(String arm, long seed, Run run) throws IOException;

    /**
     * Something that should hold.
     *
     * @param text the claim with its bar, e.g. {@code depth lowers AbsRel by at least 30 %}
     * @param margin how far the figures are above the bar; it holds from 0 on
     */
    record Claim(String text, ToDoubleFunction<Figures> margin) {}

    /** What was measured, over all seeds. */
    @ProviderType
    @FunctionalInterface
    interface Figures {
        /** One value a seed. */
        List<Double> of(String arm, String figure);

        /** The mean over the seeds. */
        default double mean(String arm, String figure) {
            return of(arm, figure).stream().mapToDouble(v -> v).average().orElse(Double.NaN);
        }
    }

    /** Where a measurement works. */
    @ProviderType
    interface Run {
        /** A folder of this arm and seed's own; what is in it is there again when the run goes on. */
        Path folder();

        /** A folder that all arms of this seed share, e.g. for a network that judges them. */
        Path shared();

        /** Tells how far this measurement is, from 0 to 1. */
        void progress(String what, double share);

        /** Whether the user wants to stop: then the measurement should throw {@link IOException} soon. */
        boolean stopped();

        /**
         * Trains in {@code folder}, or goes on with what was begun there, as the part of this measurement from {@code from} to
         * {@code to}. On one thread, unless the configuration says otherwise: measurements run side by side.
         *
         * @param what is trained, for the progress and the message
         * @throws IOException if data is missing or the run was stopped
         */
        default Trainer.Outcome train(
                Trainer trainer, Map<String, ?> config, Path folder, String what, double from, double to)
                throws IOException {
            Map<String, Object> full = new LinkedHashMap<>(config);
            full.putIfAbsent("threads", 1);
            Trainer.Outcome o = trainer.train(
                    Config.of(full),
                    folder,
                    Files.exists(folder.resolve("checkpoint.safetensors")),
                    p -> progress(what + " step " + p.step(), from + (to - from) * p.step() / p.steps()),
                    this::stopped);
            if (!o.finished()) {
                throw new IOException(what + " was stopped at step " + o.step() + ": run it again with --resume");
            }
            return o;
        }

        /**
         * The network trained in {@code folder}, as by {@link #train} unless that was done before. Of arms that share the
         * folder, the first trains and the others wait.
         *
         * @return the file of its parameters
         * @throws IOException if data is missing or the run was stopped
         */
        default Path trained(Trainer trainer, Map<String, ?> config, Path folder, String what, double from, double to)
                throws IOException {
            Path model = folder.resolve("model.safetensors");
            if (!Files.exists(model)) {
                train(trainer, config, folder, what, from, to);
            }
            return model;
        }
    }
}
