package org.armature.hypernet;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Config;
import org.armature.model.Parameters;
import org.armature.train.Draw;

/** What a hypernetwork's checkpoint holds, by the official names. */
final class Checkpoints {
    /** Tables of the first layer that GHN-3's published files have at top level. */
    private static final List<String> FIRST_LAYER =
            List.of("centrality_embed_in.weight", "centrality_embed_out.weight", "input_dist_embed.weight");

    private Checkpoints() {}

    /** A file's tensors by the names LoGAH's code has; those of GHN-3's published files are understood too. Closes the file. */
    static Parameters named(Parameters file) {
        SequencedMap<String, String> names = new LinkedHashMap<>();
        file.names().forEach(n -> names.put(FIRST_LAYER.contains(n) ? "gnn.0." + n : n, n));
        if (names.size() < file.names().size()) {
            throw new IllegalArgumentException("the checkpoint has " + FIRST_LAYER
                    + " both at top level and in gnn.0: remove those that are not meant");
        }
        return new Parameters() {
            @Override
            public Set<String> names() {
                return names.sequencedKeySet();
            }

            @Override
            public TensorType type(String name) {
                return file.type(names.getOrDefault(name, name));
            }

            @Override
            public Tensor get(String name) {
                return file.get(names.getOrDefault(name, name));
            }

            @Override
            public void close() {
                file.close();
            }
        };
    }

    /**
     * A checkpoint's sizes, from its tensors where they tell.
     *
     * @param said the official configuration, for what they do not
     * @throws IllegalArgumentException if it is no hypernetwork's
     */
    static GhnConfig sizes(Parameters p, Config said, String where) {
        Config c = said.has("config") ? said.section("config") : said;
        long[] embed = shape(p, "embed.weight", where);
        boolean language = embed[0] == Primitive.values().length;
        if (!language && embed[0] != Primitive.VISION) {
            throw new IllegalArgumentException(where + " knows " + embed[0] + " types of nodes: LoGAH and GHN-3 know "
                    + Primitive.VISION + " (vision) or " + Primitive.values().length + " (language)");
        }
        int layers = 0;
        while (p.has("gnn." + layers + ".ln1.weight")) {
            layers++;
        }
        boolean lora = p.has("decoder.l2.weight");
        long[] l2 = lora ? shape(p, "decoder.l2.weight", where) : new long[] {1, 1};
        long width = lora ? l2[0] / 16 : (long) Math.sqrt(shape(p, "decoder.conv.2.weight", where)[0]);
        long[] max = c.integers("max_shape", width, width, spatial(p, where), spatial(p, where));
        int classes = p.has("decoder.class_layer_predictor.1.weight")
                ? (int) shape(p, "decoder.class_layer_predictor.1.weight", where)[0]
                : p.has("decoder_1d.fc.0.weight") ? (int) shape(p, "bias_class.1.weight", where)[0] : 10;
        return new GhnConfig(
                max,
                c.integer("num_classes", classes),
                (int) embed[1],
                (int) shape(p, "gnn.0.attn.proj_e.2.weight", where)[0],
                layers,
                lora,
                (int) l2[1],
                (int) l2[0],
                p.has("decoder_1d.fc.0.weight"),
                c.flag("weight_norm", true),
                p.has("ln.weight"),
                language);
    }

    /** Largest kernel by the rows of the spatial table: odd numbers below max(12, it), 14 and 16, and one for none. */
    private static long spatial(Parameters p, String where) {
        long rows = shape(p, "shape_enc.embed_spatial.weight", where)[0];
        return rows <= 9 ? 11 : 16;
    }

    private static long[] shape(Parameters p, String name, String where) {
        if (!p.has(name)) {
            throw new IllegalArgumentException(
                    where + " has no tensor " + name + ": it is no checkpoint of LoGAH or GHN-3");
        }
        return p.type(name).shape().sizes();
    }

