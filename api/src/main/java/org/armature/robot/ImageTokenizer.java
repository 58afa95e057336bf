package org.armature.robot;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Turns camera frames into latents and back: what a policy sees instead of pixels, or a world model predicts. Kind
 * {@code tokenizer}. Replaced like any service; latents of one tokenizer mean nothing to another, so who keeps them keeps
 * {@link #version()} with them.
 *
 * <p>Any thread. Laws: a frame's latents are computed once, however often they are asked for; the same frame gives the same
 * latents; decoding gives an image of the size {@link #imageSize()}.
 */
@ConsumerType
public interface ImageTokenizer {
    /** Tells the checkpoint: equal versions give equal latents. */
    String version();

    /** {@code C, h, w} of a latent. */
    int[] latentShape();

    /** Side of the square image that is encoded: a frame is scaled to it by its short side and cropped at the centre. */
    int imageSize();

    /**
     * Latents of a frame.
     *
     * @return {@code [C, h, w]} row-major; shared, so not to be written
     */
    float[] encode(CameraFrame frame);

    /**
     * The image of latents.
     *
     * @param latents {@code [C, h, w]} row-major
     * @return {@code [S, S, 3]} uint8 sRGB, top row first
     * @throws IllegalArgumentException if there are not {@code C h w} of them
     */
    byte[] decode(float[] latents);
}
