package org.armature.compute.opencl.codegen;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * Functions a kernel may bring along. The transcendental ones are polynomials without branches, which a CPU's compiler turns
 * into vector code; their errors are below 3 units in the last place (erf: 6).
 */
final class Helpers {
    static final Map<String, String> ALL = new LinkedHashMap<>();

    private Helpers() {}

    static {
        // Results below the smallest normal number are zero. Bounds in this order are one instruction each, and keep
        // NaN.
        ALL.put("exp_poly", """
                inline float exp_poly(float x) {
                    const float low = 89.0f < x ? 89.0f : x;
                    const float c = -87.5f > low ? -87.5f : low;
                    const float n = c * 1.44269504f + 12582912.0f;
                    const float k = n - 12582912.0f;
                    const float r = (c - k * 0.693359375f) + k * 2.12194440e-4f;
                    float p = 1.9875691500e-4f;
                    p = p * r + 1.3981999507e-3f;
                    p = p * r + 8.3334519073e-3f;
                    p = p * r + 4.1665795894e-2f;
                    p = p * r + 1.6666665459e-1f;
                    p = p * r + 5.0000001201e-1f;
                    p = p * r * r + r + 1.0f;
                    return p * as_float((as_uint(n) << 23) + (126u << 23)) * 2.0f;
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
        // erf(x) / x as a quotient of polynomials of x squared, up to where erf rounds to 1.
        ALL.put("erf_poly", """
                inline float erf_poly(float x) {
                    const float low = 3.92f < x ? 3.92f : x;
                    const float c = -3.92f > low ? -3.92f : low;
                    const float s = c * c;
                    float p = 6.57053533e-6f;
                    p = p * s + 4.05250903e-4f;
                    p = p * s + 4.19179816e-3f;
                    p = p * s + 5.55678643e-2f;
                    p = p * s + 1.92424029e-1f;
                    p = p * s + 1.12837923f;
                    float q = 2.47973247e-7f;
                    q = q * s + 7.09818705e-5f;
                    q = q * s + 1.40634319e-3f;
                    q = q * s + 1.62060857e-2f;
                    q = q * s + 1.17200099e-1f;
                    q = q * s + 5.03864765e-1f;
                    q = q * s + 1.0f;
                    const float y = c * p / q;
                    const float z = 1.0f < y ? 1.0f : y;
                    return -1.0f > z ? -1.0f : z;
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
        ALL.put("add_multiple", """
                #ifdef __AVX512F__
                #define add_multiple(sum, number, x) \\
                    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(x), "m"(number))
                #else
                #define add_multiple(sum, number, x) sum = fma((float16)(number), x, sum)
                #endif
                """);
    }

    /** Steps from one that is multiplied to one that is fetched into the first cache. */
    private static final int AHEAD = 8;

    private static final Pattern TILE = Pattern.compile("\\btile_(\\d+)x(\\d+)_(\\d+)\\(");

    /** The name of a function that adds a product to a tile of some rows of some vectors, see {@link #tileText}. */
    static String tile(int rows, int vectors, int vector) {
        return "tile_" + rows + "x" + vectors + "_" + vector;
    }

    /** Accumulators in registers: each step loads a row of the right operand, and one number of each row of the left. */
    private static String tileText(int rows, int vectors, int vector) {
        String type = "float" + vector;
        Code c = new Code();
        c.open(
                "static inline __attribute__((always_inline)) void %s(%s* to, const int next, const float* left, const int row,"
                        + " const int step, const %s* right, const int line, const int steps, const int add)",
                tile(rows, vectors, vector), type, type);
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < vectors; v++) {
                c.line("%1$s c%2$d_%3$d = add ? to[%2$d * next + %3$d] : (%1$s)(0);", type, r, v);
            }
        }
        c.open("for (int k = 0; k < steps; ++k)");
        for (int v = 0; v < vectors; v++) {
            c.line("const %s r%d = right[k * line + %d];", type, v, v);
        }
        for (int v = 0; v < vectors; v++) {
            c.fetch("right + (k + " + AHEAD + ") * line + " + v, 0);
        }
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < vectors; v++) {
                c.line("c%2$d_%3$d = fma((%1$s)(left[%2$d * row + k * step]), r%3$d, c%2$d_%3$d);", type, r, v);
            }
        }
        c.close();
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < vectors; v++) {
                c.line("to[%1$d * next + %2$d] = c%1$d_%2$d;", r, v);
            }
        }
        return c.close().toString();
    }

    private static final Pattern ACROSS = Pattern.compile(
            "\\b(largest|total|store_past|transpose|transpose_lines|transpose_lines_past|transpose_rows)_(\\d+)\\(");

    /**
     * The name of a function across the lanes of vectors: {@code largest}, {@code total}, {@code transpose},
     * {@code transpose_lines} from one place of the device's memory to another, {@code transpose_lines_past} the caches to an
     * aligned one, as {@code store_past} does (the locks and atomic counts by which cores take items order such stores), or
     * {@code transpose_rows} from rows that lie anywhere there.
     */
    static String across(String what, int vector) {
        return what + "_" + vector;
    }

    private static String acrossText(String what, int vector) {
        return switch (what) {
            case "transpose" ->
                transposeText(
                        what,
                        vector,
                        "%1$s(float%2$d* to, const int next, const float%2$d* from, const int line)",
                        "from[i * line]",
                        "to[i * next] = %2$s");
            case "transpose_lines", "transpose_lines_past" ->
                transposeText(
                        what,
                        vector,
                        "%1$s(__global float* to, const long next, __global const float* from, const long line)",
                        "vload%1$d(0, from + i * line)",
                        what.equals("transpose_lines")
                                ? "vstore%1$d(%2$s, 0, to + i * next)"
                                : "__builtin_nontemporal_store(%2$s, (__global float%1$d*)(to + i * next))");
            case "store_past" -> """
                    static inline void %1$s(const float%2$d x, __global float* to) {
                        __builtin_nontemporal_store(x, (__global float%2$d*)to);
                    }
                    """.formatted(across(what, vector), vector);
            case "transpose_rows" ->
                transposeText(
                        what,
                        vector,
                        "%1$s(float* to, const int next, __global const float* const* from, const long at)",
                        "vload%1$d(0, from[i] + at)",
                        "vstore%1$d(%2$s, 0, to + i * next)");
            case "total" -> foldText(what, vector, "%1$s + %2$s");
            default -> foldText(what, vector, "%1$s > %2$s ? %1$s : %2$s");
        };
    }

    private static String foldText(String what, int vector, String joined) {
        Code c = new Code();
        c.open("static inline float %s(const float%d v%d)", across(what, vector), vector, vector);
        for (int n = vector / 2; n >= 2; n /= 2) {
            c.line("const float%1$d v%1$d = %2$s;", n, joined.formatted("v" + 2 * n + ".lo", "v" + 2 * n + ".hi"));
        }
        c.line("return %s;", joined.formatted("v2.x", "v2.y"));
        return c.close().toString();
    }

    /** As many rounds as an index has bits, each of which moves the highest bit of the row's index behind the column's lowest. */
    private static String transposeText(String what, int vector, String head, String line, String store) {
        String type = "float" + vector;
        Code c = new Code();
        c.open("static inline void " + head, across(what, vector), vector);
        c.line("%s x[%d];", type, vector).line("%s y[%d];", type, vector);
        c.line("#pragma unroll");
        c.open("for (int i = 0; i < %d; ++i)", vector)
                .line("x[i] = " + line + ";", vector)
                .close();
        String from = "x";
        for (int n = vector; n > 1; n /= 2) {
            String to = from.equals("x") ? "y" : "x";
            c.line("#pragma unroll");
            c.open("for (int i = 0; i < %d; ++i)", vector / 2);
            for (String half : new String[] {"lo", "hi"}) {
                String row = to + "[2 * i" + (half.equals("lo") ? "]" : " + 1]");
                c.line("%s.even = %s[i].%s;", row, from, half);
                c.line("%s.odd = %s[i + %d].%s;", row, from, vector / 2, half);
            }
            c.close();
            from = to;
        }
        c.line("#pragma unroll");
        c.open("for (int i = 0; i < %d; ++i)", vector)
                .line(store + ";", vector, from + "[i]")
                .close();
        return c.close().toString();
    }

    private static final Pattern WINOGRAD = Pattern.compile("\\bwinograd_(windows|results)_(\\d+)\\(");

    /**
     * The name of a function that transforms some windows of a convolution that are next to each other, or the sums of their
     * products back to 2x2 results each (Lavin and Gray 2016, B' d B and A' m A of F(2x2, 3x3)).
     */
    static String winograd(String what, int windows) {
        return "winograd_" + what + "_" + windows;
    }

    private static String winogradText(String what, int windows) {
        return what.equals("windows") ? windowsText(windows) : resultsText(windows);
    }

    /** Lines of 4 neighbours, two from one window to the next, become 16 points of each window. */
    private static String windowsText(int n) {
        Code c = new Code();
        c.open(
                "static inline void %s(float* to, const int next, __global const float* from, const int line)",
                winograd("windows", n));
        for (int y = 0; y < 4; y++) {
            for (int x = 0; x < 4; x += 2) {
                c.line("const float%1$d a%2$d_%3$d = vload%1$d(0, from + %2$d * line + %3$d);", n, y, x);
                c.line("const float%1$d b%2$d_%3$d = vload%1$d(0, from + %2$d * line + %4$d);", n, y, x, x + n);
                c.line("const float%1$d d%2$d_%3$d = (float%1$d)(a%2$d_%3$d.even, b%2$d_%3$d.even);", n, y, x);
                c.line("const float%1$d d%2$d_%4$d = (float%1$d)(a%2$d_%3$d.odd, b%2$d_%3$d.odd);", n, y, x, x + 1);
            }
        }
        for (int x = 0; x < 4; x++) {
            c.line("const float%1$d e0_%2$d = d0_%2$d - d2_%2$d;", n, x);
            c.line("const float%1$d e1_%2$d = d1_%2$d + d2_%2$d;", n, x);
            c.line("const float%1$d e2_%2$d = d2_%2$d - d1_%2$d;", n, x);
            c.line("const float%1$d e3_%2$d = d1_%2$d - d3_%2$d;", n, x);
        }
        for (int y = 0; y < 4; y++) {
            c.line("vstore%1$d(e%2$d_0 - e%2$d_2, 0, to + %3$d * next);", n, y, 4 * y);
            c.line("vstore%1$d(e%2$d_1 + e%2$d_2, 0, to + %3$d * next);", n, y, 4 * y + 1);
            c.line("vstore%1$d(e%2$d_2 - e%2$d_1, 0, to + %3$d * next);", n, y, 4 * y + 2);
            c.line("vstore%1$d(e%2$d_1 - e%2$d_3, 0, to + %3$d * next);", n, y, 4 * y + 3);
        }
        return c.close().toString();
    }

    private static String resultsText(int n) {
        Code c = new Code();
        c.open(
                "static inline void %s(float* to, const int line, const float* from, const int next)",
                winograd("results", n));
        for (int p = 0; p < 16; p++) {
            c.line("const float%1$d m%2$d = vload%1$d(0, from + %2$d * next);", n, p);
        }
        for (int x = 0; x < 4; x++) {
            c.line("const float%1$d s0_%2$d = m%2$d + m%3$d + m%4$d;", n, x, 4 + x, 8 + x);
            c.line("const float%1$d s1_%2$d = m%3$d - m%4$d - m%5$d;", n, x, 4 + x, 8 + x, 12 + x);
        }
        for (int y = 0; y < 2; y++) {
            c.line("const float%1$d even%2$d = s%2$d_0 + s%2$d_1 + s%2$d_2;", n, y);
            c.line("const float%1$d odd%2$d = s%2$d_1 - s%2$d_2 - s%2$d_3;", n, y);
            for (String half : new String[] {"lo", "hi"}) {
                c.line("float%d %s%d;", n, half, y);
                c.line("%1$s%2$d.even = even%2$d.%1$s;", half, y);
                c.line("%1$s%2$d.odd = odd%2$d.%1$s;", half, y);
                c.line(
                        "vstore%1$d(%2$s%3$d, 0, to + %3$d * line%4$s);",
                        n, half, y, half.equals("lo") ? "" : " + " + n);
            }
        }
        return c.close().toString();
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
        TILE.matcher(text)
                .results()
                .map(m -> tileText(number(m, 1), number(m, 2), number(m, 3)))
                .distinct()
                .forEach(s::append);
        ACROSS.matcher(text)
                .results()
                .map(m -> acrossText(m.group(1), number(m, 2)))
                .distinct()
                .forEach(s::append);
        WINOGRAD.matcher(text)
                .results()
                .map(m -> winogradText(m.group(1), number(m, 2)))
                .distinct()
                .forEach(s::append);
        return s.toString();
    }

    private static int number(MatchResult m, int group) {
        return Integer.parseInt(m.group(group));
    }
}
