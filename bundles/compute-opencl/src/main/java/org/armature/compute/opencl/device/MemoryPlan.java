package org.armature.compute.opencl.device;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.opencl.ir.Array;

/**
 * Where intermediate arrays lie: each lives from the kernel that writes it to the last that reads it, and arrays that do not
 * live at the same time share memory (best fit, largest first among those that begin together).
 *
 * @param chunks bytes of each buffer to allocate
 * @param places of every array
 */
public record MemoryPlan(List<Long> chunks, Map<Array, Place> places) {
    /** A part of a chunk. */
    public record Place(int chunk, long offset, long bytes) {}

    /** From the first to the last kernel that touches an array. */
    public record Life(Array array, int from, int to) {}

    /**
     * Plans.
     *
     * @param alignment of each array in bytes
     * @param largest bytes a chunk may have
     * @throws OutOfMemoryError naming the array that is larger than a chunk may be
     */
    public static MemoryPlan of(List<Life> lives, int alignment, long largest) {
        List<Life> order = new ArrayList<>(lives);
        order.sort(Comparator.comparingInt(Life::from)
                .thenComparing(l -> -l.array().bytes()));
        List<Long> chunks = new ArrayList<>();
        Map<Array, Place> places = new IdentityHashMap<>();
        List<Life> placed = new ArrayList<>();
        for (Life life : order) {
            long bytes = Devices.aligned(life.array().bytes(), alignment);
            if (bytes > largest) {
                throw new OutOfMemoryError("tensor " + life.array() + " takes " + bytes
                        + " bytes, but the device gives at most " + largest + " in one piece: use a smaller batch");
            }
            placed.removeIf(p -> p.to() < life.from());
            places.put(life.array(), fit(life, bytes, placed, places, chunks, largest));
            placed.add(life);
        }
        return new MemoryPlan(List.copyOf(chunks), places);
    }

    private static Place fit(
            Life life, long bytes, List<Life> placed, Map<Array, Place> places, List<Long> chunks, long largest) {
        Place best = null;
        long bestGap = Long.MAX_VALUE;
        for (int c = 0; c < chunks.size(); c++) {
            int chunk = c;
            List<Place> taken = placed.stream()
                    .map(l -> places.get(l.array()))
                    .filter(p -> p.chunk() == chunk)
                    .sorted(Comparator.comparingLong(Place::offset))
                    .toList();
            long at = 0;
            for (int i = 0; i <= taken.size(); i++) {
                long end = i < taken.size() ? taken.get(i).offset() : chunks.get(c);
                long gap = end - at;
                if (gap >= bytes && gap < bestGap) {
                    best = new Place(c, at, bytes);
                    bestGap = gap;
                }
                if (i < taken.size()) {
                    at = Math.max(at, taken.get(i).offset() + taken.get(i).bytes());
                }
            }
            if (best == null && at + bytes <= largest) {
                chunks.set(c, Math.max(chunks.get(c), at + bytes));
                best = new Place(c, at, bytes);
                bestGap = bytes;
            }
        }
        if (best == null) {
            chunks.add(bytes);
            best = new Place(chunks.size() - 1, 0, bytes);
        }
        return best;
    }

    /** Bytes of all chunks. */
    public long bytes() {
        return chunks.stream().mapToLong(Long::longValue).sum();
    }
}
