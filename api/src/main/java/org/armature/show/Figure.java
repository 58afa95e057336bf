package org.armature.show;

import java.util.List;
import java.util.Locale;
import org.osgi.annotation.versioning.ProviderType;

/**
 * One thing to look at, as data: how it is drawn is the viewer's matter. Immutable; arrays are handed over and not
 * written any more, by anybody. Two figures are equal when they hold the same arrays.
 */
@ProviderType
public sealed interface Figure {
    /** Most values, pixels or points of one figure; more is a mistake, not a figure. */
    int MAX_ELEMENTS = 1 << 24;

    /**
     * Lines over a common axis, such as losses over steps. Viewers thin long lines themselves.
     *
     * @param xLabel what the x axis counts, e.g. {@code step}
     * @param yLabel what the y axis measures, with its unit; may be empty
     * @param series the lines; each has x values of its own
     */
    record Curves(String xLabel, String yLabel, List<Series> series) implements Figure {
        public Curves {
            series = List.copyOf(series);
        }
    }

    /**
     * One line.
     *
     * @param name its name in the legend
     * @param x {@code [n]} rising
     * @param y {@code [n]}; not finite where there is a gap
     */
    record Series(String name, double[] x, double[] y) {
        /** @throws IllegalArgumentException if lengths differ or x falls */
        public Series {
            if (x.length != y.length) {
                throw new IllegalArgumentException(
                        "series " + name + " has " + x.length + " x and " + y.length + " y: give one y for each x");
            }
            within("series " + name, x.length);
            for (int i = 1; i < x.length; i++) {
                if (!(x[i] >= x[i - 1])) {
                    throw new IllegalArgumentException(
                            "series " + name + ": x falls from " + x[i - 1] + " to " + x[i] + ": sort it by x");
                }
            }
        }
    }

    /**
     * Dots over two axes, such as kernels under the roof of their device: operations a second over operations a byte.
     *
     * @param xLabel what the x axis measures, with its unit
     * @param yLabel what the y axis measures, with its unit
     * @param logarithmic whether both axes are; what is not positive is not drawn then
     * @param dots in the order to draw them, the last on top
     * @param lines what the dots are seen against, such as a bound; may be empty
     */
    record Scatter(String xLabel, String yLabel, boolean logarithmic, List<Dot> dots, List<Series> lines)
            implements Figure {
        /** @throws IllegalArgumentException if there are more dots than {@link #MAX_ELEMENTS} */
        public Scatter {
            dots = List.copyOf(dots);
            lines = List.copyOf(lines);
            within("scatter of " + yLabel + " over " + xLabel, dots.size());
        }
    }

    /**
     * One dot.
     *
     * @param name what is said of it when it is pointed at
     * @param x not finite if it has no place
     * @param y likewise
     * @param area in proportion to the other dots', 0 or more; viewers bound it
     */
    record Dot(String name, double x, double y, double area) {
        /** @throws IllegalArgumentException if the area is negative or not finite */
        public Dot {
            if (!(area >= 0) || !Double.isFinite(area)) {
                throw new IllegalArgumentException(
                        String.format(Locale.ROOT, "dot %s: its area is %s: give 0 or more", name, area));
            }
        }
    }

    /**
     * A matrix as colours, such as the similarity (CKA) of the layers of two networks or an attention map.
     *
     * @param label what a value is, with its unit
     * @param rows {@code R} names, top first
     * @param columns {@code C} names, left first
     * @param values {@code [R, C]} row-major; not finite where there is none
     * @param low value of the first colour of the scale
     * @param high value of the last
     */
    record HeatMap(String label, List<String> rows, List<String> columns, double[] values, double low, double high)
            implements Figure {
        /** @throws IllegalArgumentException if names and values do not fit, or the scale is empty */
        public HeatMap {
            rows = List.copyOf(rows);
            columns = List.copyOf(columns);
            if (values.length != (long) rows.size() * columns.size()) {
                throw new IllegalArgumentException("heat map " + label + " has " + values.length + " values, but "
                        + rows.size() + " rows x " + columns.size() + " columns need "
                        + (long) rows.size() * columns.size());
            }
            within("heat map " + label, values.length);
            if (!(low < high) || !Double.isFinite(high - low)) {
                throw new IllegalArgumentException(
                        String.format(Locale.ROOT, "heat map %s: the scale from %s to %s is empty", label, low, high));
            }
        }
    }

