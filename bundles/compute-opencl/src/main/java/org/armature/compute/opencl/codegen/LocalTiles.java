package org.armature.compute.opencl.codegen;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.schedule.Kernel;

/**
 * A product on a GPU: a {@link WorkGroup} has a {@link GroupTile tile}, of which each of its items has four or eight rows and
 * columns. What follows the sums is done a line after the other, by neighbours.
 */
final class LocalTiles {
    private static final int FOUR = WorkGroup.FOUR;

    private final Code code;
    private final Expressions top;
    private final String ix;
    private final Kernel.Tiles kernel;
    private final Array.Contraction c;
    private final GroupTile tile;
    private final WorkGroup work;
    private final WorkGroup.Operand left;
    private final WorkGroup.Operand right;
    private final WorkGroup.Sums sums;

    LocalTiles(Code code, Expressions top, String ix, Target target, Kernel.Tiles kernel) {
        this.code = code;
        this.top = top;
        this.ix = ix;
        this.kernel = kernel;
        c = kernel.rule();
        tile = GroupTile.of(c, target);
        work = new WorkGroup(code, top, ix, tile.down(), tile.across(), tile.steps());
        left = work.new Operand("left", "lefts", c.left(), c.row(), c.inner(), "fromRow", tile.rows());
        right = work.new Operand("right", "rights", c.right(), c.column(), c.inner(), "fromColumn", tile.columns());
        sums = new WorkGroup.Sums("sums", tile.rows() / tile.down(), tile.columns() / tile.across() / FOUR);
    }

    /** Work-items of a work-group. */
    int group() {
        return tile.items();
    }

    /** Writes the body; the items. */
    long[] write() {
        long down = Math.ceilDiv(c.row().size(), tile.rows());
        long across = Math.ceilDiv(c.column().size(), tile.columns());
        code.line("__local float4 lefts[%d];", left.vectors());
        code.line("__local float4 rights[%d];", right.vectors());
        work.place();
        Var group = new Var("group", tile.groups(c));
        Index of = Index.of(group);
        code.line("const %s group = get_group_id(0);", ix);
        top.bind(group, "group");
        code.line("const %s fromColumn = %s;", ix, top.index(of.mod(across).times(tile.columns())));
        code.line(
                "const %s fromRow = %s;", ix, top.index(of.div(across).mod(down).times(tile.rows())));
        code.line("const %s b = %s;", ix, top.index(of.div(across * down)));
        top.bind(c.batch(), "b");
        work.clear(sums);
        long rounds = Math.ceilDiv(c.inner().size(), tile.steps());
        work.rounds(
                "",
                Long.toString(rounds),
                List.of(left, right),
                () -> work.multiply(sums, left.shared(), left.line(), right.shared(), right.line()));
        results();
        return new long[] {tile.groups(c) * tile.items()};
    }

    /** One row of each item after the other, through shared memory: so what follows is written once, and goes along memory. */
    private void results() {
        code.open("for (int i = 0; i < %d; ++i)", sums.rows());
        code.open("switch (i)");
        for (int i = 0; i < sums.rows(); i++) {
            int row = i;
            code.line(
                    "case %d: %s break;",
                    row,
                    IntStream.range(0, sums.vectors())
                            .mapToObj(p -> "rights[y * %d + %d + x] = %s;"
                                    .formatted(right.line() / FOUR, p * tile.across(), sums.at(row, p)))
                            .collect(Collectors.joining(" ")));
        }
        code.close();
        work.barrier();
        code.open("for (int e = item; e < %d; e += %d)", tile.down() * tile.columns(), tile.items());
        code.line("const int line = e / %d, at = e %% %1$d;", tile.columns());
        code.line("const %s row = fromRow + i / %d * %d + line * %2$d + i %% %2$d;", ix, FOUR, FOUR * tile.down());
        code.line("const %s column = fromColumn + at;", ix);
        Expressions e = top.inner();
        e.bind(c.row(), "row");
        e.bind(c.column(), "column");
        e.register(kernel.product(), "((__local const float*)rights)[line * %d + at]".formatted(right.line()));
        work.when(WorkGroup.all(
                WorkGroup.inside("row", tile.rows(), c.row().size()),
                WorkGroup.inside("column", tile.columns(), c.column().size())));
        for (Kernel.Store s : kernel.stores()) {
            e.store(s.array(), s.position(), e.value(s.body()));
        }
        code.close().close();
        work.barrier();
        code.close();
    }
}
