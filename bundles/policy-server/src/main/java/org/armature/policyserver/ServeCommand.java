package org.armature.policyserver;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import org.armature.robot.PolicyEndpoint;
import org.armature.robot.PolicyFiles;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code armature serve POLICY}: until Ctrl-C. */
@Component(service = Callable.class, property = "armature.command=serve", scope = ServiceScope.PROTOTYPE)
@Command(
        name = "serve",
        description = "Serves a policy over openpi's WebSocket protocol (openpi-client works unchanged).")
public final class ServeCommand implements Callable<Integer> {
    private final Endpoints endpoints;
    private final @Nullable PolicyFiles files;

    @Parameters(
            paramLabel = "POLICY",
            description =
                    "armature.id of the policy that '/' serves, or a JSON file that describes one; others are at /policies/ID")
    private String policy = "";

    @Option(
            names = "--host",
            defaultValue = "127.0.0.1",
            description = "address to listen on (default ${DEFAULT-VALUE})")
    private String host = "127.0.0.1";

    @Option(
            names = "--port",
            defaultValue = "8000",
            description = "port, 0 for any free one (default ${DEFAULT-VALUE})")
    private int port = 8000;

    @Option(
            names = "--api-key",
            description = "clients must send it; better: the environment variable ARMATURE_API_KEY")
    private String apiKey = "";

    @Option(
            names = "--max-message",
            defaultValue = "67108864",
            description = "largest message in bytes (default 64 MiB)")
    private long maxMessage = 64L << 20;

    @Option(names = "--deadline", defaultValue = "60", description = "seconds a policy may take for an answer")
    private int deadline = 60;

    @Option(
            names = "--tls",
            paramLabel = "FILE.p12",
            description = "serve wss:// with the key in this PKCS#12 file; its"
                    + " password is the environment variable ARMATURE_TLS_PASSWORD")
    private String tls = "";

    @Option(names = "--tracebacks", description = "errors sent to clients carry a Java stack")
    private boolean debug;

    /** The policies there are. */
    @Activate
    public ServeCommand(
            @Reference Endpoints endpoints,
            @Reference(cardinality = ReferenceCardinality.OPTIONAL, policyOption = ReferencePolicyOption.GREEDY)
                    @Nullable
                    PolicyFiles files) {
        this.endpoints = endpoints;
        this.files = files;
    }

    @Override
    public Integer call() throws Exception {
        if (policy.endsWith(".json") && files != null) {
            try (PolicyFiles.Opened opened = files.open(Path.of(policy))) {
                return serve(name -> name.isEmpty() ? opened : endpoints.find(name));
            } catch (IllegalArgumentException | IOException e) {
                System.err.println(e.getMessage());
                return e instanceof IOException ? 1 : 2;
            }
        }
        if (endpoints.find(policy) == null) {
            System.err.println(
                    "No policy '" + policy + "' is here; there are: " + String.join(", ", endpoints.ids()) + ".");
            return 2;
        }
        return serve(name -> endpoints.find(name.isEmpty() ? policy : name));
    }

    private int serve(Function<String, @Nullable PolicyEndpoint> served) {
        PolicyServer.Settings settings = new PolicyServer.Settings(
                host,
                port,
                apiKey.isEmpty() ? env("ARMATURE_API_KEY") : apiKey,
                maxMessage,
                Duration.ofSeconds(deadline),
                tls,
                env("ARMATURE_TLS_PASSWORD"),
                debug);
        try (PolicyServer server = new PolicyServer(settings, served)) {
            PolicyEndpoint first = served.apply("");
            Rehearsal.hold(first != null && first.immediate());
            System.out.println("Serving " + policy + " at " + server.address() + "; Ctrl-C ends it.");
            System.out.flush();
            new CountDownLatch(1).await();
        } catch (IOException e) {
            System.err.println(e.getMessage());
            return 1;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return 0;
    }

    private static String env(String name) {
        String v = System.getenv(name);
        return v == null ? "" : v;
    }
}
