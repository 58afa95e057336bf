package org.armature.commands.graph;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.armature.compute.GraphPass;
import org.armature.graph.Graph;
import org.armature.model.ModelFormat;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code armature graph MODEL.onnx [--after PASS] [--svg FILE]}. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=graph")
@Command(name = "graph", description = "Prints a model's graph as text, or draws it as SVG.")
public final class GraphCommand implements Callable<Integer> {
    private final List<ModelFormat> formats;
    private final List<GraphPass> passes;

    @Parameters(paramLabel = "MODEL", description = "A model file, e.g. model.onnx.")
    private Path model = Path.of("");

    @Option(names = "--after", paramLabel = "PASS", description = "Applies a pass first; may be given several times.")
    private List<String> after = List.of();

    @Option(names = "--svg", paramLabel = "FILE", description = "Draws into this file instead of printing.")
    private @Nullable Path svg;

    @Spec
    private @Nullable CommandSpec spec;

    @Activate
    public GraphCommand(
            @Reference(cardinality = ReferenceCardinality.AT_LEAST_ONE) List<ModelFormat> formats,
            @Reference(cardinality = ReferenceCardinality.MULTIPLE) List<GraphPass> passes) {
        this.formats = List.copyOf(formats);
        this.passes = List.copyOf(passes);
    }

    @Override
    public Integer call() throws IOException {
        CommandSpec s = spec;
        if (s == null) {
            throw new IllegalStateException("graph runs through picocli");
        }
        ModelFormat format;
        try {
            format = ModelFormat.of(model, formats);
        } catch (IllegalArgumentException e) {
            throw new CommandLine.ParameterException(s.commandLine(), e.getMessage(), e);
        }
        try (ModelFormat.Imported imported = format.read(model)) {
            Graph graph = imported.graph();
            for (String id : after) {
                graph = passes.stream()
                        .filter(p -> p.id().equals(id))
                        .findFirst()
                        .orElseThrow(() -> new CommandLine.ParameterException(
                                s.commandLine(),
                                "there is no pass " + id + ": running are "
                                        + passes.stream().map(GraphPass::id).toList()))
                        .apply(graph);
            }
            PrintWriter out = s.commandLine().getOut();
            if (svg != null) {
                Files.writeString(svg, Drawing.svg(graph));
                out.println(graph.nodes().size() + " nodes drawn into " + svg);
            } else {
                out.println(graph);
            }
            out.flush();
        }
        return 0;
    }
}
