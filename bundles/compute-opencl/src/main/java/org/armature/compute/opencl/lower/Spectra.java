package org.armature.compute.opencl.lower;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Scalar.Inside;
import org.armature.compute.opencl.ir.Var;

/**
 * Results of transforms. Their own order is not the order of the points: what is computed from them element by element and
 * transformed back is read in theirs, so that nothing is put in order in between.
 */
final class Spectra {
    /** Elementwise operators between a spectrum and the transform back at most. */
    private static final int DEEP = 24;

    private final Set<Array> all = Collections.newSetFromMap(new IdentityHashMap<>());

    void add(Array spectrum) {
        all.add(spectrum);
    }

    /** The signals along an axis of an array whose last axis has parts, without zeros at the end or zeros as imaginary parts. */
    Fourier.Signal signal(Array x, int axis, long most) {
        int last = x.rank() - 1;
        long points = Math.min(most, end(x, axis));
        boolean real = x.dim(last) == 1 || isZero(x, last);
        List<Long> batch = new ArrayList<>();
        for (int i = 0; i < last; i++) {
            if (i != axis) {
                batch.add(x.dim(i));
            }
        }
        return new Fourier.Signal(
                batch.stream().mapToLong(d -> d).toArray(), axis, points, real ? 1 : 2, (b, point, part) -> {
                    List<Index> at = new ArrayList<>(b);
                    at.add(axis, point);
                    at.add(real ? Index.ZERO : part);
                    return new Reading().of(Lowering.at(x, at));
                });
    }

    private static boolean isZero(Array x, int last) {
        List<Index> at = new ArrayList<>(Index.of(Var.each("i", x.shape())));
        at.set(last, Index.of(1));
        return isZero(moved(Lowering.at(x, at)));
    }

    private static boolean isZero(Scalar s) {
        return s instanceof Scalar.Literal l && l.value() == 0;
    }

    /** Points along an axis before those that a padding made zero. */
    private static long end(Array x, int axis) {
        List<Var> at = Var.each("i", x.shape());
        Index point = Index.of(at.get(axis));
        long end = x.dim(axis);
        Scalar s = moved(Lowering.at(x, Index.of(at)));
        if (s instanceof Scalar.Load l && l.array().rule() instanceof Array.Pointwise p) {
            s = Scalar.substitute(p.body(), Scalar.replace(p.axes(), l.at()));
        }
        while (s instanceof Scalar.Select c && c.condition() instanceof Inside i && isZero(c.no())) {
            Index far = i.at().minus(point);
            if (far.isConstant()) {
                end = Math.min(end, i.hi() - far.constant());
            }
            s = c.yes();
        }
        return Math.max(1, end);
    }

    /** What an element is a copy of where it lies; itself if it is none. */
    private static Scalar moved(Scalar s) {
        Scalar at = s;
        while (at instanceof Scalar.Load l
                && l.array().rule() instanceof Array.Pointwise p
                && (p.body() instanceof Scalar.Load || p.body() instanceof Scalar.Select)) {
            Scalar from = Scalar.substitute(p.body(), Scalar.replace(p.axes(), l.at()));
            boolean copy = from instanceof Scalar.Load || from instanceof Scalar.Literal;
            if (!copy || from.type() != l.type()) {
                break;
            }
            at = from;
        }
        return at;
    }

    /** Elements as functions of the spectra they are computed from. */
    private final class Reading {
        private final Map<List<Object>, Optional<Scalar>> done = new HashMap<>();

        Scalar of(Scalar element) {
            Scalar at = moved(element);
            return at instanceof Scalar.Load l ? through(l, DEEP).orElse(at) : at;
        }

        /** Empty if there is no spectrum within some steps. */
        private Optional<Scalar> through(Scalar.Load l, int steps) {
            if (steps == 0 || !(l.array().rule() instanceof Array.Pointwise p)) {
                return Optional.empty();
            }
            List<Object> key = List.of(System.identityHashCode(l.array()), l.at());
            Optional<Scalar> known = done.get(key);
            if (known == null) {
                Scalar body = Scalar.convert(Scalar.substitute(p.body(), Scalar.replace(p.axes(), l.at())), l.type());
                known = all.contains(l.array()) ? Optional.of(body) : within(body, steps - 1);
                done.put(key, known);
            }
            return known;
        }

        private Optional<Scalar> within(Scalar body, int steps) {
            boolean[] found = {false};
            Scalar now = Scalar.substitute(body, Index::of, l -> {
                Optional<Scalar> s = through(l, steps);
                found[0] |= s.isPresent();
                return s.orElse(l);
            });
            return found[0] ? Optional.of(now) : Optional.empty();
        }
    }
}
