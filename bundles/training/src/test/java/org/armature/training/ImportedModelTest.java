package org.armature.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.armature.autodiff.ReverseMode;
import org.armature.checkpoint.Json;
import org.armature.compute.GradientRequest;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxModelFormat;
import org.armature.graph.Graph;
import org.armature.graph.Value;
import org.armature.model.Checkpoint;
import org.armature.model.Config;
import org.armature.model.ModelFormat;
import org.armature.train.Objective;
import org.armature.train.Trainer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/** Models made by both of PyTorch's exporters ({@code src/test/python/export_models.py}). */
class ImportedModelTest {
    private static final double RTOL = 1e-4;
    /** Of a tensor's largest element: what single precision leaves of a sum that cancels. */
    private static final double FLOOR = 2e-6;

    private final Bench bench = new Bench();
    private final OnnxModelFormat onnx = new OnnxModelFormat();

    @TempDir
    Path dir;

    static Stream<String> models() {
        return Stream.of("vit-torchscript", "vit-dynamo", "resnet-torchscript", "resnet-dynamo");
    }

    private static Path folder(String model) {
        try {
            return Path.of(ImportedModelTest.class.getResource("/onnx/" + model).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void close(String name, Tensor want, Tensor have) {
        assertEquals(want.shape(), have.shape(), name);
        double largest = 0;
        for (long i = 0; i < want.size(); i++) {
            largest = Math.max(largest, Math.abs(want.get(i)));
        }
        for (long i = 0; i < want.size(); i++) {
            assertEquals(
                    want.get(i), have.get(i), RTOL * Math.abs(want.get(i)) + FLOOR * largest, name + "[" + i + "]");
        }
    }

    /** Forward and the gradient of the loss by every parameter that PyTorch trains. */
    @ParameterizedTest
    @MethodSource("models")
    void agreesWithPyTorchInValuesAndGradients(String model) throws IOException {
        Path folder = folder(model);
        try (ModelFormat.Imported m = onnx.read(folder.resolve("model.onnx"));
                Checkpoint data = bench.format.open(folder.resolve("data.safetensors"))) {
            Graph.Builder b = Graph.builder("loss");
            Value x = b.input("x", data.type("x").shape());
            Value label = b.input(
                    "label", data.type("label").dtype(), data.type("label").shape());
            Graph bound = m.graph().bindTo(Map.of("x", x.shape()));
            Map<String, Value> y = b.inline(bound, Map.of("x", x));
            b.output("y", y.get("y"));
            new CrossEntropy().build(y, Map.of("label", label), Config.empty()).forEach(b::output);
            List<String> trained = data.names().stream()
                    .filter(n -> n.startsWith(GradientRequest.GRADIENT))
                    .map(n -> n.substring(GradientRequest.GRADIENT.length()))
                    .toList();
            assertTrue(trained.size() > 10, trained.toString());
            List<String> rest = m.graph().parameters().stream()
                    .map(Value::name)
                    .filter(n -> !trained.contains(n) && !n.contains("running_"))
                    .toList();
            assertEquals(List.of(), rest);
            Graph joint = new ReverseMode()
                    .gradients(
                            b.build(),
                            new GradientRequest(
                                    List.of(Objective.LOSS),
                                    trained,
                                    List.of(Objective.LOSS),
                                    List.of("y", Objective.LOSS),
                                    0));
            Map<String, Tensor> in = new LinkedHashMap<>(m.parameters().forGraph(m.graph()));
            in.put("x", data.get("x"));
            in.put("label", data.get("label"));
            try (Program p = bench.executor.compile(joint)) {
                Map<String, Tensor> out = p.run(in);
                close("y", data.get("y"), out.get("y"));
                close("loss", data.get("loss"), out.get("loss"));
                trained.forEach(n -> close(n, data.get("grad." + n), out.get("grad." + n)));
                out.values().forEach(Tensor::close);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void writtenAgainItReadsAsTheSameGraph(String model) throws IOException {
        try (ModelFormat.Imported m = onnx.read(folder(model).resolve("model.onnx"))) {
            onnx.write(dir.resolve("again.onnx"), m.graph(), m.parameters());
            try (ModelFormat.Imported back = onnx.read(dir.resolve("again.onnx"))) {
                assertEquals(m.graph(), back.graph());
                m.parameters()
                        .names()
                        .forEach(n -> assertEquals(
                                -1,
                                m.parameters()
                                        .get(n)
                                        .data()
                                        .mismatch(back.parameters().get(n).data()),
                                n));
            }
        }
    }

    /** Rows with a bright and rows with a dark half: a few steps from PyTorch's weights, through the command. */
    @ParameterizedTest
    @MethodSource("models")
    void trainsFromItsOwnWeightsAsAUserWould(String model) throws IOException {
        Files.copy(folder(model).resolve("model.onnx"), dir.resolve("net.onnx"));
        Path config = Files.writeString(dir.resolve("c.json"), """
                {"model": "net.onnx", "dataset": {"type": "corners", "side": 28}, "steps": 20, "batch": 16, "threads": 1,
                 "optimizer": {"type": "adamw"}, "schedule": {"rate": 3e-3}, "evaluate_every": 20}""");
        StringWriter out = new StringWriter();
        int code = new CommandLine(new TrainCommand(bench.trainer(), new Json(), List.of()))
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(out))
                .execute(
                        config.toString(), "--json", "--run", dir.resolve("run").toString());
        assertEquals(0, code, out.toString());
        List<Double> loss = Files.readAllLines(dir.resolve("run/curve.csv")).stream()
                .map(l -> l.split(","))
                .filter(f -> f[1].equals("loss"))
                .map(f -> Double.valueOf(f[2]))
                .toList();
        assertEquals(20, loss.size());
        assertTrue(loss.getLast() < 0.7 * loss.getFirst(), loss.toString());
        try (ModelFormat.Imported trained = onnx.read(dir.resolve("run/model.onnx"));
                ModelFormat.Imported before = onnx.read(dir.resolve("net.onnx"))) {
            assertEquals(before.parameters().names(), trained.parameters().names());
            assertEquals(
                    before.graph().inputs().getFirst().type(),
                    trained.graph().inputs().getFirst().type());
            before.parameters()
                    .names()
                    .forEach(n -> assertFalse(
                            before.parameters()
                                            .get(n)
                                            .data()
                                            .mismatch(
                                                    trained.parameters().get(n).data())
                                    < 0,
                            n + " did not change"));
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void anImageOfAnotherSizeIsRefusedInOneSentence(String model) throws IOException {
        Trainer t = bench.trainer();
        Config c = Config.of(
                Bench.config(Map.of("model", folder(model).resolve("model.onnx").toString())));
        String m = org.junit.jupiter.api.Assertions.assertThrows(
                        IllegalArgumentException.class, () -> t.train(c, dir, false, p -> {}, () -> false))
                .getMessage();
        assertTrue(m.contains("model.onnx does not take what the dataset gives"), m);
    }
}
