package org.armature.tokenizer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.leakyRelu;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.stopGradient;

import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Value;

/**
 * Tells patches of given images from those of restored ones (PatchGAN, Isola et al. 2017, without normalisation): convolutions
 * 4x4 with stride 2 and LeakyReLU 0.2, their width doubled from one to the next, then one channel of logits, positive for given
 * images. Its hinge loss and the decoder's have no parameter in common, so one optimiser takes a step of both.
 *
 * @param width channels of the first convolution
 */
record Discriminator(int width) {
    private static final int LAYERS = 3;
    private static final double SLOPE = 0.2;

    /** What the decoder makes small, for images {@code [B, 3, H, W]}; the discriminator's parameters are fixed in it. */
    Value generatorLoss(Scope p, Value restored) {
        return neg(reduceMean(logits(p, restored, true), false));
    }

    /** What the discriminator makes small; the decoder is fixed in it. */
    Value loss(Scope p, Value given, Value restored) {
        Value real = logits(p, given, false);
        Value fake = logits(p, stopGradient(restored), false);
        return add(reduceMean(relu(add(neg(real), 1)), false), reduceMean(relu(add(fake, 1)), false));
    }

    /** {@code [B, 1, h, w]}, a number for each patch. */
    private Value logits(Scope p, Value image, boolean fixed) {
        Value x = image;
        for (int i = 0; i < LAYERS; i++) {
            x = leakyRelu(
                    convolution(
                            p.at(2 * i),
                            x,
                            width << i,
                            4,
                            Window.of(2).stride(2).pad(1),
                            fixed),
                    SLOPE);
        }
        return convolution(p.at(2 * LAYERS), x, 1, 3, Window.of(2).pad(1), fixed);
    }

    private static Value convolution(Scope p, Value x, int outputs, int kernel, Window window, boolean fixed) {
        Value weight = p.parameter("weight", outputs, x.shape().dim(1), kernel, kernel);
        Value bias = p.parameter("bias", outputs);
        return fixed ? conv(x, stopGradient(weight), stopGradient(bias), window) : conv(x, weight, bias, window);
    }
}
