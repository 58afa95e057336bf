package org.armature.tokenizer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.equal;
import static org.armature.graph.Ops.gather;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.identity;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reduceMax;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.stopGradient;
import static org.armature.graph.Ops.transpose;
import static org.armature.tokenizer.VisionTransformer.project;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.LongStream;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.TrainableModel;

/**
 * The student and its moving-average teacher of DINO and iBOT, in the names of the training class: {@code trunk},
 * {@code dino_head}, {@code teacher_trunk}, {@code teacher_dino_head}.
 */
final class SelfSupervision {
    static final String TEACHER_CLS = "teacher_cls_tokens_after_head";
    private static final String TEACHER_PATCHES = "masked_teacher_patch_tokens_after_head";
    private static final String GLOBAL_CLS = "student_global_cls_tokens";
    private static final String GLOBAL_CLS_HEAD = "student_global_cls_tokens_after_head";
    private static final String GLOBAL_PATCHES = "student_global_masked_patch_tokens_after_head";
    private static final String LOCAL_CLS = "student_local_cls_tokens_after_head";
    private static final String MASKS = "masks";
    /** Begins the names of the teacher's parameters; the rest is the student's name. */
    static final String PREFIX = "teacher_";

    private static final List<String> TEACHER = List.of("teacher_trunk.", "teacher_dino_head.");

    private final Vtp vtp;
    private final Head head;
    private final int globalCrops;

    /** @param h the section {@code dino_head} */
    SelfSupervision(Vtp vtp, int globalCrops, Config h) {
        this.vtp = vtp;
        this.globalCrops = globalCrops;
        this.head = new Head(
                h.integer("out_dim", 65536),
                h.integer("nlayers", 3),
                h.integer("hidden_dim", 2048),
                h.integer("bottleneck_dim", 256));
    }

    /** Linear layers with GELU between them, to unit length, then a weight-normalised linear layer onto the prototypes. */
    private record Head(int prototypes, int layers, int hidden, int bottleneck) {
        Value build(Scope p, Value x) {
            Value y = x;
            for (int i = 0; i < layers; i++) {
                Scope layer = layers == 1 ? p.at("mlp") : p.at("mlp", 2 * i);
                y = project(layer, i == 0 ? y : gelu(y), i == layers - 1 ? bottleneck : hidden);
            }
            Scope last = p.at("last_layer");
            Value v = last.parameter("weight_v", prototypes, bottleneck);
            Value weight = mul(last.parameter("weight_g", prototypes, 1), div(v, reduceL2(v, true, 1)));
            return linear(Vtp.normalize(y), weight, Value.none());
        }
    }

    /**
     * One forward pass.
     *
     * @param global crops {@code [G B, 3, H, W]}, crop by crop
     * @param local crops {@code [L B, 3, h, w]}
     * @param masks BOOL {@code [G B, P]}
     * @param masked INT64 {@code [M]}, flat indices of the masked patches among {@code [G B P]}
     */
    SequencedMap<String, Value> build(Scope p, Value global, Value local, Value masks, Value masked) {
        Vtp.Tokens teacher = vtp.tokens(p.at("teacher_trunk"), global, Value.none());
        Vtp.Tokens student = vtp.tokens(p.at("trunk"), global, masks);
        Scope teacherHead = p.at("teacher_dino_head");
        Scope studentHead = p.at("dino_head");
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        out.put(TEACHER_CLS, stopGradient(head.build(teacherHead, swapped(teacher.cls()))));
        out.put(TEACHER_PATCHES, stopGradient(head.build(teacherHead, rows(teacher.patches(), masked))));
        out.put(GLOBAL_CLS, student.cls());
        out.put(GLOBAL_CLS_HEAD, head.build(studentHead, student.cls()));
        out.put(GLOBAL_PATCHES, head.build(studentHead, rows(student.patches(), masked)));
        out.put(
                LOCAL_CLS,
                head.build(
                        studentHead,
                        vtp.tokens(p.at("trunk"), local, Value.none()).cls()));
        return out;
    }

    /** The teacher's learned parameters; a case's weights hold them as they are after the update (decision record 0004). */
    static List<Value> teacher(List<Value> parameters) {
        return parameters.stream()
                .filter(t -> TEACHER.stream().anyMatch(t.name()::startsWith))
                .filter(t -> !t.name().endsWith("periods"))
                .toList();
    }

