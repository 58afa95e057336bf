package org.armature.autodiff;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import org.armature.graph.DType;
import org.armature.graph.Graph;

/** Every rule against finite differences, over drawn shapes, broadcasting and attributes. */
class DerivativeProperties {
    private static final int TRIES = Boolean.getBoolean("armature.long") ? 100 : 3;

    @Property(tries = 1, shrinking = ShrinkingMode.OFF)
    void everyRuleAgreesWithFiniteDifferences(@ForAll long seed) {
        for (int i = 0; i < TRIES; i++) {
            check(seed + i, 1);
        }
    }

    @Property(tries = 1, shrinking = ShrinkingMode.OFF)
    void everyGradientGraphCanBeDifferentiatedAgain(@ForAll long seed) {
        for (int i = 0; i < TRIES; i++) {
            check(seed + i, 2);
        }
    }

    private static void check(long seed, int order) {
        List<String> failures = new ArrayList<>();
        Cases.ALL.forEach((name, build) -> {
            try {
                Draw d = new Draw(name, DType.DOUBLE, seed);
                Graph g = d.graph(build.apply(d));
                FiniteDifferences.check(g, d.numbers, seed, order);
            } catch (AssertionError | RuntimeException e) {
                failures.add(name + " (seed " + seed + "): " + e);
            }
        });
        if (!failures.isEmpty()) {
            fail(failures.size() + " of " + Cases.ALL.size() + " cases\n" + String.join("\n", failures));
        }
    }
}
