package org.armature.hypernet;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.gather;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.transpose;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.graph.Graph;
import org.armature.graph.Scope;
import org.armature.graph.Value;

/**
 * The transformer over a network's nodes: Graphormer with virtual edges (Ying et al. 2021; Knyazev et al. 2023, section 3). A
 * node starts as the sum of what it is, its shape, its degrees and its distance from the input.
 */
final class NodeTransformer {
    private static final double EPSILON = 1e-5;
    private static final int DEGREES = 101;
    private static final int DEPTHS = 1001;
    /** Rows of the distance table: distance plus two. */
    private static final int DISTANCES = 257;

    private final GhnConfig c;
    private final ShapeTables shapes;

    NodeTransformer(GhnConfig config) {
        this.c = config;
        this.shapes = new ShapeTables(config);
    }

    /**
     * Node embeddings {@code [N, hidden]}.
     *
     * @param input types and shapes only
     * @param output what decoders read
     */
    record Embedded(Value input, Value output) {}

    /**
     * Embeds a network's nodes.
     *
     * @param cutoff longest distance that makes a virtual edge
     */
    Embedded build(Scope p, NodeGraph net, int cutoff) {
        Graph.Builder b = p.builder();
        int n = net.size();
        int d = c.hidden();
        long[] types = new long[n];
        long[][] rows = new long[4][n];
        for (int i = 0; i < n; i++) {
            NodeGraph.Node node = net.nodes().get(i);
            types[i] = node.type().ordinal();
            if (types[i] >= c.types()) {
                throw new IllegalArgumentException("the network has the node " + node.name() + " of type "
                        + node.type().id() + ", which the checkpoint's " + c.types()
                        + " types lack: a vision checkpoint is used for a language model");
            }
            int[] at = shapes.rows(node.shape());
            for (int k = 0; k < 4; k++) {
                rows[k][i] = at[k];
            }
        }
        Scope se = p.at("shape_enc");
        Value channel = se.at("embed_channel").parameter("weight", shapes.channelRows(), d / 4);
        Value spatial = se.at("embed_spatial").parameter("weight", shapes.spatialRows(), d / 4);
        Value type = gather(p.at("embed").parameter("weight", c.types(), d), b.longs(types), 0);
        Value shape = concat(
                1,
                gather(channel, b.longs(rows[0]), 0),
                gather(channel, b.longs(rows[1]), 0),
                gather(spatial, b.longs(rows[2]), 0),
                gather(spatial, b.longs(rows[3]), 0));
        Value input = add(type, shape);

        int[][] distance = net.distances(cutoff);
        Value x = add(input, centrality(p.at("gnn", 0), b, distance, d));
        Value bias = edges(p.at("gnn", 0).at("attn"), b, distance, d);
        for (int i = 0; i < c.layers(); i++) {
            Scope block = p.at("gnn", i);
            x = add(x, attention(block.at("attn"), norm(block.at("ln1"), x), bias, n));
            Value hidden = gelu(full(block.at("ff.net.0"), norm(block.at("ln2"), x), 4L * d));
            x = add(x, full(block.at("ff.net.3"), hidden, d));
        }
        return new Embedded(input, c.finalNorm() ? norm(p.at("ln"), x) : x);
    }

    private static Value centrality(Scope p, Graph.Builder b, int[][] distance, int d) {
        int n = distance.length;
        long[] in = new long[n];
        long[] out = new long[n];
        long[] depth = new long[n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                if (distance[i][j] == 1) {
                    out[i] = Math.min(out[i] + 1, DEGREES - 1);
                    in[j] = Math.min(in[j] + 1, DEGREES - 1);
                }
            }
            depth[i] = Math.min(distance[0][i], DEPTHS - 1);
        }
        Value degrees = add(
                gather(p.at("centrality_embed_in").parameter("weight", DEGREES, d), b.longs(in), 0),
                gather(p.at("centrality_embed_out").parameter("weight", DEGREES, d), b.longs(out), 0));
        return add(degrees, gather(p.at("input_dist_embed").parameter("weight", DEPTHS, d), b.longs(depth), 0));
    }

    /** {@code [heads, N, N]}: a small network of both directions' distances, worked out once for each pair that occurs. */
    private Value edges(Scope p, Graph.Builder b, int[][] distance, int d) {
        int n = distance.length;
        Map<Long, Integer> pairs = new LinkedHashMap<>();
        long[] which = new long[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                long pair = (long) distance[i][j] * DISTANCES + distance[j][i];
                which[i * n + j] = pairs.computeIfAbsent(pair, k -> pairs.size());
            }
        }
        long[] forth = pairs.keySet().stream().mapToLong(k -> k / DISTANCES + 2).toArray();
        long[] back = pairs.keySet().stream().mapToLong(k -> k % DISTANCES + 2).toArray();
        Value table = p.at("edge_embed.embed").parameter("weight", DISTANCES, d);
        Value both = concat(1, gather(table, b.longs(forth), 0), gather(table, b.longs(back), 0));
        Value bias = full(p.at("proj_e.2"), relu(full(p.at("proj_e.0"), both, d)), c.heads());
        return transpose(reshape(gather(bias, b.longs(which), 0), n, n, c.heads()), 2, 0, 1);
    }

    private Value attention(Scope p, Value x, Value bias, int n) {
        int d = c.hidden();
        long head = d / c.heads();
        Value qkv = linear(x, p.at("to_qkv").parameter("weight", 3L * d, d), Value.none());
        List<Value> part = split(qkv, 1, d, d, d).stream()
                .map(v -> reshape(v, n, c.heads(), head))
                .toList();
        Value q = transpose(part.get(0), 1, 0, 2);
        Value k = transpose(part.get(1), 1, 2, 0);
        Value v = transpose(part.get(2), 1, 0, 2);
        Value scores = add(mul(matMul(q, k), 1 / Math.sqrt(head)), bias);
        Value mixed = transpose(matMul(softmax(scores, -1), v), 1, 0, 2);
        return full(p.at("to_out.0"), reshape(mixed, n, d), d);
    }

    static Value norm(Scope p, Value x) {
        long d = x.shape().dim(-1);
        return layerNormalization(x, p.parameter("weight", d), p.parameter("bias", d), -1, EPSILON);
    }

    static Value full(Scope p, Value x, long out) {
        return linear(x, p.parameter("weight", out, x.shape().dim(-1)), p.parameter("bias", out));
    }
}