    /**
     * Pictures in a grid, such as originals beside their reconstructions ({@code columns} 2).
     *
     * @param columns pictures in a line
     * @param pictures row by row
     */
    record Pictures(int columns, List<Picture> pictures) implements Figure {
        /** @throws IllegalArgumentException if there is no column, or there are more pixels than {@link #MAX_ELEMENTS} */
        public Pictures {
            pictures = List.copyOf(pictures);
            if (columns < 1) {
                throw new IllegalArgumentException("pictures need at least one column, not " + columns);
            }
            within(
                    "pictures",
                    pictures.stream().mapToLong(p -> (long) p.width * p.height).sum());
        }
    }

    /**
     * One picture.
     *
     * @param caption what it shows; may be empty
     * @param width W, pixels
     * @param height H, pixels
     * @param rgb {@code [H, W, 3]} uint8 sRGB, row-major, top row first
     */
    record Picture(String caption, int width, int height, byte[] rgb) {
        /** @throws IllegalArgumentException if the array does not fit the size */
        public Picture {
            if (width <= 0 || height <= 0 || rgb.length != 3L * width * height) {
                throw new IllegalArgumentException("picture " + caption + ": rgb has " + rgb.length + " bytes, but "
                        + height + " x " + width + " x 3 needs " + 3L * width * height);
            }
        }

        /**
         * A picture of numbers in {@code [0, 1]}, as networks take and give them; what lies outside is clipped.
         *
         * @param chw {@code [3, H, W]} or, for grey, {@code [1, H, W]}
         */
        public static Picture of(String caption, int width, int height, float[] chw) {
            int n = Math.multiplyExact(width, height);
            if (chw.length != 3L * n && chw.length != n) {
                throw new IllegalArgumentException("picture " + caption + " has " + chw.length
                        + " values, but [3, H, W] needs " + 3L * n + " and [1, H, W] " + n);
            }
            byte[] rgb = new byte[Math.multiplyExact(3, n)];
            for (int i = 0; i < n; i++) {
                for (int c = 0; c < 3; c++) {
                    float v = chw[chw.length == n ? i : c * n + i];
                    rgb[3 * i + c] = (byte) Math.round(255 * Math.clamp(v, 0f, 1f));
                }
            }
            return new Picture(caption, width, height, rgb);
        }
    }

    /**
     * Coloured points, drawn in the scene beside robot and cameras.
     *
     * @param xyz {@code [n, 3]} world coordinates, m
     * @param rgb {@code [n, 3]} uint8 sRGB
     */
    record PointCloud(float[] xyz, byte[] rgb) implements Figure {
        /** @throws IllegalArgumentException if the arrays do not fit each other */
        public PointCloud {
            if (xyz.length != rgb.length || xyz.length % 3 != 0) {
                throw new IllegalArgumentException("a cloud of " + xyz.length + " coordinates and " + rgb.length
                        + " colour values: give three of each a point");
            }
            within("point cloud", xyz.length / 3);
        }

        /** Number of points. */
        public int size() {
            return xyz.length / 3;
        }
    }

    /**
     * Text in rows and columns.
     *
     * @param columns C headings
     * @param rows rows of C cells
     */
    record Table(List<String> columns, List<List<String>> rows) implements Figure {
        /** @throws IllegalArgumentException if a row has another number of cells */
        public Table {
            columns = List.copyOf(columns);
            rows = rows.stream().map(List::copyOf).toList();
            for (List<String> row : rows) {
                if (row.size() != columns.size()) {
                    throw new IllegalArgumentException(
                            "a row of " + row.size() + " cells in a table of " + columns.size() + " columns: " + row);
                }
            }
            within("table", (long) rows.size() * columns.size());
        }
    }

    private static void within(String what, long elements) {
        if (elements > MAX_ELEMENTS) {
            throw new IllegalArgumentException(
                    what + " has " + elements + " elements; at most " + MAX_ELEMENTS + " are shown: thin it out");
        }
    }
}
