package org.armature.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.ColorScheme;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.armature.robot.LoopMonitor;
import org.armature.robot.Replacement;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The page in real Chromium. Screenshots are left in {@code target/screenshots}. */
@Timeout(240)
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
    void anEngineerSeesTheRobotMoveDeploysStopsAndArms() throws Exception {
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
                                        "--enable-unsafe-swiftshader")))) {
            FakeRobot robot = serving.robot;
            story(robot);
            Page page = browser.newPage(
                    new Browser.NewPageOptions().setViewportSize(1600, 940).setColorScheme(ColorScheme.LIGHT));
            List<String> problems = new ArrayList<>();
            page.onConsoleMessage(m -> {
                // A camera may have nothing to show yet when the machine is busy.
                if (m.type().equals("error") && !m.text().contains("status of 404")) {
                    problems.add(m.text());
                }
            });
            page.onPageError(problems::add);
            page.navigate(serving.url());

            page.waitForSelector("#state.RUNNING");
            page.waitForSelector("figure img[src^=blob]");
            page.waitForSelector("#joint-plot canvas");
            page.waitForTimeout(1500);
            byte[] before = page.locator("#view").screenshot();
            page.waitForTimeout(800);
            byte[] after = page.locator("#view").screenshot();
            assertFalse(java.util.Arrays.equals(before, after), "the robot in the scene stands still");
            shot(page, "light");

            page.locator("#file").setInputFiles(jar());
            page.waitForSelector("#toast:has-text('my-policy-1.0.jar')");
            assertTrue(Files.exists(deploy.resolve("my-policy-1.0.jar")));

            page.fill("#instruction", "put the ball in the bowl");
            page.keyboard().press("Space");
            assertEquals(LoopMonitor.State.RUNNING, robot.state, "a space in the instruction is no stop");
            page.keyboard().press("Enter");
            page.waitForCondition(() -> robot.instruction.equals("put the ball in the bowl"));

            page.keyboard().press("Space");
            page.waitForSelector("#state.ESTOP");
            assertEquals(LoopMonitor.State.ESTOP, robot.state);
            page.click("#arm");
            page.waitForSelector("#state.RUNNING");
            page.click("#estop");
            page.waitForSelector("#state.ESTOP");
            page.click("#theme");
            page.waitForTimeout(700);
            shot(page, "dark");
            page.click("#arm");
            page.waitForSelector("#state.RUNNING");
            page.setViewportSize(1000, 900);
            page.waitForTimeout(600);
            shot(page, "narrow");
            assertEquals(List.of(), problems);
        }
    }

    private static Path jar() throws Exception {
        Path jar = Files.createTempDirectory("upload").resolve("my-policy-1.0.jar");
        Files.write(jar, new byte[] {'P', 'K', 5, 6, 0, 0});
        return jar;
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
