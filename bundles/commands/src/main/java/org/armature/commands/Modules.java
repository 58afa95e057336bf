package org.armature.commands;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code armature modules}: every service with {@code armature.id}. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=modules")
@Command(name = "modules", description = "list the modules, with bundle, version and state")
public final class Modules implements Callable<Integer> {
    private final BundleContext context;

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Option(names = "--json", description = "one JSON array")
    private boolean json;

    @Activate
    public Modules(BundleContext context) {
        this.context = context;
    }

    @Override
    public Integer call() throws Exception {
        List<Map<String, Object>> modules = list(context);
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper().writeValueAsString(modules));
            return 0;
        }
        out.printf("%-16s %-12s %-32s %-10s %-9s %s%n", "ID", "KIND", "BUNDLE", "VERSION", "STATE", "PAPER");
        for (Map<String, Object> module : modules) {
            out.printf(
                    "%-16s %-12s %-32s %-10s %-9s %s%n",
                    module.get("id"),
                    module.get("kind"),
                    module.get("bundle"),
                    module.get("version"),
                    module.get("state"),
                    module.get("paper"));
        }
        return 0;
    }

    /** {@code id, kind, bundle, version, state, ranking, paper} of every module, by kind and id. */
    static List<Map<String, Object>> list(BundleContext context) throws InvalidSyntaxException {
        List<Map<String, Object>> modules = new ArrayList<>();
        ServiceReference<?>[] references = context.getAllServiceReferences(null, "(armature.id=*)");
        for (ServiceReference<?> reference : references == null ? new ServiceReference<?>[0] : references) {
            Bundle bundle = reference.getBundle();
            if (bundle == null) {
                continue;
            }
            Map<String, Object> module = new LinkedHashMap<>();
            module.put("id", text(reference, "armature.id"));
            module.put("kind", text(reference, "armature.kind"));
            module.put("bundle", bundle.getSymbolicName());
            module.put("version", bundle.getVersion().toString());
            module.put("state", state(bundle));
            module.put(
                    "ranking",
                    reference.getProperty(Constants.SERVICE_RANKING) instanceof Integer ranking ? ranking : 0);
            module.put("paper", text(reference, "armature.paper"));
            modules.add(module);
        }
        modules.sort(Comparator.comparing((Map<String, Object> module) -> module.get("kind") + " " + module.get("id")));
        return modules;
    }

    private static String text(ServiceReference<?> reference, String name) {
        Object value = reference.getProperty(name);
        return value == null ? "" : value.toString();
    }

    static String state(Bundle bundle) {
        return switch (bundle.getState()) {
            case Bundle.ACTIVE -> "active";
            case Bundle.STARTING -> "starting";
            case Bundle.STOPPING -> "stopping";
            case Bundle.RESOLVED -> "resolved";
            case Bundle.INSTALLED -> "installed";
            default -> "uninstalled";
        };
    }
}
