package org.armature.commands;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.runtime.ServiceComponentRuntime;
import org.osgi.service.component.runtime.dto.ComponentConfigurationDTO;
import org.osgi.service.component.runtime.dto.ComponentDescriptionDTO;
import org.osgi.service.component.runtime.dto.UnsatisfiedReferenceDTO;

/**
 * Which bundles and components do not work, and why, a sentence each: for the start report, {@code doctor} and the deploy
 * folder. As {@code Function} it answers for one bundle's id.
 */
@Component(
        service = {Wiring.class, Supplier.class, Function.class},
        property = {"armature.report:Boolean=true", "armature.wiring:Boolean=true"})
public final class Wiring implements Supplier<List<String>>, Function<Long, List<String>> {
    private final BundleContext context;
    private final ServiceComponentRuntime components;

    @Activate
    public Wiring(BundleContext context, @Reference ServiceComponentRuntime components) {
        this.context = context;
        this.components = components;
    }

    @Override
    public List<String> get() {
        List<String> sentences = new ArrayList<>();
        for (Bundle bundle : context.getBundles()) {
            if (bundle.getState() == Bundle.INSTALLED
                    || bundle.getState() == Bundle.RESOLVED
                            && bundle.getHeaders("").get(Constants.FRAGMENT_HOST) == null) {
                sentences.add("bundle " + bundle.getSymbolicName() + " is " + Modules.state(bundle) + ", not active");
            }
        }
        for (ComponentDescriptionDTO component : components.getComponentDescriptionDTOs()) {
            describe(component, sentences);
        }
        return sentences;
    }

    @Override
    public List<String> apply(Long bundle) {
        List<String> sentences = new ArrayList<>();
        Bundle one = context.getBundle(bundle);
        if (one != null) {
            components.getComponentDescriptionDTOs(one).forEach(component -> describe(component, sentences));
        }
        return sentences;
    }

    private void describe(ComponentDescriptionDTO component, List<String> sentences) {
        for (ComponentConfigurationDTO configuration : components.getComponentConfigurationDTOs(component)) {
            String name = "component " + component.name + " of " + component.bundle.symbolicName;
            switch (configuration.state) {
                case ComponentConfigurationDTO.UNSATISFIED_REFERENCE -> {
                    List<String> missing = new ArrayList<>();
                    for (UnsatisfiedReferenceDTO reference : configuration.unsatisfiedReferences) {
                        missing.add(interfaceOf(component, reference.name)
                                + (reference.target == null || reference.target.isEmpty()
                                        ? ""
                                        : " " + reference.target));
                    }
                    sentences.add(name + " waits: nothing offers " + String.join(", ", missing));
                }
                case ComponentConfigurationDTO.UNSATISFIED_CONFIGURATION ->
                    sentences.add(name + " waits for its configuration " + String.join(", ", component.configurationPid)
                            + ": add it to conf/armature.json");
                case ComponentConfigurationDTO.FAILED_ACTIVATION ->
                    sentences.add(name + " failed to activate: " + cause(configuration.failure));
                default -> {
                    // Satisfied or active.
                }
            }
        }
    }

    private static String interfaceOf(ComponentDescriptionDTO component, String reference) {
        for (var description : component.references) {
            if (description.name.equals(reference)) {
                return description.interfaceName;
            }
        }
        return reference;
    }

    /** The last line that says something: the failure is a printed stack trace. */
    private static String cause(String failure) {
        String cause = "unknown cause";
        for (String line : failure == null ? new String[0] : failure.split("\\R")) {
            if (!line.startsWith("\t") && !line.isBlank()) {
                cause = line.startsWith("Caused by: ") ? line.substring("Caused by: ".length()) : line;
            }
        }
        return cause;
    }
}
