package org.armature.perceptualinit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import javax.imageio.ImageIO;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PerceptualInitTest {
    private static final ReferenceExecutor EXECUTOR = new ReferenceExecutor();

    @TempDir
    Path dir;

    /** With hand-made embeddings: the nearer candidate, ties to the left, half a vote is left's, the hinge by hand. */
    @Test
    void tripletsAreJudgedByCosine() {
        Graph.Builder b = Graph.builder("judge");
        Value r = b.input("r", Shape.of(4, 2));
        Value l = b.input("l", Shape.of(4, 2));
        Value g = b.input("g", Shape.of(4, 2));
        Value v = b.input("v", Shape.of(4));
        // Norms by the reference executor's own operators.
        Contrast.Judgement j = Contrast.judge(r, l, g, v, 0.2);
        b.output("decision", j.decision()).output("loss", j.loss()).output("accuracy", j.accuracy());
        try (Program p = EXECUTOR.compile(b.build())) {
            Map<String, Tensor> out = p.run(Map.of(
                    "r", Tensor.of(new float[] {1, 0, 1, 0, 1, 0, 1, 0}, 4, 2),
                    "l", Tensor.of(new float[] {1, 0, 0, 1, 1, 1, 1, 0}, 4, 2),
                    "g", Tensor.of(new float[] {0, 1, 1, 0, 1, 1, 0, 2}, 4, 2),
                    "v", Tensor.of(new float[] {0, 1, 0.5f, 1}, 4)));
            assertArrayEquals(new long[] {0, 1, 0, 0}, out.get("decision").toLongs());
            // hinge: 0 (far enough), 0, 0.2 (tie), 1.2 (wrong); 0.5 counts as left for the hinge, as right for accuracy
            assertEquals((0 + 0 + 0.2 + 1.2) / 4, out.get("loss").get(0), 1e-6);
            assertEquals(0.5, out.get("accuracy").get(0), 1e-6);
        }
    }

    @Test
    void sizesThatDoNotFitAreNamed() {
        assertTrue(
                refused(Map.of("vision", Map.of("width", 30, "head_width", 16))).contains("vision.width"));
        assertTrue(refused(Map.of("vision", Map.of("image_size", 30, "patch_size", 16)))
                .contains("vision.image_size"));
        assertTrue(refused(Map.of("text", Map.of("width", 30, "heads", 4))).contains("text.width"));
    }

    private static String refused(Map<String, ?> config) {
        return assertThrows(IllegalArgumentException.class, () -> ClipConfig.of(Config.of(config)))
                .getMessage();
    }

    /** The tower trained on triplets has the names of the tower in CLIP, so that its file fits. */
    @Test
    void theFirstStagesParametersAreTheSecondOnes() {
        Map<String, Object> sizes = Map.of(
                "embed_dim", 8,
                "vision", Map.of("layers", 1, "width", 16, "head_width", 8, "patch_size", 4, "image_size", 8),
                "text", Map.of("layers", 1, "width", 8, "heads", 2, "context_length", 5, "vocab_size", 9));
        Model visual = Triplets.three(new Towers.Visual().create(Config.of(sizes)));
        Graph first = visual.graph("first");
        Graph second = new Towers.Both().create(Config.of(sizes)).graph("second");
        first.parameters().forEach(p -> {
            assertTrue(p.name().startsWith("visual."), p.name());
            assertEquals(p.type(), second.source(p.name()).orElseThrow().type());
        });
        assertEquals(3, first.inputs().size());
    }

    @Property(tries = 20)
    void resizingKeepsAConstantAndSumsToOne(
            @ForAll @IntRange(min = 1, max = 40) int from, @ForAll @IntRange(min = 1, max = 40) int to) {
        float[] m = Nights.weights(from, to);
        for (int i = 0; i < to; i++) {
            float sum = 0;
            for (int j = 0; j < from; j++) {
                sum += m[i * from + j];
            }
            assertEquals(1, sum, 1e-5);
        }
    }

    @Test
    void nightsIsReadByPositionAndRefusedByName() throws IOException {
        IOException none = assertThrows(IOException.class, () -> open("train"));
        assertTrue(none.getMessage().contains("data.csv is not there"), none.getMessage());
        Files.writeString(dir.resolve("data.csv"), "a,b,c\n1,2,3\n");
        assertTrue(assertThrows(IOException.class, () -> open("train"))
                .getMessage()
                .contains("[a, b, c]"));
        String head = "id,left_vote,right_vote,prompt,ref_path,left_path,right_path,votes,split,is_imagenet\n";
        Files.writeString(
                dir.resolve("data.csv"),
                head + "0,0,1,x,r.png,l.png,g.png,8,train,True\n1,0,1,x,r.png,l.png,g.png,3,train,True\n"
                        + "2,1,0,x,r.png,l.png,gone.png,9,val,True\n");
        for (String name : new String[] {"r.png", "l.png", "g.png"}) {
            BufferedImage image = new BufferedImage(5, 4, BufferedImage.TYPE_INT_RGB);
            image.setRGB(0, 0, 0xff0000);
            ImageIO.write(image, "png", dir.resolve(name).toFile());
        }
        try (Dataset d = open("train")) {
            assertEquals(1, d.size());
            assertEquals(1, d.batch(0).get(Triplets.VOTE).get(0));
            assertEquals(Shape.of(1, 3, 8, 8), d.batch(0).get(Triplets.LEFT).shape());
        }
        try (Dataset d = open("val")) {
            RuntimeException e = assertThrows(RuntimeException.class, () -> d.batch(0));
            assertTrue(e.getMessage().contains("gone.png of line 4"), e.getMessage());
        }
        Files.writeString(dir.resolve("data.csv"), head + "0,0,1.5,x,r.png,l.png,g.png,8,train,True\n");
        assertTrue(assertThrows(IOException.class, () -> open("train"))
                .getMessage()
                .contains("vote 1.5"));
    }

    /** Images of two kinds, bright in one corner or in the other, each a little different. */
    private static final class Corners implements DatasetProvider {
        private static final int COUNT = 60;

        @Override
        public String id() {
            return "fashion-mnist";
        }

        @Override
        public Dataset open(String split, Config config) {
            return new Dataset() {
                @Override
                public long size() {
                    return COUNT;
                }

                @Override
                public SequencedMap<String, TensorType> example() {
                    SequencedMap<String, TensorType> m = new LinkedHashMap<>();
                    m.put("x", new TensorType(DType.FLOAT, Shape.of(1, 28, 28)));
                    m.put("label", new TensorType(DType.INT64, Shape.SCALAR));
                    return m;
                }

                @Override
                public void read(long[] indices, Map<String, Tensor> into) {
                    for (int i = 0; i < indices.length; i++) {
                        for (int p = 0; p < 784; p++) {
                            boolean first = p / 28 < 14 && p % 28 < 14;
                            boolean last = p / 28 >= 14 && p % 28 >= 14;
                            boolean bright = indices[i] % 2 == 0 ? first : last;
                            into.get("x").set(i * 784L + p, bright ? 1 + 0.001 * indices[i] : 0);
                        }
                        into.get("label").setLong(i, indices[i]);
                    }
                }
            };
        }
    }

    private static Dataset triplets(double flip) throws IOException {
        Map<String, ?> c = Map.of("count", 400, "from", 20, "flip", flip, "seed", 4);
        return new Triplets.Synthetic(new Corners()).open("train", Config.of(c));
    }

    private static float[] votes(Dataset d) {
        return d.batch(LongStream.range(0, d.size()).toArray())
                .get(Triplets.VOTE)
                .toFloats();
    }

    /** The surrogate judge finds nearer what is bright in the same place; only images from {@code from} on are shown. */
    @Test
    void syntheticTripletsAreJudgedByWhereBrightnessLies() throws IOException {
        int clear = 0;
        try (Dataset d = triplets(0)) {
            for (long i = 0; i < d.size(); i++) {
                Map<String, Tensor> t = d.batch(i);
                boolean[] first = new boolean[3];
                String[] names = {Triplets.REFERENCE, Triplets.LEFT, Triplets.RIGHT};
                for (int k = 0; k < 3; k++) {
                    double corner = t.get(names[k]).get(0);
                    double other = t.get(names[k]).get(783);
                    first[k] = corner > 0;
                    assertTrue(Math.max(corner, other) >= 1 + 0.001 * 20 - 1e-6, "an image before the 20th");
                }
                if (first[1] != first[2]) {
                    clear++;
                    assertEquals(
                            first[0] == first[2] ? 1 : 0, t.get(Triplets.VOTE).get(0), "triplet " + i);
                }
                t.values().forEach(Tensor::close);
            }
        }
        assertTrue(clear > 100, clear + " triplets with one of each kind");
    }

    /** Votes are turned round by chance, at a half for all they are worth; the same seed gives the same. */
    @Test
    void aShareOfSyntheticVotesIsTurnedRound() throws IOException {
        try (Dataset sure = triplets(0);
                Dataset some = triplets(0.05);
                Dataset half = triplets(0.5)) {
            float[] right = votes(sure);
            assertArrayEquals(right, votes(sure));
            assertEquals(20, differing(right, votes(some)), 15);
            assertEquals(200, differing(right, votes(half)), 50);
        }
        assertThrows(IllegalArgumentException.class, () -> triplets(0.6));
    }

    private static int differing(float[] a, float[] b) {
        return (int) IntStream.range(0, a.length).filter(i -> a[i] != b[i]).count();
    }

    private Dataset open(String split) throws IOException {
        return new Nights().open(split, Config.of(Map.of("folder", dir.toString(), "image_size", 8)));
    }
}
