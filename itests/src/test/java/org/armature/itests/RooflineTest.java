package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.util.Map;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.junit.jupiter.api.Test;
import org.osgi.framework.BundleContext;

/** A program of the executor opencl on the dashboard, as its page asks for it. */
@InFramework({"platform", "robot", "modules", "web"})
class RooflineTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @Test
    void aProgramThatRunsIsShownUnderItsDevicesRoofUntilItIsClosed(
            BundleContext context, @Service("(armature.id=opencl)") Executor opencl) throws Exception {
        assumeFalse(opencl.devices().isEmpty(), "no OpenCL device: install pocl-opencl-icd");
        String base = "http://127.0.0.1:" + context.getProperty("org.osgi.service.http.port");
        Graph.Builder b = Graph.builder("looked at");
        Graph g = b.output("y", Ops.matMul(b.input("x", Shape.of(64, 64)), b.input("w", Shape.of(64, 64))))
                .build();
        // Figures are only asked for while somebody looks.
        try (InputStream looking = events(base);
                Tensor x = Tensor.zeros(DType.FLOAT, Shape.of(64, 64))) {
            try (Program p = opencl.compile(g)) {
                int roofline = -1;
                for (int i = 0; i < 600 && roofline < 0; i++) {
                    p.run(Map.of("x", x, "w", x)).get("y").close();
                    Thread.sleep(50);
                    roofline = figure(base, "looked at/roofline");
                }
                JsonNode dots = get(base + "/figures/" + roofline + ".json");
                assertTrue(dots.at("/dots/0/name").asText().contains("of the roof"), dots.toString());
                assertTrue(
                        dots.at("/lines/0/name")
                                .asText()
                                .contains(opencl.devices().getFirst().id()),
                        dots.toString());
                JsonNode table = get(base + "/figures/" + figure(base, "looked at/kernels") + ".json");
                assertEquals(1 + dots.get("dots").size(), table.get("rows").size());
            }
            boolean shown = true;
            for (int i = 0; i < 200 && shown; i++) {
                Thread.sleep(50);
                shown = figure(base, "looked at/roofline") >= 0;
            }
            assertFalse(shown, "the figures of a closed program stay");
        }
    }

    /** What a page listens to, once the dashboard answers. */
    private static InputStream events(String base) throws Exception {
        for (int i = 0; ; i++) {
            try {
                return URI.create(base + "/events").toURL().openStream();
            } catch (IOException e) {
                if (i == 200) {
                    throw e;
                }
                Thread.sleep(50);
            }
        }
    }

    /** Number of a figure of the executor; -1 if there is none. */
    private static int figure(String base, String title) throws Exception {
        for (JsonNode f : get(base + "/api/figures")) {
            if (f.get("heading").asText().equals("opencl")
                    && f.get("title").asText().equals(title)) {
                return f.get("id").asInt();
            }
        }
        return -1;
    }

    private static JsonNode get(String address) throws Exception {
        try (InputStream in = URI.create(address).toURL().openStream()) {
            return JSON.readTree(in);
        }
    }
}
