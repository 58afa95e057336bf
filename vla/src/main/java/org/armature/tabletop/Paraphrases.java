package org.armature.tabletop;

import java.util.function.BiFunction;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Component;

/** Says "put the red cube in the blue bowl" in other words, which no training used; the seed chooses among them. */
@Component(service = BiFunction.class, property = "armature.words=unseen")
public final class Paraphrases implements BiFunction<String, Long, String> {
    @Override
    public String apply(String task, Long seed) {
        return Phrases.again(Draw.of(seed, "rollout"), task, true);
    }
}
