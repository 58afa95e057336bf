package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.ConnectException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.wiring.BundleWiring;

/** The run list (the dependencies of launcher/pom.xml) has what its bundles need, and nothing else. */
@InFramework({"platform", "robot", "control", "modules", "web"})
class RunListTest {
    /** Nobody imports these; they are there for what they do. */
    private static final Set<String> AT_WORK = Set.of(
            "org.apache.felix.scr",
            "org.apache.felix.configadmin",
            "org.apache.felix.log",
            "org.apache.felix.http.jetty12");

    @Test
    void everyBundleIsActive(BundleContext context) {
        assertEquals(List.of(), names(context, bundle -> bundle.getState() != Bundle.ACTIVE));
    }

    @Test
    void noThirdPartyBundleIsSuperfluous(BundleContext context) {
        assertEquals(
                List.of(),
                names(
                        context,
                        bundle -> !bundle.getSymbolicName().startsWith("org.armature")
                                && bundle.getBundleId() != 0
                                && !AT_WORK.contains(bundle.getSymbolicName())
                                && bundle.adapt(BundleWiring.class)
                                        .getProvidedWires(null)
                                        .isEmpty()));
    }

    @Test
    void everyModuleOfTheReactorIsInIt(BundleContext context) {
        List<String> modules = names(context, bundle -> bundle.getSymbolicName().startsWith("org.armature."));
        assertTrue(modules.size() >= 14, modules.toString());
    }

    /** A test must not open a port to the network, nor take the one a running dashboard has. */
    @Test
    void theDashboardListensOnTheLoopbackAlone(BundleContext context) throws Exception {
        int port = Integer.parseInt(context.getProperty("org.osgi.service.http.port"));
        try (Socket loopback = new Socket(InetAddress.getLoopbackAddress(), port)) {
            assertTrue(loopback.isConnected());
        }
        List<InetAddress> others = NetworkInterface.networkInterfaces()
                .flatMap(NetworkInterface::inetAddresses)
                .filter(address -> !address.isLoopbackAddress() && !address.isLinkLocalAddress())
                .toList();
        for (InetAddress address : others) {
            assertThrows(ConnectException.class, () -> new Socket(address, port).close(), address.toString());
        }
    }

    private static List<String> names(BundleContext context, Predicate<Bundle> wanted) {
        return Stream.of(context.getBundles())
                .filter(wanted)
                .map(Bundle::getSymbolicName)
                .sorted()
                .toList();
    }
}
