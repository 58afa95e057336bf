package org.armature.hypernet;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.armature.graph.Shape;

/**
 * A network as a graph hypernetwork sees it: a node for each parameter tensor and for a few operators without parameters, in
 * topological order, an edge where data flows.
 *
 * @param edges {@code edges[i][j]} if data flows from node i to node j
 * @param unread parameters no node stands for, which keep the values they have
 */
record NodeGraph(List<Node> nodes, boolean[][] edges, List<String> unread) {
    /** The longest distance the edge table has a row for. */
    static final int FARTHEST = 254;

    /** What a parameter is to its node, which decides how its prediction is scaled. */
    enum Role {
        MATRIX,
        BIAS,
        NORM_WEIGHT,
        NORM_BIAS,
        /** Looked up by an index. */
        EMBEDDING,
        /** Added to a sequence; {@code [1, n, d]}. */
        POSITION
    }

    /** A parameter a node writes. */
    record Target(String name, Shape shape, Role role) {}

    /**
     * A node.
     *
     * @param name its first parameter's, or a made-up one
     * @param shape what the shape encoder is told: the parameter's, a pool's {@code [1, 1, k, k]}, empty for none
     */
    record Node(Primitive type, String name, long[] shape, List<Target> targets) {
        @Override
        public boolean equals(Object o) {
            return o instanceof Node n
                    && type == n.type
                    && name.equals(n.name)
                    && Arrays.equals(shape, n.shape)
                    && targets.equals(n.targets);
        }

        @Override
        public int hashCode() {
            return name.hashCode();
        }
    }

    int size() {
        return nodes.size();
    }

    /** The classifier's weight: the last node but one, if it is a weight. */
    Optional<Node> classifierWeight() {
        return size() < 2 || !nodes.get(size() - 2).name.contains(".weight")
                ? Optional.empty()
                : Optional.of(nodes.get(size() - 2));
    }

    /** The classifier's bias: the last node, if it is one. */
    Optional<Node> classifierBias() {
        return size() < 1 || !nodes.getLast().name.contains(".bias") ? Optional.empty() : Optional.of(nodes.getLast());
    }

    /**
     * Lengths of shortest directed paths: 1 an edge, more a virtual edge, 0 none or farther than the cutoff.
     *
     * @throws IllegalArgumentException if a path is longer than the hypernetwork's table of distances
     */
    int[][] distances(int cutoff) {
        int n = size();
        List<List<Integer>> next = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            List<Integer> out = new ArrayList<>();
            for (int j = 0; j < n; j++) {
                if (edges[i][j]) {
                    out.add(j);
                }
            }
            next.add(out);
        }
        int[][] d = new int[n][n];
        for (int from = 0; from < n; from++) {
            int[] seen = new int[n];
            Arrays.fill(seen, -1);
            seen[from] = 0;
            Deque<Integer> open = new ArrayDeque<>(List.of(from));
            while (!open.isEmpty()) {
                int at = open.poll();
                if (seen[at] >= Math.max(1, cutoff)) {
                    continue;
                }
                for (int to : next.get(at)) {
                    if (seen[to] < 0) {
                        seen[to] = seen[at] + 1;
                        d[from][to] = seen[to];
                        open.add(to);
                    }
                }
            }
            for (int length : d[from]) {
                if (length > FARTHEST) {
                    throw new IllegalArgumentException("the graph has a path of " + length + " edges, and the"
                            + " hypernetwork knows distances up to " + FARTHEST + ": set ve_cutoff to that or less");
                }
            }
        }
        return d;
    }
}
