package org.armature.tokenizer;

import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.gather;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.stopGradient;
import static org.armature.tokenizer.VisionTransformer.project;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.armature.graph.Scope;
import org.armature.graph.Value;
import org.armature.model.Config;

/**
 * The student and its moving-average teacher of DINO and iBOT, in the names of the training class: {@code trunk},
 * {@code dino_head}, {@code teacher_trunk}, {@code teacher_dino_head}.
 */
final class SelfSupervision {
    private static final List<String> TEACHER = List.of("teacher_trunk.", "teacher_dino_head.");

    private final Vtp vtp;
    private final Head head;
    private final int globalCrops;

    SelfSupervision(Config c) {
        this(new Vtp(VtpConfig.ofTraining(c)), c);
    }

    SelfSupervision(Vtp vtp, Config c) {
        this.vtp = vtp;
        this.globalCrops = c.integer("n_global_crops", 2);
        Config h = c.section("vtp").section("vtp_model").section("dino_head");
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
        out.put("teacher_cls_tokens_after_head", stopGradient(head.build(teacherHead, swapped(teacher.cls()))));
        out.put(
                "masked_teacher_patch_tokens_after_head",
                stopGradient(head.build(teacherHead, rows(teacher.patches(), masked))));
        out.put("student_global_cls_tokens", student.cls());
        out.put("student_global_cls_tokens_after_head", head.build(studentHead, student.cls()));
        out.put(
                "student_global_masked_patch_tokens_after_head",
                head.build(studentHead, rows(student.patches(), masked)));
        out.put(
                "student_local_cls_tokens_after_head",
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

    /** Crops in reverse order, so that a student's crop meets the teacher's view of another. */
    private Value swapped(Value cls) {
        long[] sizes = new long[globalCrops];
        Arrays.fill(sizes, cls.shape().dim(0) / globalCrops);
        return concat(0, split(cls, 0, sizes).reversed());
    }

    private static Value rows(Value patches, Value indices) {
        return gather(reshape(patches, -1, patches.shape().dim(2)), indices, 0);
    }
}
