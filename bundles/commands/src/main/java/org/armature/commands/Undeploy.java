package org.armature.commands;

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

/** {@code armature undeploy}. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=undeploy")
@Command(name = "undeploy", description = "take a deployed module out of the running runtime")
public final class Undeploy implements Callable<Integer> {
    private final @Nullable Function<Map<String, Object>, Map<String, Object>> deployer;

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Parameters(paramLabel = "NAME", description = "the file, bundle or module id")
    @SuppressWarnings("NullAway.Init")
    private String name;

    @Option(names = "--json", description = "the outcome as one JSON object")
    private boolean json;

    @Activate
    public Undeploy(
            @Reference(target = "(armature.deployer=true)", cardinality = ReferenceCardinality.OPTIONAL) @Nullable
                    Function<Map<String, Object>, Map<String, Object>> deployer) {
        this.deployer = deployer;
    }

    @Override
    public Integer call() throws Exception {
        return Deploy.ask(deployer, Map.of("undeploy", name), json, spec);
    }
}
