package org.armature.geoadapter;

import java.util.LinkedHashMap;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.GraphException;
import org.armature.model.EntryPoint;

/**
 * Relative pose errors over all pairs of views, as VGGT's evaluation measures them: rotation by quaternions, translation by
 * direction only, up to its sign.
 *
 * @param rotation degrees, one a pair i < j
 * @param translation degrees, 0 to 90
 */
public record PoseMetrics(double[] rotation, double[] translation) {
    private static final double TINY = 1e-15;

    /**
     * @param predicted extrinsics of n views, row-major {@code [n][12]} (world to camera)
     * @param truth of the same views
     */
    public static PoseMetrics of(double[][] predicted, double[][] truth) {
        int n = truth.length;
        double[] rotation = new double[n * (n - 1) / 2];
        double[] translation = new double[rotation.length];
        int pair = 0;
        for (int i = 0; i < n; i++) {
            for (int j = i + 1; j < n; j++, pair++) {
                double[] have = relative(predicted[i], predicted[j]);
                double[] want = relative(truth[i], truth[j]);
                rotation[pair] = rotationError(have, want);
                translation[pair] = translationError(have, want);
            }
        }
        return new PoseMetrics(rotation, translation);
    }

    /** Share of the pairs whose rotation is off by less than {@code degrees}. */
    public double rra(double degrees) {
        return below(rotation, degrees);
    }

    /** Share of the pairs whose translation direction is off by less than {@code degrees}. */
    public double rta(double degrees) {
        return below(translation, degrees);
    }

    private static double below(double[] errors, double degrees) {
        int n = 0;
        for (double e : errors) {
            n += e < degrees ? 1 : 0;
        }
        return errors.length == 0 ? 0 : (double) n / errors.length;
    }

    /** Mean over one-degree bins up to {@code degrees} of the share of pairs whose larger error lies below the bin's end. */
    public double auc(int degrees) {
        double sum = 0;
        for (int i = 0; i < rotation.length; i++) {
            double e = Math.max(rotation[i], translation[i]);
            // An error in [k, k+1) counts in the bins k to the last; the last bin includes its end.
            if (e <= degrees) {
                sum += degrees - Math.min(degrees - 1, (int) e);
            }
        }
        return rotation.length == 0 ? 0 : sum / rotation.length / degrees;
    }

    /** {@code a b^-1}. */
    private static double[] relative(double[] a, double[] b) {
        double[] m = new double[12];
        for (int i = 0; i < 3; i++) {
            m[4 * i + 3] = a[4 * i + 3];
            for (int j = 0; j < 3; j++) {
                for (int k = 0; k < 3; k++) {
                    m[4 * i + j] += a[4 * i + k] * b[4 * j + k];
                }
                m[4 * i + 3] -= m[4 * i + j] * b[4 * j + 3];
            }
        }
        return m;
    }

    private static double rotationError(double[] have, double[] want) {
        double[] p = quaternion(have);
        double[] q = quaternion(want);
        double dot = p[0] * q[0] + p[1] * q[1] + p[2] * q[2] + p[3] * q[3];
        return Math.toDegrees(Math.acos(1 - 2 * Math.max(TINY, 1 - dot * dot)));
    }

    private static double translationError(double[] have, double[] want) {
        double dot = 0;
        double p = 0;
        double q = 0;
        for (int i = 3; i < 12; i += 4) {
            dot += have[i] * want[i];
            p += have[i] * have[i];
            q += want[i] * want[i];
        }
        double cos = dot / ((Math.sqrt(p) + TINY) * (Math.sqrt(q) + TINY));
        double angle = Math.toDegrees(Math.acos(Math.sqrt(1 - Math.max(TINY, 1 - cos * cos))));
        return Math.min(angle, Math.abs(180 - angle));
    }

    /** x, y, z, w of the rotation in a 3 x 4 matrix. */
    private static double[] quaternion(double[] m) {
        double x = m[0];
        double y = m[5];
        double z = m[10];
        double[] root = {1 + x + y + z, 1 + x - y - z, 1 - x + y - z, 1 - x - y + z};
        int best = 0;
        for (int i = 0; i < 4; i++) {
            root[i] = Math.sqrt(Math.max(0, root[i]));
            best = root[i] > root[best] ? i : best;
        }
        double a = m[9] - m[6];
        double b = m[2] - m[8];
        double c = m[4] - m[1];
        double d = m[4] + m[1];
        double e = m[2] + m[8];
        double f = m[6] + m[9];
        double s = root[best] * root[best];
        double[] q = switch (best) {
            case 0 -> new double[] {a, b, c, s};
            case 1 -> new double[] {s, d, e, a};
            case 2 -> new double[] {d, s, f, b};
            default -> new double[] {e, f, s, c};
        };
        double divisor = 2 * Math.max(0.1, root[best]);
        for (int i = 0; i < 4; i++) {
            q[i] /= divisor;
        }
        return q;
    }

    static Map<String, Tensor> call(EntryPoint.Invocation inv) {
        PoseMetrics m = of(matrices(inv.input("pred_se3")), matrices(inv.input("gt_se3")));
        Map<String, Tensor> out = new LinkedHashMap<>();
        out.put("rel_rangle_deg", floats(m.rotation));
        out.put("rel_tangle_deg", floats(m.translation));
        for (int degrees : new int[] {3, 5, 10, 15, 20, 30}) {
            out.put("auc_" + degrees, floats(m.auc(degrees)));
        }
        return out;
    }

    private static double[][] matrices(Tensor t) {
        if (t.shape().rank() != 3 || t.shape().dim(1) < 3 || t.shape().dim(2) != 4) {
            throw new GraphException("poses are " + t.shape() + ": give [views, 3 or 4, 4]");
        }
        int n = (int) t.shape().dim(0);
        int stride = (int) t.shape().dim(1) * 4;
        double[][] m = new double[n][12];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < 12; k++) {
                m[i][k] = t.get((long) i * stride + k);
            }
        }
        return m;
    }

    private static Tensor floats(double... v) {
        float[] f = new float[v.length];
        for (int i = 0; i < f.length; i++) {
            f[i] = (float) v[i];
        }
        return Tensor.of(f, f.length);
    }
}
