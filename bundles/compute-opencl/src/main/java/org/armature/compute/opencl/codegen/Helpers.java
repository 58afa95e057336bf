package org.armature.compute.opencl.codegen;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Functions a kernel may bring along. The transcendental ones are polynomials without branches, which a CPU's compiler turns
 * into vector code; their errors are below 3 units in the last place (erf: N. Juffa's coefficients).
 */
final class Helpers {
    static final Map<String, String> ALL = new LinkedHashMap<>();

    private Helpers() {}

    static {
        ALL.put("exp_poly", """
                inline float exp_poly(float x) {
                    const float c = fmin(fmax(x, -104.0f), 89.0f);
                    const float n = (c * 1.44269504f + 12582912.0f) - 12582912.0f;
                    const float r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
                    float p = 1.9875691500e-4f;
                    p = p * r + 1.3981999507e-3f;
                    p = p * r + 8.3334519073e-3f;
                    p = p * r + 4.1665795894e-2f;
                    p = p * r + 1.6666665459e-1f;
                    p = p * r + 5.0000001201e-1f;
                    p = p * r * r + r + 1.0f;
                    const int k = (int)n;
                    const int h = k >> 1;
                    const float y = p * as_float((h + 127) << 23) * as_float((k - h + 127) << 23);
                    return x != x ? x : y;
                }
                """);
        ALL.put("expm1_poly", """
                inline float expm1_poly(float x) {
                    float p = 1.9841270e-4f;
                    p = p * x + 1.3888889e-3f;
                    p = p * x + 8.3333333e-3f;
                    p = p * x + 4.1666667e-2f;
                    p = p * x + 1.6666667e-1f;
                    p = p * x + 0.5f;
                    const float small = p * x * x + x;
                    return fabs(x) < 0.35f ? small : exp_poly(x) - 1.0f;
                }
                """);
        ALL.put("log_poly", """
                inline float log_poly(float x) {
                    const int tiny = x < 1.17549435e-38f;
                    const float s = tiny ? x * 8388608.0f : x;
                    const int b = as_int(s);
                    const int e = ((b - 0x3f3504f3) >> 23);
                    const float m = as_float(b - (e << 23)) - 1.0f;
                    const float n = (float)(tiny ? e - 23 : e);
                    float p = 7.0376836292e-2f;
                    p = p * m - 1.1514610310e-1f;
                    p = p * m + 1.1676998740e-1f;
                    p = p * m - 1.2420140846e-1f;
                    p = p * m + 1.4249322787e-1f;
                    p = p * m - 1.6668057665e-1f;
                    p = p * m + 2.0000714765e-1f;
                    p = p * m - 2.4999993993e-1f;
                    p = p * m + 3.3333331174e-1f;
                    const float z = m * m;
                    const float y = m + (p * m * z + n * -2.12194440e-4f - 0.5f * z) + n * 0.693359375f;
                    const float v = x == INFINITY ? x : x == 0.0f ? -INFINITY : y;
                    return x < 0.0f || x != x ? NAN : v;
                }
                """);
        ALL.put("log1p_poly", """
                inline float log1p_poly(float x) {
                    const float u = 1.0f + x;
                    const float d = u - 1.0f;
                    return d == 0.0f || u == INFINITY ? x : log_poly(u) * (x / d);
                }
                """);
        ALL.put("tanh_poly", """
                inline float tanh_poly(float x) {
                    const float z = x * x;
                    float p = -5.70498872745e-3f;
                    p = p * z + 2.06390887954e-2f;
                    p = p * z - 5.37397155531e-2f;
                    p = p * z + 1.33314422036e-1f;
                    p = p * z - 3.33332819422e-1f;
                    const float small = p * z * x + x;
                    const float a = fabs(x);
                    const float large = copysign(1.0f - 2.0f / (exp_poly(2.0f * a) + 1.0f), x);
                    return a < 0.625f ? small : large;
                }
                """);
        ALL.put("erf_poly", """
                inline float erf_poly(float x) {
                    const float t = fabs(x);
                    const float s = x * x;
                    float r = -1.72853470e-5f * t + 3.83197126e-4f;
                    const float u = -3.88396438e-3f * t + 2.42546219e-2f;
                    r = r * s + u;
                    r = r * t - 1.06777877e-1f;
                    r = r * t - 6.34846687e-1f;
                    r = r * t - 1.28717512e-1f;
                    r = r * t - t;
                    const float large = copysign(1.0f - exp_poly(r), x);
                    float p = -5.96761703e-4f;
                    p = p * s + 4.99119423e-3f;
                    p = p * s - 2.67681349e-2f;
                    p = p * s + 1.12819925e-1f;
                    p = p * s - 3.76125336e-1f;
                    p = p * s + 1.28379166e-1f;
                    return t > 0.927734375f ? large : p * x + x;
                }
                """);
        ALL.put("element", """
                inline long element(long i, long size) {
                    const long p = i < 0 ? i + size : i;
                    return min(max(p, 0L), size - 1);
                }
                """);
        ALL.put("to_half_and_back", """
                inline float to_half_and_back(float x) {
                    ushort h;
                    vstore_half(x, 0, (__private half*)&h);
                    return vload_half(0, (__private const half*)&h);
                }
                """);
        ALL.put("to_bfloat", """
                inline ushort to_bfloat(float x) {
                    const uint b = as_uint(x);
                    return x != x ? (ushort)0x7fc0 : (ushort)((b + 0x7fff + ((b >> 16) & 1)) >> 16);
                }
                """);
        ALL.put("to_bfloat_and_back", """
                inline float to_bfloat_and_back(float x) {
                    return as_float((uint)to_bfloat(x) << 16);
                }
                """);
    }

    /** The functions a text calls, and those they call, in order. */
    static String used(String text) {
        Map<String, Boolean> need = new LinkedHashMap<>();
        String all = text;
        boolean more = true;
        while (more) {
            more = false;
            for (Map.Entry<String, String> e : ALL.entrySet()) {
                if (!need.containsKey(e.getKey()) && all.contains(e.getKey() + "(")) {
                    need.put(e.getKey(), true);
                    all += e.getValue();
                    more = true;
                }
            }
        }
        StringBuilder s = new StringBuilder();
        ALL.forEach((k, v) -> {
            if (need.containsKey(k)) {
                s.append(v).append('\n');
            }
        });
        return s.toString();
    }
}
