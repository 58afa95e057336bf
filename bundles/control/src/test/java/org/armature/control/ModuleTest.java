package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ModuleTest {
    private static Module<String> policy(String id, int ranking, long order) {
        return new Module<>(id, "policy", "", ranking, order, id);
    }

    @Test
    void theOneWishedForGoesBeforeWhatIsShippedAndBehindWhatIsDeployedAboveIt() {
        Module<String> baseline = policy("pick-place", -10, 30);
        Module<String> learned = policy("learned-pick-place", -5, 40);
        assertTrue(learned.preferred("").outranks(baseline));
        assertTrue(baseline.preferred("pick-place").outranks(learned.preferred("pick-place")));
        assertEquals(learned, learned.preferred("pick-place"));
        assertFalse(learned.outranks(policy("deployed without a ranking", 0, 20)));
        assertTrue(policy("deployed", 5, 90).outranks(baseline.preferred("pick-place")));
        assertEquals(7, policy("deployed", 7, 90).preferred("deployed").ranking());
    }
}