    /** Every tensor of the official {@code state_dict}, those included that are never used. */
    static SequencedMap<String, TensorType> parameters(GhnConfig c) {
        SequencedMap<String, TensorType> m = new LinkedHashMap<>();
        ShapeTables tables = new ShapeTables(c);
        long d = c.hidden();
        long r = c.rank();
        put(m, "embed.weight", c.types(), d);
        put(m, "shape_enc.embed_spatial.weight", tables.spatialRows(), d / 4);
        put(m, "shape_enc.embed_channel.weight", tables.channelRows(), d / 4);
        for (int i = 0; i < c.layers(); i++) {
            String g = "gnn." + i + ".";
            norm(m, g + "ln1", d);
            norm(m, g + "ln2", d);
            put(m, g + "attn.to_qkv.weight", 3 * d, d);
            full(m, g + "attn.to_out.0", d, d);
            full(m, g + "ff.net.0", 4 * d, d);
            full(m, g + "ff.net.3", d, 4 * d);
            if (i == 0) {
                put(m, g + "attn.edge_embed.embed.weight", 257, d);
                full(m, g + "attn.proj_e.0", d, 2 * d);
                full(m, g + "attn.proj_e.2", c.heads(), d);
                put(m, g + "centrality_embed_in.weight", 101, d);
                put(m, g + "centrality_embed_out.weight", 101, d);
                put(m, g + "input_dist_embed.weight", 1001, d);
            }
        }
        if (c.finalNorm()) {
            norm(m, "ln", d);
        }
        if (c.lowRank()) {
            full(m, "decoder.mlp.fc.0", 4 * d, d);
            full(m, "decoder.mlp.fc.2", 8 * d, 4 * d);
            full(m, "decoder.mlp.fc.4", 2 * r * r, 8 * d);
            full(m, "decoder.l1", r, r);
            full(m, "decoder.l2", c.span(), r);
            full(m, "decoder.seq.1", c.span(), r);
        } else {
            long s = c.maxShape()[2] * c.maxShape()[3];
            full(m, "decoder.fc.0", 4 * d * s, d);
            full(m, "decoder.conv.0", 8 * d, 4 * d);
            full(m, "decoder.conv.2", c.maxShape()[0] * c.maxShape()[1], 8 * d);
            full(m, "decoder.class_layer_predictor.1", c.classes(), c.maxShape()[0]);
        }
        if (c.vectors()) {
            full(m, "decoder_1d.fc.0", 2 * d, d);
            full(m, "decoder_1d.fc.2", 2L * c.vectorWidth(), 2 * d);
            full(m, "bias_class.1", c.classes(), c.vectorWidth());
        } else {
            full(m, "decoder_1d.0", 1, 1);
            full(m, "bias_class.1", 1, 1);
        }
        return m;
    }

    private static void full(Map<String, TensorType> m, String name, long out, long in) {
        put(m, name + ".weight", out, in);
        put(m, name + ".bias", out);
    }

    private static void norm(Map<String, TensorType> m, String name, long d) {
        put(m, name + ".weight", d);
        put(m, name + ".bias", d);
    }

    private static void put(Map<String, TensorType> m, String name, long... sizes) {
        m.put(name, new TensorType(DType.FLOAT, Shape.of(sizes)));
    }

    /**
     * The official initialisation: tables from a normal distribution of deviation {@code hidden^-1/2} cut at two deviations,
     * layers uniform within {@code 1 / sqrt(inputs)}; GHN-3's last decoder layers a fifth of that, their bias 0.
     */
    static void fresh(Map<String, Tensor> parameters, int hidden, boolean lowRank, long seed) {
        parameters.forEach((name, t) -> {
            Draw draw = Draw.of(seed, name);
            boolean norm = name.matches("(.*\\.)?ln[12]?\\.(weight|bias)");
            boolean last = !lowRank && (name.startsWith("decoder.conv.2") || name.startsWith("decoder_1d.fc.2"));
            if (norm) {
                fill(t, name.endsWith("weight") ? 1 : 0);
            } else if (name.contains("embed") && t.shape().rank() == 2) {
                double deviation = Math.pow(hidden, -0.5);
                for (long i = 0; i < t.size(); i++) {
                    double v;
                    do {
                        v = draw.normal();
                    } while (Math.abs(v) > 2);
                    t.set(i, v * deviation);
                }
            } else if (last && name.endsWith("bias")) {
                fill(t, 0);
            } else {
                double in = inputs(parameters, name, t);
                double bound = 1 / Math.sqrt(Math.max(1, in)) / (last ? 5 : 1);
                draw.uniform(t, -bound, bound);
            }
        });
        share(parameters, "decoder.l2.weight", "decoder.seq.1.weight");
        share(parameters, "decoder.l2.bias", "decoder.seq.1.bias");
    }

    private static double inputs(Map<String, Tensor> all, String name, Tensor t) {
        Tensor weight = all.get(name.replaceFirst("bias$", "weight"));
        Tensor w = weight != null ? weight : t;
        return w.shape().rank() > 1 ? w.shape().dim(1) : 1;
    }

    private static void fill(Tensor t, double v) {
        for (long i = 0; i < t.size(); i++) {
            t.set(i, v);
        }
    }

    /** One module under two names. */
    private static void share(Map<String, Tensor> all, String from, String to) {
        Tensor a = all.get(from);
        Tensor b = all.get(to);
        if (a != null && b != null) {
            b.copyFrom(a);
        }
    }
}
