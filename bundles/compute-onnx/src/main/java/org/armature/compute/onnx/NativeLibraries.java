package org.armature.compute.onnx;

import ai.onnxruntime.OrtEnvironment;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Unpacks ONNX Runtime's libraries where they are cleared away with everything else: left to itself it unpacks them into the
 * machine's folder for temporary files, where a killed process leaves 28 MB behind. Each class loader needs files of its own, for a
 * library can be loaded by one alone.
 */
final class NativeLibraries {
    private static final Logger LOG = LoggerFactory.getLogger(NativeLibraries.class);
    private static final String PATH = "onnxruntime.native.path";
    private static final String FOLDER = "onnxruntime-native";
    private static final List<String> NAMES = List.of("onnxruntime", "onnxruntime4j_jni");

    private NativeLibraries() {}

    /** To be called before ONNX Runtime is first used. Does nothing if a place was given, or on a machine it does not know. */
    static synchronized void unpack(Path data) {
        String given = System.getProperty(PATH);
        if (given != null && !Path.of(given).endsWith(FOLDER)) {
            return;
        }
        System.clearProperty(PATH);
        String from = "/ai/onnxruntime/native/" + platform() + "/";
        Path folder = data.resolve(FOLDER);
        try {
            Files.createDirectories(folder);
            for (String name : NAMES) {
                String file = System.mapLibraryName(name);
                try (InputStream in = OrtEnvironment.class.getResourceAsStream(from + file)) {
                    if (in == null) {
                        return;
                    }
                    Path to = folder.resolve(file);
                    if (!Files.exists(to)) {
                        Files.copy(in, to);
                    }
                }
            }
            System.setProperty(PATH, folder.toString());
        } catch (IOException e) {
            LOG.warn("ONNX Runtime's libraries cannot be unpacked into {}, it does so itself", folder, e);
        }
    }

    /** As the folders in the jar are named. */
    private static String platform() {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String cpu = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x64";
        return (os.contains("linux") ? "linux" : os.contains("mac") ? "osx" : "win") + "-" + cpu;
    }
}
