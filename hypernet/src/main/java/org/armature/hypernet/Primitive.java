package org.armature.hypernet;

import java.util.Locale;

/** Kinds of nodes a graph hypernetwork tells apart; the ordinal is the row of its embedding table. */
enum Primitive {
    MAX_POOL,
    AVG_POOL,
    SEP_CONV,
    DIL_CONV,
    CONV,
    MSA,
    CSE,
    SUM,
    CONCAT,
    INPUT,
    BIAS,
    BN,
    LN,
    POS_ENC,
    GLOB_AVG,
    RMSNORM,
    ROT_EMB,
    GATE;

    /** Rows of a checkpoint for vision networks; one for language has all. */
    static final int VISION = 15;

    /** As the official code spells it: {@code sep_conv}. */
    String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
