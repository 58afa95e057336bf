package org.armature.graph;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One size of a shape: a number, or a symbol such as {@code batch} that {@link Graph#bind} gives a number later. What
 * inference computes from symbols is written as an expression, e.g. {@code batch*196}.
 *
 * @param size the number; meaningless when {@code symbol} is set
 * @param symbol the name, or null for a number
 */
public record Dim(long size, @Nullable String symbol) {
    public static Dim of(long size) {
        return new Dim(size, null);
    }

    public static Dim named(String symbol) {
        return new Dim(-1, Objects.requireNonNull(symbol));
    }

    public boolean isKnown() {
        return symbol == null;
    }

    public boolean is(long value) {
        return symbol == null && size == value;
    }

    Dim plus(Dim o) {
        if (isKnown() && o.isKnown()) {
            return of(Math.addExact(size, o.size));
        }
        return o.is(0) ? this : is(0) ? o : named("(" + this + "+" + o + ")");
    }

    Dim minus(Dim o) {
        if (isKnown() && o.isKnown()) {
            return of(Math.subtractExact(size, o.size));
        }
        return o.is(0) ? this : equals(o) ? of(0) : named("(" + this + "-" + o + ")");
    }

    Dim times(Dim o) {
        if (isKnown() && o.isKnown()) {
            return of(Math.multiplyExact(size, o.size));
        }
        return o.is(1) ? this : is(1) ? o : is(0) || o.is(0) ? of(0) : named(this + "*" + o);
    }

    Dim dividedBy(Dim o) {
        if (isKnown() && o.isKnown() && o.size != 0) {
            return of(size / o.size);
        }
        return o.is(1) ? this : equals(o) ? of(1) : named("(" + this + "/" + o + ")");
    }

    @Override
    public String toString() {
        return symbol == null ? Long.toString(size) : symbol;
    }
}
