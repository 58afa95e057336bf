package org.armature.compute.opencl.ir;

/**
 * An elementwise operation in OpenCL C on {@code x}, {@code y}, {@code z}. Numbers end in {@code t} where they are of the
 * operands' type: {@code 0.5t} becomes {@code 0.5f} or {@code 0.5}.
 *
 * @param name for people
 * @param text e.g. {@code x / (1t + fabs(x))}
 * @param cost about how many additions it takes
 */
public record Formula(String name, String text, int cost) {
    /** Estimates the cost from what is called. */
    public static Formula of(String name, String text) {
        int cost = 1;
        for (String slow :
                new String[] {"exp", "log", "tanh", "erf", "pow", "sin", "cos", "tan", "sqrt", " / ", "fmod"}) {
            for (int i = text.indexOf(slow); i >= 0; i = text.indexOf(slow, i + 1)) {
                cost += slow.equals(" / ") || slow.equals("sqrt") ? 4 : 12;
            }
        }
        return new Formula(
                name,
                text,
                cost
                        + (int) text.chars()
                                .filter(c -> c == '+' || c == '*' || c == '?')
                                .count());
    }
}
