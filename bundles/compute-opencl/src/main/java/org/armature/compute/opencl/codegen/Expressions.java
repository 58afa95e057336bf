package org.armature.compute.opencl.codegen;

import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.graph.DType;

/**
 * Writes expressions as constants of the enclosing block, each once: the same text on the same operands is the same constant.
 */
final class Expressions {
    private static final Pattern OPERAND = Pattern.compile("\\b[xyz]\\b");
    private static final Pattern NUMBER = Pattern.compile("(?<![\\w.])(\\d+(?:\\.\\d*)?(?:[eE][+-]?\\d+)?)t\\b");
    private static final Pattern FUNCTION = Pattern.compile("\\b(exp|expm1|log|log1p|tanh|erf)\\(");

    private final Code code;
    private final Target target;
    private final String indexType;
    private final Map<Array, String> pointers;
    private final Map<Array, String> registers;
    private final Map<Var, String> vars;
    private final Map<Scalar, String> names;
    private final Map<String, String> texts;
    private final int[] counter;

    Expressions(Code code, Target target, String indexType, Map<Array, String> pointers) {
        this(
                code,
                target,
                indexType,
                pointers,
                new IdentityHashMap<>(),
                new IdentityHashMap<>(),
                new IdentityHashMap<>(),
                new HashMap<>(),
                new int[1]);
    }

    private Expressions(
            Code code,
            Target target,
            String indexType,
            Map<Array, String> pointers,
            Map<Array, String> registers,
            Map<Var, String> vars,
            Map<Scalar, String> names,
            Map<String, String> texts,
            int[] counter) {
        this.code = code;
        this.target = target;
        this.indexType = indexType;
        this.pointers = pointers;
        this.registers = registers;
        this.vars = vars;
        this.names = names;
        this.texts = texts;
        this.counter = counter;
    }

    /** For a block inside this one: sees what is written here, what it writes is not seen here. */
    Expressions inner() {
        return new Expressions(
                code,
                target,
                indexType,
                pointers,
                new IdentityHashMap<>(registers),
                new IdentityHashMap<>(vars),
                new IdentityHashMap<>(names),
                new HashMap<>(texts),
                counter);
    }

    /** A name not used yet. */
    String fresh(String prefix) {
        return prefix + counter[0]++;
    }

    /** A loop variable's name here. */
    String declare(Var v) {
        String name = fresh(v.name().replaceAll("\\d+$", "") + "_");
        vars.put(v, name);
        return name;
    }

    void bind(Var v, String text) {
        vars.put(v, text);
    }

    /** An array whose element is held in a register. */
    void register(Array a, String name) {
        registers.put(a, name);
    }

    /** What a value that the kernel holds is called here. */
    void register(Scalar.Register r, String name) {
        names.put(r, name);
    }

    String pointer(Array a) {
        String p = pointers.get(a);
        if (p == null) {
            throw new IllegalStateException(a + " is no argument of its kernel");
        }
        return p;
    }

    // ---- indices ---------------------------------------------------------------------------------------------------

    String index(Index i) {
        StringBuilder s = new StringBuilder();
        i.terms().forEach((atom, k) -> {
            String t = atom(atom);
            if (!s.isEmpty()) {
                s.append(k < 0 ? " - " : " + ");
            } else if (k < 0) {
                s.append('-');
            }
            s.append(Math.abs(k) == 1 ? t : Math.abs(k) + " * " + t);
        });
        if (i.constant() != 0 || s.isEmpty()) {
            if (!s.isEmpty()) {
                s.append(i.constant() < 0 ? " - " : " + ").append(Math.abs(i.constant()));
            } else {
                s.append(i.constant());
            }
        }
        return s.toString();
    }

    private String atom(Index.Atom a) {
        return switch (a) {
            case Var v -> {
                String name = vars.get(v);
                if (name == null) {
                    throw new IllegalStateException("loop variable " + v + " is not in scope");
                }
                yield name;
            }
            case Index.Quotient q -> "((" + index(q.of()) + ") / " + q.by() + ")";
            case Index.Remainder r -> "((" + index(r.of()) + ") % " + r.by() + ")";
            case Index.Clamp c ->
                "min(max((" + indexType + ")(" + index(c.of()) + "), (" + indexType + ")" + c.min() + "), (" + indexType
                        + ")" + c.max() + ")";
            case Index.Data d -> "(" + indexType + ")element(" + value(d.value()) + ", " + d.size() + ")";
        };
    }

