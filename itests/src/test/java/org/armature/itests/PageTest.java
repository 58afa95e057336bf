package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.Response;
import com.microsoft.playwright.options.ColorScheme;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The dashboard of a running robot in real Chromium: what an engineer does with it. {@code -Darmature.page=URL} uses a
 * runtime that runs already; {@code -Darmature.screenshot=FILE} (relative to the repository) leaves a picture of it,
 * {@code -Darmature.theme=dark|light} chooses its colours.
 */
@Timeout(600)
class PageTest {
    private static final Pattern ADDRESS = Pattern.compile("dashboard (http://localhost:\\d+)");
    private static final double MOVED = 1e-4; // rad
    /** A browser without a GPU takes the whole of a small machine: being late is not what is looked at here. */
    private static final String PATIENT = "org.armature.control:policyTimeout=60000";

    @TempDir
    Path folder;

    private final HttpClient http = HttpClient.newHttpClient();
    private String base = "";

    private static Path chromium() {
        Path found = Stream.of(
                        System.getProperty("armature.chromium", "/usr/bin/chromium"),
                        "/usr/bin/chromium-browser",
                        "/usr/bin/google-chrome")
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
        assumeTrue(
                found != null, "Chromium not found: install it (apt-get install chromium), or set armature.chromium");
        return found;
    }

    private @Nullable RuntimeProcess start() throws Exception {
        String given = System.getProperty("armature.page", "");
        if (!given.isEmpty()) {
            base = given.replaceFirst("/$", "");
            return null;
        }
        RuntimeProcess runtime = RuntimeProcess.start(folder.resolve("instance"), "--seed", "3", "-D", PATIENT)
                .awaitRunning();
        Matcher address = ADDRESS.matcher(runtime.stderr());
        assertTrue(address.find(), runtime.stderr());
        base = address.group(1);
        return runtime;
    }

    private JsonNode get(String path) throws IOException, InterruptedException {
        return new ObjectMapper()
                .readTree(http.send(
                                HttpRequest.newBuilder(URI.create(base + path)).build(), BodyHandlers.ofString())
                        .body());
    }

    private static double[] command(JsonNode row) {
        double[] q = new double[row.get("command").size()];
        for (int j = 0; j < q.length; j++) {
            q[j] = row.get("command").get(j).asDouble();
        }
        return q;
    }

    /** Greatest change of a joint's command over these ticks. */
    private static double moved(List<JsonNode> rows) {
        double most = 0;
        for (JsonNode row : rows) {
            double[] a = command(rows.getFirst());
            double[] b = command(row);
            for (int j = 0; j < a.length; j++) {
                most = Math.max(most, Math.abs(a[j] - b[j]));
            }
        }
        return most;
    }

    private List<JsonNode> rows(long after, int limit) throws IOException, InterruptedException {
        List<JsonNode> rows = new ArrayList<>();
        get("/api/rows?after=" + after + "&limit=" + limit).forEach(rows::add);
        return rows;
    }

