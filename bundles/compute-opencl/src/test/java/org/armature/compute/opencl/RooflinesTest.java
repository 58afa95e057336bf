package org.armature.compute.opencl;

import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.softmax;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import org.armature.compute.CompileOptions;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.opencl.device.Compiled;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.show.Figure;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the executor shows of its programs. */
class RooflinesTest {
    @TempDir
    static Path cache;

    private OpenClExecutor executor;
    private final Map<String, Tensor> given = Comparison.drawn(graph("any"), 1);

    @BeforeEach
    void open() {
        executor = new OpenClExecutor("", "", cache);
        OnDevice.assumeDevice(executor);
    }

    @AfterEach
    void close() {
        executor.close();
        given.values().forEach(Tensor::close);
    }

    /** A product and a softmax: {@code x [64, 96], w [96, 48]}. */
    private static Graph graph(String name) {
        Graph.Builder b = Graph.builder(name);
        return b.output("y", softmax(matMul(b.input("x", Shape.of(64, 96)), b.input("w", Shape.of(96, 48))), 1))
                .build();
    }

    private OpenClProgram compiled(String name) {
        return (OpenClProgram) executor.compile(graph(name), CompileOptions.DEFAULT);
    }

    private float[] run(Program p) {
        try (Tensor y = p.run(given).get("y")) {
            return y.toFloats();
        }
    }

    @Test
    void aRunThatSomebodyLooksAtIsShownUnderTheRoof() {
        OpenClProgram p = compiled("encoder/block");
        float[] unwatched = run(p);
        assertEquals(0, executor.figures().size(), "it has not run since somebody looks");
        assertArrayEquals(unwatched, run(p));
        SequencedMap<String, Figure> figures = executor.figures();
        assertEquals(List.of("encoder block/roofline", "encoder block/kernels"), List.copyOf(figures.keySet()));
        Figure.Scatter roofline = (Figure.Scatter) figures.firstEntry().getValue();
        assertTrue(roofline.lines().getFirst().name().contains(p.device().info().id()), roofline.toString());
        assertEquals(p.compiled().launches().size(), roofline.dots().size());
        assertTrue(roofline.dots().stream().allMatch(d -> d.area() > 0 && d.x() > 0 && d.y() > 0), roofline.toString());
        Figure.Table kernels = (Figure.Table) figures.lastEntry().getValue();
        assertEquals(1 + roofline.dots().size(), kernels.rows().size());
    }

    @Test
    void aBoundRunIsTimedToo() {
        OpenClProgram p = compiled("bound");
        try (Program.Binding b = p.bind(given, Map.of())) {
            executor.figures();
            b.run();
            assertEquals(2, executor.figures().size());
        }
    }

    @Test
    void oneRunIsTimedForALookAndNoneWithout() {
        OpenClProgram p = compiled("timed");
        run(p);
        assertEquals(List.of(), p.timings());
        executor.figures();
        run(p);
        assertEquals(p.compiled().launches().size(), p.timings().size());
        run(p);
        assertEquals(List.of(), p.timings());
    }

    /** A core that does something else for a while is not the kernel's fault. */
    @Test
    void aKernelsTimeIsTheLeastOfTheLastRuns() {
        OpenClProgram p = compiled("repeated");
        List<Compiled.Timing> before = timed(p);
        for (int i = 0; i < 5; i++) {
            List<Compiled.Timing> now = timed(p);
            for (int k = 0; k < now.size(); k++) {
                assertSame(before.get(k).launch(), now.get(k).launch());
                assertTrue(now.get(k).seconds() <= before.get(k).seconds());
            }
            before = now;
        }
    }

    private List<Compiled.Timing> timed(OpenClProgram p) {
        p.timeNext();
        run(p);
        return p.timings();
    }

    /** Kernels of one size are not those of another. */
    @Test
    void runsOfOtherShapesAreTimedAnew() {
        Graph.Builder b = Graph.builder("open");
        Graph g = b.output("y", softmax(b.input("x", Shape.named("n", 8)), 1)).build();
        OpenClProgram p = (OpenClProgram) executor.compile(g, CompileOptions.DEFAULT);
        for (int n : new int[] {3, 500, 3}) {
            p.timeNext();
            try (Tensor x = Tensor.zeros(DType.FLOAT, Shape.of(n, 8))) {
                p.run(Map.of("x", x)).get("y").close();
            }
            assertEquals(
                    n,
                    p.timings().getFirst().launch().kernel().writes().getFirst().shape()[0]);
        }
    }

    @Test
    void figuresStayTheSameUntilThereIsANewRun() throws InterruptedException {
        OpenClProgram p = compiled("still");
        executor.figures();
        run(p);
        Figure first = executor.figures().firstEntry().getValue();
        Figure now = executor.figures().firstEntry().getValue();
        assertSame(first, now);
        for (int i = 0; i < 600 && now == first; i++) {
            Thread.sleep(10);
            run(p);
            now = executor.figures().firstEntry().getValue();
        }
        assertTrue(now != first, "a later run was never timed");
    }

    @Test
    void theNewestProgramsAreShownEachInAGroupOfItsOwn() {
        List<OpenClProgram> programs = IntStream.range(0, Rooflines.SHOWN + 2)
                .mapToObj(i -> compiled("policy"))
                .toList();
        executor.figures();
        programs.forEach(this::run);
        List<String> shown = groups();
        assertEquals(Rooflines.SHOWN, shown.size(), shown.toString());
        programs.getLast().close();
        assertEquals(Rooflines.SHOWN, groups().size(), "an older one takes the place of the closed one");
        programs.forEach(Program::close);
        assertEquals(List.of(), groups());
    }

    private List<String> groups() {
        return executor.figures().keySet().stream()
                .map(title -> title.substring(0, title.indexOf('/')))
                .distinct()
                .toList();
    }

    @Test
    void noClosedProgramStaysBecauseItWasLookedAt() throws InterruptedException {
        WeakReference<OpenClProgram> looked = lookedAtAndClosed();
        for (int i = 0; i < 100 && looked.get() != null; i++) {
            System.gc();
            Thread.sleep(20);
        }
        assertNull(looked.get());
    }

    private WeakReference<OpenClProgram> lookedAtAndClosed() {
        OpenClProgram p = compiled("gone");
        executor.figures();
        run(p);
        assertEquals(2, executor.figures().size());
        p.close();
        return new WeakReference<>(p);
    }

    @Test
    void aClosedExecutorAndOneWithoutADeviceShowNothing() {
        OpenClProgram p = compiled("closed");
        executor.figures();
        run(p);
        executor.close();
        assertEquals(Map.of(), executor.figures());
        try (OpenClExecutor none = new OpenClExecutor("libnothing.so", "", cache)) {
            assertEquals(Map.of(), none.figures());
        }
    }
}
