package org.armature.commands.graph;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Value;
import org.jspecify.annotations.Nullable;

/** A graph as SVG: a row per depth, a box per input and node, weights and constants named inside the box that uses them. */
final class Drawing {
    private static final int WIDTH = 190;
    private static final int HEIGHT = 46;
    private static final int GAP = 34;

    private record Box(String title, String detail, String tip, String colour, int row, int column) {
        int x() {
            return 10 + column * (WIDTH + 16);
        }

        int y() {
            return 10 + row * (HEIGHT + GAP);
        }
    }

    private final List<Box> boxes = new ArrayList<>();
    private final List<Integer> rows = new ArrayList<>();
    private final Map<Value, Box> makers = new IdentityHashMap<>();
    private final StringBuilder edges = new StringBuilder();

    private Drawing() {}

    static String svg(Graph graph) {
        return new Drawing().draw(graph);
    }

    private String draw(Graph graph) {
        for (Value v : graph.inputs()) {
            makers.put(v, box(v.name(), v.type().toString(), v.toString(), "#cfe8cf", 0));
        }
        for (Node n : graph.nodes()) {
            int row = 1;
            List<String> own = new ArrayList<>();
            for (Value v : n.inputs()) {
                Box from = makers.get(v);
                if (from != null) {
                    row = Math.max(row, from.row() + 1);
                } else if (graph.parameters().contains(v)) {
                    own.add(v.name());
                }
            }
            String detail = n.output().type() + (own.isEmpty() ? "" : " " + String.join(", ", own));
            Box b = box(n.op().toString(), detail, n.name() + "\n" + n, "#dde6f5", row);
            n.inputs().stream().distinct().forEach(v -> edge(makers.get(v), b));
            n.outputs().forEach(v -> makers.put(v, b));
        }
        graph.outputs().forEach((k, v) -> {
            Box from = makers.get(v);
            edge(from, box(k, v.type().toString(), v.toString(), "#f5dcc9", from == null ? 1 : from.row() + 1));
        });
        int width = 20 + rows.stream().mapToInt(Integer::intValue).max().orElse(1) * (WIDTH + 16);
        int height = 20 + rows.size() * (HEIGHT + GAP);
        StringBuilder s = new StringBuilder();
        s.append(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\">%n",
                width,
                height));
        s.append("<title>").append(escape(graph.name())).append("</title>\n").append(edges);
        for (Box b : boxes) {
            s.append(String.format(
                    Locale.ROOT,
                    "<g><title>%s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" fill=\"%s\""
                            + " stroke=\"#667\"/><text x=\"%d\" y=\"%d\" font-size=\"13\">%s</text>"
                            + "<text x=\"%d\" y=\"%d\" font-size=\"10\" fill=\"#445\">%s</text></g>%n",
                    escape(b.tip()),
                    b.x(),
                    b.y(),
                    WIDTH,
                    HEIGHT,
                    b.colour(),
                    b.x() + 8,
                    b.y() + 19,
                    escape(shortened(b.title(), 25)),
                    b.x() + 8,
                    b.y() + 36,
                    escape(shortened(b.detail(), 36))));
        }
        return s.append("</svg>\n").toString();
    }

    private Box box(String title, String detail, String tip, String colour, int row) {
        while (rows.size() <= row) {
            rows.add(0);
        }
        Box b = new Box(title, detail, tip, colour, row, rows.get(row));
        rows.set(row, b.column() + 1);
        boxes.add(b);
        return b;
    }

    private void edge(@Nullable Box from, Box to) {
        if (from != null) {
            edges.append(String.format(
                    Locale.ROOT,
                    "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#99a\"/>%n",
                    from.x() + WIDTH / 2,
                    from.y() + HEIGHT,
                    to.x() + WIDTH / 2,
                    to.y()));
        }
    }

    private static String shortened(String s, int length) {
        return s.length() <= length ? s : s.substring(0, length - 1) + "\u2026";
    }

    private static String escape(String s) {
        return s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}
