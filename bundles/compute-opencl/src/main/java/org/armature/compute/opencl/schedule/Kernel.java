package org.armature.compute.opencl.schedule;

import java.util.List;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Attention;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.ir.Winograd;
import org.jspecify.annotations.Nullable;

/** What one launch computes. Bodies load arrays of memory, or arrays of this kernel that are held in registers. */
public sealed interface Kernel {
    /** Arrays it writes to memory. */
    List<Array> writes();

    /** {@code array[position] = body}. */
    record Store(Array array, Index position, Scalar body) {}

    /**
     * Every element on its own.
     *
     * @param panels whether panels of a product are written, which are aligned to whole lines of caches
     */
    record Loop(List<Var> space, List<Store> stores, boolean panels) implements Kernel {
        @Override
        public List<Array> writes() {
            return stores.stream().map(Store::array).toList();
        }
    }

    /** A pass over a row. */
    sealed interface Stage {
        /** Folds the row into a register, and stores it if somebody else needs it. */
        record Reduce(Array array, List<Var> over, Fold fold, Scalar body, boolean stored) implements Stage {}

        /** Stores elements of the row. */
        record Fill(List<Var> inner, List<Store> stores) implements Stage {}
    }

    /** Passes over rows that are independent of each other: a softmax, a normalisation. */
    record Rows(List<Var> rows, List<Stage> stages) implements Kernel {
        @Override
        public List<Array> writes() {
            return stages.stream()
                    .flatMap(s -> switch (s) {
                        case Stage.Reduce r ->
                            r.stored() ? java.util.stream.Stream.of(r.array()) : java.util.stream.Stream.<Array>empty();
                        case Stage.Fill f -> f.stores().stream().map(Store::array);
                    })
                    .toList();
        }
    }

    /** A reduction over outer axes: neighbours in memory are neighbouring results. The stores follow each result. */
    record Columns(Array reduction, List<Var> axes, List<Var> over, Fold fold, Scalar body, List<Store> stores)
            implements Kernel {
        @Override
        public List<Array> writes() {
            return stores.stream().map(Store::array).toList();
        }
    }

    /**
     * A contraction by register tiles; the right operand is in panels of some columns each.
     *
     * @param panels what the right operand is an element of, its last axis the columns of a panel; null if each item makes its
     *     own, or each work-group of a GPU
     */
    record Tiles(
            Array product, Array.Contraction rule, @Nullable Array panels, List<Store> stores) implements Kernel {
        @Override
        public List<Array> writes() {
            return stores.stream().map(Store::array).toList();
        }
    }

    /** A convolution with fewer multiplications. */
    record Convolving(Array product, Winograd rule, List<Store> stores) implements Kernel {
        @Override
        public List<Array> writes() {
            return stores.stream().map(Store::array).toList();
        }
    }

    /** Attention by blocks of queries and keys; what is stored of its results. */
    record Attending(Attention rule, List<Result> results) implements Kernel {
        /** A result, its elements at {@code position}. */
        public record Result(Array array, Attention.Result which, Index position) {}

        @Override
        public List<Array> writes() {
            return results.stream().map(Result::array).toList();
        }
    }

    /** A running sum, an order or a scatter: an item has some lines. */
    record Lines(Array array, Array.Rule rule) implements Kernel {
        @Override
        public List<Array> writes() {
            return List.of(array);
        }
    }
}