    /**
     * {@link #build} as a part of a training step, and the teacher after it: {@code momentum} times itself plus the rest of the
     * student as it is before this step's update, which lags one step behind DINOv2's.
     *
     * @param p the root, for the teacher's parameters are known by their full names
     * @param global crops {@code [B, G, 3, H, W]}
     * @param local crops {@code [B, L, 3, h, w]}
     * @param masked INT64 {@code [B, G, m]}, patches masked in each global crop, in ascending order
     */
    SequencedMap<String, Value> buildForTraining(Scope p, Value global, Value local, Value masked, double momentum) {
        Value crops = cropByCrop(global);
        long images = crops.shape().dim(0);
        long patches = (long) vtp.rows(crops) * vtp.columns(crops);
        long m = masked.shape().dim(2);
        Value perImage = reshape(transpose(masked, 1, 0, 2), images, m);
        Value hit = equal(reshape(perImage, images, m, 1), range(p, patches, 1, Shape.of(1, 1, patches)));
        Value masks = reduceMax(cast(hit, DType.FLOAT), false, 1);
        Value flat = reshape(add(perImage, range(p, images, patches, Shape.of(images, 1))), images * m);
        SequencedMap<String, Value> out = build(p, crops, cropByCrop(local), cast(masks, DType.BOOL), flat);
        out.put(MASKS, cast(masks, DType.INT64));
        List<Value> parameters = List.copyOf(p.builder().parameters());
        for (Value t : teacher(parameters)) {
            Value student = p.builder().parameter(t.name().substring(PREFIX.length()), t.dtype(), t.shape());
            p.builder().output(TrainableModel.UPDATE + t.name(), add(mul(t, momentum), mul(student, 1 - momentum)));
        }
        parameters.stream()
                .filter(t -> t.name().startsWith(PREFIX) && t.name().endsWith("periods"))
                .forEach(t -> p.builder().output(TrainableModel.UPDATE + t.name(), identity(t)));
        return out;
    }

    /**
     * DINO, the mean over all pairs of a student's and another teacher's crop; iBOT over the masked patches; KoLeo, summed over
     * the global crops. The teacher's targets are balanced by Sinkhorn-Knopp. Config: {@code student_temperature} (0.1),
     * {@code teacher_temperature} (0.07, without DINOv2's warm-up from 0.04).
     *
     * @param outputs of {@link #buildForTraining}
     * @param batch number of images the crops are from
     */
    static SequencedMap<String, Value> loss(Map<String, Value> outputs, long batch, Config c) {
        double student = c.number("student_temperature", 0.1);
        double teacher = c.number("teacher_temperature", 0.07);
        int views = count(outputs.get(GLOBAL_CLS), batch);
        List<Value> targets = crops(Losses.sinkhorn(outputs.get(TEACHER_CLS), teacher), views);
        List<Value> global = crops(outputs.get(GLOBAL_CLS_HEAD), views);
        List<Value> tokens = crops(outputs.get(GLOBAL_CLS), views);
        List<Value> local = crops(outputs.get(LOCAL_CLS), count(outputs.get(LOCAL_CLS), batch));
        Value pairs = Losses.dino(local, targets, student);
        Value spread = Value.none();
        for (int i = 0; i < global.size(); i++) {
            pairs = add(pairs, Losses.dino(List.of(global.get(i)), List.of(targets.get(i)), student));
            Value k = Losses.koleo(tokens.get(i));
            spread = spread.isPresent() ? add(spread, k) : k;
        }
        SequencedMap<String, Value> terms = new LinkedHashMap<>();
        terms.put("dino", div(pairs, (double) global.size() * local.size() + global.size()));
        terms.put(
                "ibot",
                Losses.ibot(
                        outputs.get(GLOBAL_PATCHES),
                        Losses.sinkhorn(outputs.get(TEACHER_PATCHES), teacher),
                        outputs.get(MASKS),
                        student));
        terms.put("koleo", spread);
        return terms;
    }

    private static int count(Value crops, long batch) {
        return Math.toIntExact(crops.shape().dim(0) / batch);
    }

    /** The {@code n} parts of {@code [n B, ...]}, crop by crop. */
    static List<Value> crops(Value x, int n) {
        long[] sizes = new long[n];
        Arrays.fill(sizes, x.shape().dim(0) / n);
        return split(x, 0, sizes);
    }

    /** {@code [B, N, 3, H, W] -> [N B, 3, H, W]}. */
    private static Value cropByCrop(Value x) {
        Shape s = x.shape();
        return reshape(transpose(x, 1, 0, 2, 3, 4), s.dim(0) * s.dim(1), s.dim(2), s.dim(3), s.dim(4));
    }

    /** 0, step, 2 step, ... */
    private static Value range(Scope p, long n, long step, Shape shape) {
        return p.builder()
                .constant(Constant.longs(
                        shape, LongStream.range(0, n).map(i -> i * step).toArray()));
    }

    /** Crops in reverse order, so that a student's crop meets the teacher's view of another. */
    private Value swapped(Value cls) {
        return concat(0, crops(cls, globalCrops).reversed());
    }

    private static Value rows(Value patches, Value indices) {
        return gather(reshape(patches, -1, patches.shape().dim(2)), indices, 0);
    }
}
