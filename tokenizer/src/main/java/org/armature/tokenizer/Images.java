package org.armature.tokenizer;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Iterator;
import java.util.Locale;
import java.util.Set;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/** Image files as {@link Picture}s: PNG, JPEG, GIF, BMP and WBMP; colours as stored, transparency dropped. */
final class Images {
    private static final long MOST_PIXELS = 100_000_000;
    private static final Set<String> ENDINGS = Set.of("png", "jpg", "jpeg", "gif", "bmp", "wbmp");

    private Images() {}

    /** Whether the name looks like an image's. */
    static boolean named(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        return ENDINGS.contains(name.substring(name.lastIndexOf('.') + 1));
    }

    /**
     * Reads the first image of a file; its size is checked before anything is decoded.
     *
     * @throws IOException naming the file and what is wrong with it
     */
    static Picture read(Path file) throws IOException {
        try (ImageInputStream in = ImageIO.createImageInputStream(Files.newInputStream(file))) {
            Iterator<ImageReader> readers = ImageIO.getImageReaders(in);
            if (!readers.hasNext()) {
                throw new IOException(file + " is no image this machine can read: give PNG, JPEG, GIF or BMP");
            }
            ImageReader reader = readers.next();
            try {
                return read(reader, in, file);
            } catch (RuntimeException e) { // the decoders let these out on damaged files
                throw new IOException(file + " is damaged: " + e.getMessage(), e);
            } finally {
                reader.dispose();
            }
        }
    }

    private static Picture read(ImageReader reader, ImageInputStream in, Path file) throws IOException {
        reader.setInput(in, true, true);
        long pixels = (long) reader.getWidth(0) * reader.getHeight(0);
        if (pixels > MOST_PIXELS) {
            throw new IOException(file + " has " + pixels / 1_000_000 + " million pixels, more than the "
                    + MOST_PIXELS / 1_000_000 + " allowed: scale it down");
        }
        boolean[] cut = {false};
        reader.addIIOReadWarningListener((source, warning) -> cut[0] |=
                warning.contains("EOI") || warning.toLowerCase(Locale.ROOT).contains("premature"));
        BufferedImage image;
        try {
            image = reader.read(0);
        } catch (IOException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
        if (cut[0]) {
            throw new IOException(file + " is damaged: it ends too early");
        }
        return of(image);
    }

    static Picture of(BufferedImage image) {
        int w = image.getWidth();
        int h = image.getHeight();
        byte[] out = new byte[w * h * 3];
        int[] row = new int[w];
        for (int y = 0; y < h; y++) {
            image.getRGB(0, y, w, 1, row, 0, w);
            for (int x = 0; x < w; x++) {
                int at = (y * w + x) * 3;
                out[at] = (byte) (row[x] >> 16);
                out[at + 1] = (byte) (row[x] >> 8);
                out[at + 2] = (byte) row[x];
            }
        }
        return new Picture(h, w, out);
    }

    /** Writes a PNG; the file is complete or is not there. */
    static void write(Path file, Picture p) throws IOException {
        BufferedImage image = new BufferedImage(p.width(), p.height(), BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < p.width() * p.height(); i++) {
            int at = 3 * i;
            image.setRGB(
                    i % p.width(),
                    i / p.width(),
                    (p.pixels()[at] & 0xFF) << 16 | (p.pixels()[at + 1] & 0xFF) << 8 | p.pixels()[at + 2] & 0xFF);
        }
        Path part = file.resolveSibling(file.getFileName() + ".part");
        ImageIO.write(image, "png", part.toFile());
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
