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
        Module<String> baseline = policy("pick-place", 0, 40);
        Module<String> learned = policy("learned-pick-place", -10, 30);
        assertFalse(learned.preferred("").outranks(baseline));
        assertTrue(learned.preferred("learned-pick-place").outranks(baseline));
        assertEquals(baseline, baseline.preferred("learned-pick-place"));
        assertTrue(policy("deployed", 5, 90).outranks(learned.preferred("learned-pick-place")));
        assertEquals(7, policy("deployed", 7, 90).preferred("deployed").ranking());
    }
}
