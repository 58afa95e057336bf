package org.armature.commands.graph;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.armature.compute.GraphPass;
import org.armature.compute.onnx.OnnxModelFormat;
import org.armature.graph.Graph;
import org.armature.graph.Rewriter;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Parameters;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class GraphCommandTest {
    @TempDir
    Path folder;

    private static final GraphPass NO_ABS = new GraphPass() {
        @Override
        public String id() {
            return "no-abs";
        }

        @Override
        public Graph apply(Graph graph) {
            return Rewriter.rewrite(graph, (n, r) -> {
                if (n.is("Abs")) {
                    r.replace(n.output(), r.get(n.input(0)));
                    return true;
                }
                return false;
            });
        }
    };

    private int run(StringWriter out, String... args) throws Exception {
        Path file = folder.resolve("m.onnx");
        Graph.Builder b = Graph.builder("m<>");
        Value x = b.input("x", Shape.named("n", 2));
        Graph g = b.output("y", add(neg(abs(x)), x)).build();
        new OnnxModelFormat().write(file, g, Parameters.empty());
        String[] all = new String[args.length + 1];
        all[0] = file.toString();
        System.arraycopy(args, 0, all, 1, args.length);
        return new CommandLine(new GraphCommand(List.of(new OnnxModelFormat()), List.of(NO_ABS)))
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(out))
                .execute(all);
    }

    @Test
    void printsTheGraphAfterAPass() throws Exception {
        StringWriter out = new StringWriter();
        assertEquals(0, run(out));
        assertTrue(out.toString().contains("= Abs(x)"));
        StringWriter after = new StringWriter();
        assertEquals(0, run(after, "--after", "no-abs"));
        assertFalse(after.toString().contains("Abs("));
        assertEquals(2, run(new StringWriter(), "--after", "nothing"));
    }

    @Test
    void drawsWellFormedXmlWithABoxPerNode() throws Exception {
        Path svg = folder.resolve("m.svg");
        assertEquals(0, run(new StringWriter(), "--svg", svg.toString()));
        var document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(Files.newInputStream(svg));
        assertEquals(5, document.getElementsByTagName("rect").getLength());
        assertEquals(5, document.getElementsByTagName("line").getLength());
    }
}
