package org.armature.console;

import java.lang.annotation.Annotation;
import java.nio.file.Path;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** The servlet behind a real Jetty on a free loopback port. */
final class Serving implements AutoCloseable {
    final FakeRobot robot = new FakeRobot();
    private final Server server = new Server();
    private final ServerConnector connector = new ServerConnector(server);

    Serving(Path deploy, long mostBytes, int mostClients) throws Exception {
        this(deploy, mostBytes, mostClients, 0);
    }

    /** On a port known, as a runtime that was started again. */
    Serving(Path deploy, long mostBytes, int mostClients, int port) throws Exception {
        connector.setPort(port);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        ServletContextHandler handler = new ServletContextHandler();
        ServletHolder holder =
                new ServletHolder(new ConsoleServlet(robot, new Settings(deploy.toString(), mostBytes, mostClients)));
        holder.setAsyncSupported(true);
        handler.addServlet(holder, "/*");
        server.setHandler(handler);
        server.start();
    }

    String url() {
        return "http://localhost:" + port() + "/";
    }

    int port() {
        return connector.getLocalPort();
    }

    @Override
    public void close() throws Exception {
        server.stop();
    }

    private record Settings(String deployFolder, long maxUploadBytes, int maxClients) implements ConsoleServlet.Config {
        @Override
        public String[] hosts() {
            return new String[] {"robot.example"};
        }

        @Override
        public String token() {
            return "";
        }

        @Override
        public String tokenFile() {
            return "";
        }

        @Override
        public Class<? extends Annotation> annotationType() {
            return ConsoleServlet.Config.class;
        }
    }
}