    // ---- values ----------------------------------------------------------------------------------------------------

    /** An operand that stands for the value. */
    String value(Scalar s) {
        String known = names.get(s);
        if (known == null) {
            known = s instanceof Scalar.Literal l
                    ? Types.literal(l)
                    : s instanceof Scalar.Load l && registers.containsKey(l.array())
                            ? registers.get(l.array())
                            : constant(s.type(), text(s));
            names.put(s, known);
        }
        return known;
    }

    private String constant(DType type, String text) {
        String t = Types.computed(type);
        String key = t + " " + text;
        String name = texts.get(key);
        if (name == null) {
            name = fresh("v");
            code.line("const " + t + " " + name + " = " + text + ";");
            texts.put(key, name);
        }
        return name;
    }

    private String text(Scalar s) {
        return switch (s) {
            case Scalar.Literal l -> Types.literal(l);
            case Scalar.Register r -> throw new IllegalStateException(r + " is not held here");
            case Scalar.Load l -> load(l.array(), index(l.array().position(l.at())));
            case Scalar.Position p -> index(p.at());
            case Scalar.Inside i -> inside(i);
            case Scalar.Apply a -> apply(a);
            case Scalar.Convert c -> convert(c);
            case Scalar.Select c -> value(c.condition()) + " ? " + value(c.yes()) + " : " + value(c.no());
        };
    }

    private String load(Array a, String position) {
        String p = pointer(a);
        return switch (a.type()) {
            case FLOAT16 -> "vload_half(" + position + ", " + p + ")";
            case BFLOAT16 -> "as_float((uint)" + p + "[" + position + "] << 16)";
            default -> p + "[" + position + "]";
        };
    }

    private String inside(Scalar.Inside i) {
        String at = index(i.at());
        boolean low = i.at().min() < i.lo();
        boolean high = i.at().max() >= i.hi();
        String lower = "(" + at + ") >= " + i.lo();
        String upper = "(" + at + ") < " + i.hi();
        // Without a branch: loops with conditions that do not short-circuit become vector code.
        return low && high ? "(" + lower + ") & (" + upper + ")" : low ? lower : high ? upper : "1";
    }

    private String apply(Scalar.Apply a) {
        List<String> o = a.operands().stream().map(this::value).toList();
        DType t = a.operands().getFirst().type();
        boolean single = t != DType.DOUBLE;
        String text = NUMBER.matcher(a.formula().text()).replaceAll(m -> {
            String n = m.group(1);
            String real = n.contains(".") || n.contains("e") || n.contains("E") ? n : n + ".0";
            return t.isFloating() ? real + (single ? "f" : "") : n;
        });
        if (target.cpu() && t == DType.FLOAT) {
            text = FUNCTION.matcher(text).replaceAll("$1_poly(");
        }
        return OPERAND.matcher(text)
                .replaceAll(
                        m -> Matcher.quoteReplacement(operand(o.get(m.group().charAt(0) - 'x'))));
    }

    /** Negative literals in brackets. */
    private static String operand(String o) {
        return o.startsWith("-") ? "(" + o + ")" : o;
    }

    private String convert(Scalar.Convert c) {
        String v = value(c.of());
        DType from = c.of().type();
        return switch (c.type()) {
            case BOOL -> operand(v) + " != 0";
            case INT8, INT16, UINT8, UINT16 ->
                "(" + Types.computed(c.type()) + ")" + (from.isFloating() ? "(int)" : "") + operand(v);
            case UINT32 -> "(uint)" + (from.isFloating() ? "(long)" : "") + operand(v);
            default -> "(" + Types.computed(c.type()) + ")" + operand(v);
        };
    }

    /** {@code array[position] = value}. */
    void store(Array a, Index position, String value) {
        String at = index(position);
        String p = pointer(a);
        code.line(
                switch (a.type()) {
                    case FLOAT16 -> "vstore_half(" + value + ", " + at + ", " + p + ");";
                    case BFLOAT16 -> p + "[" + at + "] = to_bfloat(" + value + ");";
                    default -> p + "[" + at + "] = " + value + ";";
                });
    }
}
