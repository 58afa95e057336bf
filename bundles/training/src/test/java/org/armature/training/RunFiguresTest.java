package org.armature.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.armature.show.Figure;
import org.armature.train.Progress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFiguresTest {
    @TempDir
    Path dir;

    private static Path run(Path folder, String csv) throws IOException {
        Files.createDirectories(folder);
        Files.writeString(folder.resolve("curve.csv"), csv);
        return folder;
    }

    @Test
    void aRunIsAGroupAndItsTestsLieBesideItsTraining() throws IOException {
        Path run = run(
                dir.resolve("runs/mnist"),
                "step,name,value\n1,loss,2.5\n1,rate,0.1\n2,loss,1.5\n2,test.loss,1.75\n2,rate,0.1\n3,loss,1.2");
        RunFigures figures = new RunFigures(List.of(dir.resolve("runs"), dir.resolve("none")));
        var shown = figures.figures();
        assertEquals(List.of("mnist/loss", "mnist/rate"), List.copyOf(shown.keySet()));
        Figure.Curves loss = assertInstanceOf(Figure.Curves.class, shown.get("mnist/loss"));
        assertEquals("test.loss", loss.series().get(1).name());
        assertArrayEquals(new double[] {1, 2}, loss.series().get(0).x(), "a line half written is none");
        assertArrayEquals(new double[] {2.5, 1.5}, loss.series().get(0).y());
        assertSame(loss, figures.figures().get("mnist/loss"), "nothing new is the same figure");
        run(run, "step,name,value\n1,loss,2.5\n2,loss,1.5\n3,loss,1.25\n");
        assertNotSame(loss, figures.figures().get("mnist/loss"));
    }

    @Test
    void aMatrixBesideTheCurvesIsAHeatMapOfTheSameGroup() throws IOException {
        Path run = run(dir.resolve("runs/reproduce/guidance/seed-1/arm"), "step,name,value\n1,loss,2.5\n");
        Files.writeString(run.resolve("cka.matrix.csv"), "linear CKA,a,b\n0,0.25,1.0\n2,NaN,0.5\n4,0.0,0.125\n");
        RunFigures figures = new RunFigures(List.of(dir.resolve("runs")));
        var shown = figures.figures();
        String group = "reproduce guidance seed-1 arm";
        assertEquals(List.of(group + "/loss", group + "/cka"), List.copyOf(shown.keySet()));
        Figure.HeatMap map = assertInstanceOf(Figure.HeatMap.class, shown.get(group + "/cka"));
        assertEquals("linear CKA", map.label());
        assertEquals(List.of("0", "2", "4"), map.rows());
        assertEquals(List.of("a", "b"), map.columns());
        assertArrayEquals(new double[] {0.25, 1, Double.NaN, 0.5, 0, 0.125}, map.values());
        Files.writeString(run.resolve("curve.csv"), "step,name,value\n1,loss,2.5\n2,loss,2.25\n");
        assertSame(map, figures.figures().get(group + "/cka"), "only the curves have changed");
        Files.writeString(run.resolve("cka.matrix.csv"), "linear CKA,a,b\n0,0.25\n");
        assertInstanceOf(Figure.Table.class, figures.figures().get(group + "/unreadable cka.matrix.csv"));
    }

    @Test
    void aRunOfThisProcessIsShownWhereverItIs() throws IOException {
        Path run = run(dir.resolve("elsewhere"), "step,name,value\n1,loss,2\n");
        RunFigures figures = new RunFigures(List.of());
        assertEquals(Map.of(), figures.figures());
        figures.progress(new Progress(run, 1, 2, 0, Map.of("loss", 2.0), Duration.ZERO, Duration.ZERO));
        assertEquals(List.of("elsewhere/loss"), List.copyOf(figures.figures().keySet()));
    }

    @Test
    void whatIsAddedIsOnDiskBeforeTheNextCheckpoint() throws Exception {
        Curves curves = new Curves(dir, 0);
        curves.add(1, Map.of("loss", 3.0));
        assertEquals("step,name,value\n1,loss,3.0\n", Files.readString(dir.resolve("curve.csv")));
        Thread.sleep(2100);
        curves.add(2, Map.of("loss", 2.0));
        assertEquals("step,name,value\n1,loss,3.0\n2,loss,2.0\n", Files.readString(dir.resolve("curve.csv")));
        Curves resumed = new Curves(dir, 1);
        resumed.add(2, Map.of("loss", 2.0));
        assertEquals("step,name,value\n1,loss,3.0\n2,loss,2.0\n", Files.readString(dir.resolve("curve.csv")));
    }
}
