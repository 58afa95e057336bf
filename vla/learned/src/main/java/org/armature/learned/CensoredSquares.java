package org.armature.learned;

import static org.armature.graph.Ops.*;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.LongStream;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/**
 * Mean square error of {@code actions} against {@code target}, where a target at a limit says only that the demonstrator
 * wanted at least as much: no error for going beyond (the censored regression of Tobin 1958, with squares in place of the
 * likelihood). Config: {@code low} (-1), {@code high} (1).
 */
@Component(
        property = {
            "armature.id=censored-squares",
            "armature.kind=objective",
            "armature.paper=Estimation of Relationships for Limited Dependent Variables"
        })
public final class CensoredSquares implements Objective {
    @Override
    public String id() {
        return "censored-squares";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config c) {
        Chunk.Pair pair = Chunk.Pair.of(id(), outputs, batch);
        Value t = pair.target();
        Value e = sub(pair.actions(), t);
        Value none = like(e, 0);
        Value above = greaterOrEqual(t, like(t, c.number("high", 1)));
        Value below = lessOrEqual(t, like(t, c.number("low", -1)));
        e = where(above, min(e, none), where(below, max(e, none), e));
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        m.put(LOSS, reduceMean(mul(e, e), false, LongStream.range(0, e.rank()).toArray()));
        return m;
    }
}
