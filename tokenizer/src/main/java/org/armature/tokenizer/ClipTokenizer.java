package org.armature.tokenizer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/**
 * CLIP's byte-pair encoding: text to ids of 49,408 symbols. The merges are OpenAI's {@code bpe_simple_vocab_16e6.txt.gz}, a
 * file the user brings. Thread-safe.
 */
final class ClipTokenizer {
    private static final int MERGES = 49152 - 256 - 2;
    private static final int LONGEST_LINE = 1024;
    private static final String END_OF_WORD = "</w>";
    private static final Pattern WORDS = Pattern.compile(
            "<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^\\s\\p{L}\\p{N}]+",
            Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE | Pattern.UNICODE_CHARACTER_CLASS);

    private final String[] byteSymbols = byteSymbols();
    private final Map<String, Integer> ids = new HashMap<>();
    private final Map<Pair, Integer> ranks = new HashMap<>();
    private final Map<String, int[]> words = new ConcurrentHashMap<>();
    private final int start;
    private final int end;

    private record Pair(String left, String right) {}

    /**
     * From the merges, best first, e.g. {@code "i n"}. Ids count the 256 bytes, the bytes that end a word, the merges, the
     * start and the end of a text.
     */
    ClipTokenizer(List<String> merges) {
        Arrays.stream(byteSymbols).sorted(ClipTokenizer::printableFirst).forEach(this::number);
        Arrays.stream(byteSymbols).sorted(ClipTokenizer::printableFirst).forEach(s -> number(s + END_OF_WORD));
        for (String merge : merges) {
            int space = merge.indexOf(' ');
            if (space < 1 || merge.indexOf(' ', space + 1) >= 0) {
                throw new IllegalArgumentException("merge " + (ranks.size() + 1) + " is \"" + merge
                        + "\": two symbols with a space between are needed; use the file as OpenAI ships it");
            }
            Pair pair = new Pair(merge.substring(0, space), merge.substring(space + 1));
            ranks.putIfAbsent(pair, ranks.size());
            number(pair.left + pair.right);
        }
        start = number("<start_of_text>");
        end = number("<end_of_text>");
    }

    /**
     * Reads the merges, gzipped or plain.
     *
     * @throws IOException naming the file and what is wrong
     */
    static ClipTokenizer open(Path file) throws IOException {
        List<String> lines = new ArrayList<>();
        try (InputStream raw = Files.newInputStream(file);
                InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw;
                BufferedReader reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
            reader.readLine(); // the version
            for (String l = reader.readLine(); l != null && lines.size() < MERGES; l = reader.readLine()) {
                if (l.length() > LONGEST_LINE) {
                    throw new IOException(file + " has a line of " + l.length() + " characters: it holds no merges");
                }
                lines.add(l);
            }
        }
        if (lines.size() < MERGES) {
            throw new IOException(file + " has " + lines.size() + " merges, " + MERGES
                    + " are needed: fetch bpe_simple_vocab_16e6.txt.gz again");
        }
        return new ClipTokenizer(lines);
    }

    private int number(String symbol) {
        int next = ids.size();
        Integer before = ids.putIfAbsent(symbol, next);
        return before == null ? next : before;
    }

    /** Ids with start and end, padded with 0 to the context; longer texts are cut and still end with the end id. */
    long[] encode(String text, int context) {
        if (context < 2) {
            throw new IllegalArgumentException(
                    "context_length " + context + " has no room for start and end: give 2 or more");
        }
        long[] out = new long[context];
        int n = 0;
        out[n++] = start;
        Matcher m = WORDS.matcher(PlainText.of(text));
        while (n < context && m.find()) {
            for (int id : words.computeIfAbsent(m.group(), this::word)) {
                if (n < context) {
                    out[n++] = id;
                }
            }
        }
        out[Math.min(n, context - 1)] = end;
        return out;
    }

    private int[] word(String word) {
        if (ids.containsKey(word) && word.startsWith("<") && word.endsWith("_of_text>")) {
            return new int[] {ids.get(word)};
        }
        List<String> symbols = new ArrayList<>();
        for (byte b : word.getBytes(StandardCharsets.UTF_8)) {
            symbols.add(byteSymbols[b & 0xFF]);
        }
        symbols.addLast(symbols.removeLast() + END_OF_WORD);
        for (Pair best = best(symbols); best != null; best = best(symbols)) {
            symbols = merge(symbols, best);
        }
        return symbols.stream().mapToInt(ids::get).toArray();
    }

    private @Nullable Pair best(List<String> symbols) {
        Pair best = null;
        int least = Integer.MAX_VALUE;
        for (int i = 0; i + 1 < symbols.size(); i++) {
            Pair p = new Pair(symbols.get(i), symbols.get(i + 1));
            int rank = ranks.getOrDefault(p, Integer.MAX_VALUE);
            if (rank < least) {
                least = rank;
                best = p;
            }
        }
        return best;
    }

    private static List<String> merge(List<String> symbols, Pair pair) {
        List<String> out = new ArrayList<>();
        for (int i = 0; i < symbols.size(); i++) {
            boolean here = i + 1 < symbols.size()
                    && symbols.get(i).equals(pair.left)
                    && symbols.get(i + 1).equals(pair.right);
            out.add(here ? pair.left + pair.right : symbols.get(i));
            i += here ? 1 : 0;
        }
        return out;
    }

    /** GPT-2's printable character of each byte: itself if it prints, else one from 256 on. */
    private static String[] byteSymbols() {
        String[] symbols = new String[256];
        int other = 256;
        for (int b = 0; b < 256; b++) {
            boolean prints = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
            symbols[b] = Character.toString(prints ? b : other++);
        }
        return symbols;
    }

    private static int printableFirst(String a, String b) {
        return Integer.compare(a.charAt(0), b.charAt(0)); // the replacements follow all bytes
    }
}
