package org.armature.show;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class FigureTest {
    private static void refused(String says, Executable figure) {
        String message = assertThrows(IllegalArgumentException.class, figure).getMessage();
        assertTrue(message.contains(says), message);
    }

    @Test
    void whatDoesNotFitIsNamed() {
        refused("2 x and 1 y", () -> new Figure.Series("loss", new double[2], new double[1]));
        refused("x falls", () -> new Figure.Series("loss", new double[] {2, 1}, new double[2]));
        refused("x falls", () -> new Figure.Series("loss", new double[] {0, Double.NaN}, new double[2]));
        refused(
                "2 columns need 2",
                () -> new Figure.HeatMap("CKA", List.of("a"), List.of("b", "c"), new double[3], 0, 1));
        refused("is empty", () -> new Figure.HeatMap("CKA", List.of(), List.of(), new double[0], 1, 1));
        refused("needs 12", () -> new Figure.Picture("p", 2, 2, new byte[11]));
        refused("at least one column", () -> new Figure.Pictures(0, List.of()));
        refused("[1, H, W] 4", () -> Figure.Picture.of("p", 2, 2, new float[5]));
        refused("three of each", () -> new Figure.PointCloud(new float[6], new byte[3]));
        refused("its area is -1.0", () -> new Figure.Dot("kernel", 1, 1, -1));
        refused("its area is NaN", () -> new Figure.Dot("kernel", 1, 1, Double.NaN));
        refused("a row of 1 cells", () -> new Figure.Table(List.of("a", "b"), List.of(List.of("1"))));
    }

    @Test
    void aPictureOfNumbersIsClippedAndInterleaved() {
        float[] chw = {0, 1, 0.5f, -3, 2, 0.2f};
        assertArrayEquals(
                new byte[] {0, (byte) 128, (byte) 255, (byte) 255, 0, 51},
                Figure.Picture.of("", 2, 1, chw).rgb());
        assertArrayEquals(
                new byte[] {0, 0, 0, (byte) 255, (byte) 255, (byte) 255},
                Figure.Picture.of("", 2, 1, new float[] {0, 1}).rgb());
        assertEquals(2, new Figure.PointCloud(new float[6], new byte[6]).size());
    }
}
