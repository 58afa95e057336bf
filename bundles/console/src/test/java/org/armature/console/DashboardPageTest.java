package org.armature.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.ColorScheme;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.armature.robot.LoopMonitor;
import org.armature.robot.Replacement;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The page in real Chromium, against a robot that can show and lose everything; {@code PageTest} of itests uses the real
 * runtime. Screenshots are left in
 * {@code target/screenshots}.
 */
@Timeout(600)
final class DashboardPageTest {
    private static final Path SHOTS = Path.of("target/screenshots");

    @TempDir
    Path deploy;

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

    @Test
    void figuresOfEveryKindAreDrawnLiveAndALostRuntimeIsFoundAgain() throws Exception {
        Path browserFile = chromium();
        try (Serving serving = new Serving(deploy, 1 << 20, 12);
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
            FakeRobot robot = serving.robot;
            story(robot);
            Page page = browser.newPage(
                    new Browser.NewPageOptions().setViewportSize(1440, 900).setColorScheme(ColorScheme.LIGHT));
            page.setDefaultTimeout(120_000);
            List<String> problems = new ArrayList<>();
            page.onConsoleMessage(m -> {
                // A camera may have nothing to show yet when the machine is busy; the link is cut on purpose, and the
                // first POST after it comes with the token of the start before.
                if (m.type().equals("error")
                        && !m.text().contains("status of 404")
                        && !m.text().contains("status of 403")
                        && !m.text().contains("net::ERR")) {
                    problems.add(m.text());
                }
            });
            page.onPageError(problems::add);
            page.navigate(serving.url());
            page.waitForSelector("#state.RUNNING");
            page.waitForSelector("#tiles .empty");

            robot.shown.add(robot.everyKind());
            page.waitForSelector("#figure-group");
            page.selectOption("#figure-group", "fake: run 1");
            page.waitForSelector(".tile[data-kind=Curves] canvas");
            String legend = page.textContent(".tile[data-kind=Curves] .key");
            page.waitForFunction(
                    "old => document.querySelector('.tile[data-kind=Curves] .key')?.textContent !== old", legend);
            page.check("#log-y");
            page.selectOption("#figure-group", "fake");
            page.waitForSelector(".tile[data-kind=Pictures] img >> nth=1");
            page.waitForSelector(".tile[data-kind=Table] td:has-text('0.5')");
            page.waitForSelector(".tile[data-kind=PointCloud]:has-text('3 points')");
            page.waitForSelector(".tile[data-kind=HeatMap] canvas");
            page.locator(".tile[data-kind=HeatMap] canvas").hover(new Locator.HoverOptions().setPosition(30, 20));
            page.waitForSelector(".tile[data-kind=HeatMap] h3:has-text('a1, b1: 1')");
            page.locator(".tile[data-kind=Scatter] circle").first().hover();
            page.waitForSelector(".tile[data-kind=Scatter] h3:has-text('product: 3 ms')");
            assertEquals(0, page.locator(".tile[data-kind=Curves]").count(), "one group at a time");
            page.click("#enlarge");
            page.waitForTimeout(500);
            shot(page, "figures");
            robot.shown.clear();
            page.waitForSelector("#tiles .empty");
            page.click("#enlarge");

            page.fill("#module-filter", "mujoco");
            page.waitForSelector("#module-count:has-text('1 of 7')");
            page.locator("#view").focus();
            byte[] before = page.locator("#view").screenshot();
            page.keyboard().press("ArrowLeft");
            boolean turned = false;
            for (int i = 0; i < 100 && !turned; i++) {
                page.waitForTimeout(100);
                turned = !Arrays.equals(before, page.locator("#view").screenshot());
            }
            assertTrue(turned, "the arrow did not turn the scene");

            int port = serving.port();
            serving.close();
            page.waitForSelector("#state.LOST");
            shot(page, "lost");
            page.keyboard().press("Escape");
            page.waitForSelector("#toast:has-text('did not reach the runtime')");
            try (Serving again = new Serving(deploy, 1 << 20, 12, port)) {
                page.waitForSelector("#state.RUNNING");
                page.click("#estop");
                page.waitForSelector("#state.ESTOP");
                assertEquals(LoopMonitor.State.ESTOP, again.robot.state, "the page has the new start's token");
                page.click("#theme");
                page.setViewportSize(1024, 768);
                page.waitForTimeout(600);
                shot(page, "narrow");
                assertEquals(
                        page.viewportSize().width,
                        page.evaluate("document.documentElement.scrollWidth"),
                        "the page is wider than the window");
            }
            assertEquals(List.of(), problems);
        }
    }

    private static void shot(Page page, String name) {
        page.screenshot(new Page.ScreenshotOptions().setPath(SHOTS.resolve(name + ".png")));
    }

    private static void story(FakeRobot robot) {
        robot.log("INFO", "Launcher", "Started 34 bundles");
        robot.log("INFO", "SimulatedDriver", "World mujoco 4.0.0, scene of seed 7");
        robot.log("INFO", "Loop", "1 kHz, own clock; SCHED_FIFO refused: run as root or set rtprio");
        robot.log("INFO", "Exchange", "Policy baseline 0.1.0 drives the robot");
        robot.log("WARN", "Exchange", "Policy grasp 1.2.0 was refused: chunk 3 has NaN at joint j4");
        Replacement replacement = robot.replacement().orElseThrow();
        long now = System.currentTimeMillis();
        replacement.record(new Replacement.Swap(
                now - 900_000, "baseline", "policy", "0.1.0", 41, Replacement.Outcome.CUT_OVER, "first policy"));
        replacement.record(new Replacement.Swap(
                now - 400_000,
                "grasp",
                "policy",
                "1.2.0",
                212,
                Replacement.Outcome.REFUSED,
                "its chunk for observation 3 of 8 has NaN at joint j4: check the model's normalisation"));
        replacement.record(new Replacement.Swap(
                now - 200_000,
                "segment",
                "perception",
                "0.1.1",
                88,
                Replacement.Outcome.CUT_OVER,
                "within limits, 4 ms an answer"));
        replacement.record(new Replacement.Swap(
                now - 60_000,
                "notes.jar",
                "",
                "",
                3,
                Replacement.Outcome.REFUSED,
                "not a jar: the file has no zip directory"));
    }
}
