package org.armature.commands;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code armature deploy}. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=deploy")
@Command(name = "deploy", description = "put a jar into the running runtime and wait for the outcome")
public final class Deploy implements Callable<Integer> {
    private final @Nullable Function<Map<String, Object>, Map<String, Object>> deployer;

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Parameters(paramLabel = "FILE.jar", description = "the bundle")
    @SuppressWarnings("NullAway.Init")
    private Path file;

    @Option(names = "--json", description = "the outcome as one JSON object")
    private boolean json;

    @Activate
    public Deploy(
            @Reference(target = "(armature.deployer=true)", cardinality = ReferenceCardinality.OPTIONAL) @Nullable
                    Function<Map<String, Object>, Map<String, Object>> deployer) {
        this.deployer = deployer;
    }

    @Override
    public Integer call() throws Exception {
        return ask(deployer, Map.of("deploy", Caller.resolve(file).toString()), json, spec);
    }

    /** Prints the outcome; 1 if refused. */
    static int ask(
            @Nullable Function<Map<String, Object>, Map<String, Object>> deployer,
            Map<String, Object> request,
            boolean json,
            CommandSpec spec)
            throws Exception {
        if (deployer == null) {
            throw new IllegalStateException("no runtime is running here: start one with ./armature run");
        }
        Map<String, Object> result = deployer.apply(request);
        String outcome = String.valueOf(result.get("outcome"));
        boolean refused = outcome.equals("refused") || outcome.equals("rolled-back");
        if (json) {
            spec.commandLine().getOut().println(new ObjectMapper().writeValueAsString(result));
        } else {
            (refused ? spec.commandLine().getErr() : spec.commandLine().getOut())
                    .println(outcome + ": " + result.get("reason"));
        }
        return refused ? 1 : 0;
    }
}
