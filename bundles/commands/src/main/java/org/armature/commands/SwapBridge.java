package org.armature.commands;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.armature.robot.Replacement;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** {@link Replacement} in JDK types for the launcher, which sees no bundle's classes. */
@Component(property = {"armature.swaps:Boolean=true", "armature.refusals:Boolean=true"})
public final class SwapBridge implements Supplier<List<Map<String, Object>>>, Consumer<Map<String, Object>> {
    private final Replacement replacement;

    @Activate
    public SwapBridge(@Reference Replacement replacement) {
        this.replacement = replacement;
    }

    @Override
    public List<Map<String, Object>> get() {
        List<Map<String, Object>> swaps = new ArrayList<>();
        for (Replacement.Swap swap : replacement.history()) {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("time", swap.timeMillis());
            map.put("id", swap.id());
            map.put("version", swap.version());
            map.put("ms", swap.millis());
            map.put("outcome", swap.outcome().text());
            map.put("reason", swap.reason());
            swaps.add(map);
        }
        return swaps;
    }

    @Override
    public void accept(Map<String, Object> refusal) {
        replacement.record(new Replacement.Swap(
                refusal.get("time") instanceof Number time ? time.longValue() : System.currentTimeMillis(),
                text(refusal, "name"),
                text(refusal, "kind"),
                text(refusal, "version"),
                refusal.get("ms") instanceof Number millis ? millis.doubleValue() : 0,
                Replacement.Outcome.REFUSED,
                text(refusal, "reason")));
    }

    private static String text(Map<String, Object> map, String name) {
        Object value = map.get(name);
        return value == null ? "" : value.toString();
    }
}
