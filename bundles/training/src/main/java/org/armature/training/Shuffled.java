package org.armature.training;

import org.armature.train.DataSelector;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Component;

/** Every example once an epoch, in an order of its own each. */
@Component(property = {"armature.id=shuffled", "armature.kind=data-selector"})
public final class Shuffled implements DataSelector {
    @Override
    public String id() {
        return "shuffled";
    }

    @Override
    public long[] order(int epoch, long size, long seed) {
        return Draw.of(seed, epoch).permutation(Math.toIntExact(size));
    }
}
