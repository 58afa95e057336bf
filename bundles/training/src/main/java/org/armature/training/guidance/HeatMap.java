package org.armature.training.guidance;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;

/** A matrix of similarities as numbers and as coloured cells: SVG with names and values, PNG of the cells alone. */
final class HeatMap {
    private static final int CELL = 14;
    private static final int MARGIN = 110;
    private static final int[] SCALE = {0x440154, 0x414487, 0x2a788e, 0x22a884, 0x7ad151, 0xfde725};

    private final List<String> rows;
    private final List<String> columns;
    private final float[] values;

    /** {@code values [rows, columns]}, from 0 to 1. */
    HeatMap(List<String> rows, List<String> columns, float[] values) {
        if (values.length != rows.size() * columns.size()) {
            throw new IllegalArgumentException(
                    values.length + " values for " + rows.size() + " rows and " + columns.size() + " columns");
        }
        this.rows = rows;
        this.columns = columns;
        this.values = values;
    }

    /** Writes {@code stem.svg}, {@code stem.png} and {@code stem.matrix.csv} into a folder, each at once. */
    void write(Path folder, String stem, String title) throws IOException {
        replace(folder.resolve(stem + ".svg"), svg(title).getBytes(StandardCharsets.UTF_8));
        replace(folder.resolve(stem + ".png"), png());
        replace(folder.resolve(stem + ".matrix.csv"), csv(title).getBytes(StandardCharsets.UTF_8));
    }

    private static void replace(Path file, byte[] content) throws IOException {
        Path part = file.resolveSibling("." + file.getFileName() + ".part");
        Files.write(part, content);
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Title and column names; then each row's name and values. */
    private String csv(String title) {
        StringBuilder s = new StringBuilder(title.replace(',', ';'));
        columns.forEach(c -> s.append(',').append(c.replace(',', ';')));
        for (int i = 0; i < rows.size(); i++) {
            s.append('\n').append(rows.get(i).replace(',', ';'));
            for (int j = 0; j < columns.size(); j++) {
                s.append(',').append(values[i * columns.size() + j]);
            }
        }
        return s.append('\n').toString();
    }

    /** Viridis, linear between six of its colours; grey for what is no number. */
    static int colour(float v) {
        if (Float.isNaN(v)) {
            return 0xbbbbbb;
        }
        float at = Math.clamp(v, 0f, 1f) * (SCALE.length - 1);
        int i = Math.min((int) at, SCALE.length - 2);
        float part = at - i;
        int c = 0;
        for (int shift = 16; shift >= 0; shift -= 8) {
            int a = SCALE[i] >> shift & 0xff;
            int b = SCALE[i + 1] >> shift & 0xff;
            c |= Math.round(a + (b - a) * part) << shift;
        }
        return c;
    }

    String svg(String title) {
        int width = MARGIN + columns.size() * CELL + 20;
        int height = MARGIN + rows.size() * CELL + 40;
        StringBuilder s = new StringBuilder();
        s.append(format(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\""
                        + " font-size=\"9\"><rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                width, height));
        s.append(format("<text x=\"8\" y=\"16\" font-size=\"12\">%s</text>\n", escape(title)));
        for (int j = 0; j < columns.size(); j++) {
            int x = MARGIN + j * CELL + CELL - 4;
            s.append(format(
                    "<text transform=\"translate(%d %d) rotate(-90)\">%s</text>\n",
                    x, MARGIN - 4, escape(columns.get(j))));
        }
        for (int i = 0; i < rows.size(); i++) {
            int y = MARGIN + i * CELL;
            s.append(format(
                    "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n",
                    MARGIN - 4, y + CELL - 4, escape(rows.get(i))));
            for (int j = 0; j < columns.size(); j++) {
                float v = values[i * columns.size() + j];
                s.append(format(
                        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%06x\"><title>%s, %s: %.3f</title></rect>\n",
                        MARGIN + j * CELL, y, CELL, CELL, colour(v), escape(rows.get(i)), escape(columns.get(j)), v));
            }
        }
        return s.append("</svg>\n").toString();
    }

    /** Eight-bit RGB, no filter: small and readable everywhere. */
    byte[] png() throws IOException {
        int width = columns.size() * CELL;
        int height = rows.size() * CELL;
        ByteArrayOutputStream pixels = new ByteArrayOutputStream();
        try (DeflaterOutputStream z = new DeflaterOutputStream(pixels)) {
            for (int y = 0; y < height; y++) {
                z.write(0);
                for (int x = 0; x < width; x++) {
                    int c = colour(values[y / CELL * columns.size() + x / CELL]);
                    z.write(c >> 16);
                    z.write(c >> 8);
                    z.write(c);
                }
            }
        }
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(file);
        out.writeLong(0x89504e470d0a1a0aL);
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        DataOutputStream h = new DataOutputStream(head);
        h.writeInt(width);
        h.writeInt(height);
        h.write(new byte[] {8, 2, 0, 0, 0});
        chunk(out, "IHDR", head.toByteArray());
        chunk(out, "IDAT", pixels.toByteArray());
        chunk(out, "IEND", new byte[0]);
        return file.toByteArray();
    }

    private static void chunk(DataOutputStream out, String type, byte[] data) throws IOException {
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        CRC32 crc = new CRC32();
        crc.update(name);
        crc.update(data);
        out.writeInt(data.length);
        out.write(name);
        out.write(data);
        out.writeInt((int) crc.getValue());
    }

    private static String format(String f, Object... args) {
        return String.format(Locale.ROOT, f, args);
    }

    private static String escape(String s) {
        return s.replace("&", "&amp;").replace("<", "&lt;");
    }
}
