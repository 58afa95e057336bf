package org.armature.compute.opencl;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.armature.compute.opencl.device.Roof;
import org.armature.show.Figure;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

class RooflineTest {
    // At half of the arithmetic; at three quarters of memory, without an operation.
    private static final Roofline TWO = new Roofline(
            "pocl",
            new Roof(100, 10),
            List.of(
                    new Roofline.Ran("loop <copy>", 0.010, 0, 0.075e9),
                    new Roofline.Ran("tiles product", 0.030, 1.5e9, 0.01e9)));

    @Test
    void theLongestComesFirstAfterTheSumAndSharesAreOfTheRoof() {
        assertEquals(
                List.of(
                        List.of("40.000", "100.0", "37.5", "2.1", "56", "all 2"),
                        List.of("30.000", "75.0", "50.0", "0.3", "50", "tiles product"),
                        List.of("10.000", "25.0", "0.0", "7.5", "75", "loop <copy>")),
                TWO.rows());
        assertEquals(TWO.rows(), TWO.table().rows());
    }

    @Test
    void aDotLiesAsFarBelowTheRoofAsItsShareAlsoWhereNothingIsComputed() {
        Figure.Scatter s = TWO.scatter();
        Figure.Series roof = s.lines().getFirst();
        assertEquals("roof of pocl: 100 GFLOP/s, 10.0 GB/s", roof.name());
        assertEquals(10, roof.x()[1], 1e-9, "the ridge");
        Figure.Dot product = s.dots().getFirst();
        assertEquals("tiles product: 30.000 ms, 50 % of the roof", product.name());
        assertEquals(150, product.x(), 1e-9);
        assertEquals(0.5, product.y() / roof.y()[1], 1e-9);
        Figure.Dot copy = s.dots().getLast();
        assertEquals(roof.x()[0], copy.x(), 1e-12);
        assertEquals(0.75, copy.y() / roof.y()[0], 1e-9);
    }

    @Test
    void aKernelOfNextToNoWorkLiesAtTheLowerEdge() {
        Roofline one = new Roofline("pocl", new Roof(100, 10), List.of(new Roofline.Ran("loop", 1e-3, 1, 4)));
        assertEquals(1e-3, one.scatter().dots().getFirst().y(), 1e-12);
    }

    @Test
    void thePictureIsXmlWithADotAKernel() throws Exception {
        Document d = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(TWO.svg("a < b").getBytes(StandardCharsets.UTF_8)));
        assertEquals(2, d.getElementsByTagName("circle").getLength());
        assertEquals(
                "loop <copy>: 10.000 ms, 75 % of the roof",
                d.getElementsByTagName("circle").item(1).getTextContent());
    }
}