    @Test
    void anEngineerSeesTheRobotMoveDeploysAPolicyStopsAndArms() throws Exception {
        Path browserFile = chromium();
        Path jar = PolicyJar.write(folder.resolve("jar"));
        try (RuntimeProcess runtime = start();
                Playwright playwright = Playwright.create(
                        new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
                Browser browser = playwright
                        .chromium()
                        .launch(new BrowserType.LaunchOptions()
                                .setExecutablePath(browserFile)
                                .setArgs(List.of(
                                        "--no-sandbox",
                                        "--use-gl=angle",
                                        "--use-angle=swiftshader",
                                        "--enable-unsafe-swiftshader",
                                        "--disable-accelerated-2d-canvas")))) {
            Page page = browser.newPage(new Browser.NewPageOptions()
                    .setViewportSize(1440, 900)
                    .setColorScheme(
                            System.getProperty("armature.theme", "light").equals("dark")
                                    ? ColorScheme.DARK
                                    : ColorScheme.LIGHT));
            page.setDefaultTimeout(120_000);
            List<String> errors = new ArrayList<>();
            page.onPageError(errors::add);
            page.navigate(base + "/");
            page.waitForSelector("#state.RUNNING");
            page.waitForSelector("figure img[src^=blob]");
            page.waitForSelector("#joint-plot canvas");
            page.waitForSelector("#swap-rows li:has-text('cut-over')");
            page.waitForSelector("#lines li");
            picture(page);

            // It moves, here and there.
            String age = page.textContent("#age-note");
            page.waitForFunction("old => document.querySelector('#age-note').textContent !== old", age);
            byte[] before = page.locator("#joint-plot").screenshot();
            page.waitForTimeout(1500);
            assertNotEquals(
                    java.util.Arrays.hashCode(before),
                    java.util.Arrays.hashCode(page.locator("#joint-plot").screenshot()),
                    "the joints on the page stand still");

            // A jar that is none is refused with the reason, a policy takes over.
            Path broken = Files.writeString(folder.resolve("broken.jar"), "no jar");
            page.locator("#file").setInputFiles(broken);
            page.waitForSelector("#swap-rows li:has-text('refused'):has-text('broken.jar is not a whole jar')");
            page.locator("#file").setInputFiles(jar);
            page.waitForSelector("#swap-rows li:has-text('sway 1.0.0'):has-text('cut-over')");
            page.waitForSelector("#module-rows tr:has-text('sway'):has-text('in use')");

            page.fill("#instruction", "put the red cube in the blue bowl");
            page.keyboard().press("Enter");
            page.waitForCondition(() -> {
                try {
                    return get("/api/instruction")
                            .get("instruction")
                            .asText()
                            .equals("put the red cube in the blue bowl");
                } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });

            stopsWithinOneTick(page);
            page.waitForSelector("#state.ESTOP");
            page.waitForSelector("#reason:has-text('stopped from the dashboard')");

            page.click("#arm");
            page.waitForSelector("#state.RUNNING");
            long armed = get("/api/state").get("ticks").asLong();
            page.waitForTimeout(2000);
            assertTrue(moved(rows(armed, 5000)) > MOVED, "it does not move again");
            assertEquals(0, get("/api/state").get("faults").asInt());
            assertEquals(List.of(), errors);
            if (runtime != null) {
                assertEquals(0, runtime.stop().get("faults").asInt());
            }
        }
    }

    /** By the loop's own record: from the tick after the stop on, every command is the same. */
    private void stopsWithinOneTick(Page page) throws Exception {
        for (int attempt = 0; attempt < 5; attempt++) {
            page.locator("#view").focus();
            Response answer =
                    page.waitForResponse("**/api/estop", () -> page.keyboard().press("Space"));
            long tick = new ObjectMapper().readTree(answer.text()).get("tick").asLong();
            Thread.sleep(500);
            List<JsonNode> rows = rows(tick - 400, 20_000);
            List<JsonNode> earlier =
                    rows.stream().filter(r -> r.get("tick").asLong() < tick).toList();
            List<JsonNode> held =
                    rows.stream().filter(r -> r.get("tick").asLong() >= tick).toList();
            assertTrue(held.size() > 100, held.size() + " ticks recorded after the stop");
            for (JsonNode row : held) {
                assertArrayEquals(
                        command(held.getFirst()), command(row), 0.0, "tick " + row.get("tick") + ", stop at " + tick);
            }
            if (moved(earlier) > MOVED) {
                return;
            }
            // It stood still at that moment, which shows nothing: once more.
            page.click("#arm");
            page.waitForSelector("#state.RUNNING");
            page.waitForTimeout(700);
        }
        throw new AssertionError("the robot never moved when it was stopped");
    }

    private static void picture(Page page) {
        String file = System.getProperty("armature.screenshot", "");
        if (!file.isEmpty()) {
            page.waitForTimeout(12_000);
            page.screenshot(new Page.ScreenshotOptions()
                    .setPath(Path.of(System.getProperty("armature.root")).resolve(file)));
        }
    }
}
