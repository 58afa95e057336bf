package org.armature.tokenizer;

import java.nio.charset.Charset;
import java.text.Normalizer;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The cleaning before tokens are made: Unicode repaired, HTML references resolved twice, white space collapsed, lower case.
 *
 * <p>Of ftfy's repairs: composed characters, straight quotes, ligatures and wide forms, control characters. Text decoded
 * with a wrong character set is not recognised. Named references are Latin-1's and the common punctuation.
 */
final class PlainText {
    private static final Charset WINDOWS = Charset.forName("windows-1252");
    private static final Pattern REFERENCE =
            Pattern.compile("&(#[0-9]{1,9};?|#[xX][0-9a-fA-F]{1,8};?|[^\\t\\n\\f <&#;]{1,32};?)");
    private static final Pattern QUOTES = Pattern.compile("[\u02BC\u2018-\u201B]");
    private static final Pattern DOUBLE_QUOTES = Pattern.compile("[\u201C-\u201F]");
    private static final Pattern COMPATIBLE =
            Pattern.compile("[\u0132\u0133\u0149\u01C4-\u01CC\u01F1-\u01F3\uFB00-\uFB06\uFF01-\uFFEF]");
    private static final Pattern CONTROL = Pattern.compile(
            "[\\x00-\\x08\\x0B\\x0E-\\x1F\\x7F\uFEFF\u206A-\u206F\uFFF9-\uFFFC]|\\x1B\\[[0-9;]*[a-zA-Z]");
    /** Names of U+00A0 to U+00FF, in order. */
    private static final String LATIN =
            "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr"
                    + " deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute"
                    + " Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve"
                    + " Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde"
                    + " auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc"
                    + " otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";
    /** Names that HTML also takes without a semicolon. */
    private static final Map<String, String> OLD = new HashMap<>(
            Map.of("amp", "&", "lt", "<", "gt", ">", "quot", "\"", "AMP", "&", "LT", "<", "GT", ">", "QUOT", "\""));

    private static final Map<String, String> NAMED = new HashMap<>();

    static {
        String[] names = LATIN.split(" ");
        for (int i = 0; i < names.length; i++) {
            OLD.put(names[i], Character.toString(0xA0 + i));
        }
        NAMED.putAll(OLD);
        NAMED.putAll(Map.of("apos", "'", "hellip", "\u2026", "mdash", "\u2014", "ndash", "\u2013", "bull", "\u2022"));
        NAMED.putAll(Map.of("lsquo", "\u2018", "rsquo", "\u2019", "ldquo", "\u201C", "rdquo", "\u201D"));
        NAMED.putAll(
                Map.of("trade", "\u2122", "euro", "\u20AC", "rarr", "\u2192", "larr", "\u2190", "minus", "\u2212"));
    }

    private PlainText() {}

    static String of(String text) {
        String unescaped = unescape(unescape(repaired(text)));
        return unescaped.strip().replaceAll("(?U)\\s+", " ").strip().toLowerCase(Locale.ROOT);
    }

    private static String repaired(String text) {
        String s = replaced(COMPATIBLE, text, c -> Normalizer.normalize(c, Normalizer.Form.NFKC));
        s = DOUBLE_QUOTES.matcher(QUOTES.matcher(s).replaceAll("'")).replaceAll("\"");
        s = CONTROL.matcher(s).replaceAll("");
        return Normalizer.normalize(s, Normalizer.Form.NFC);
    }

    private static String replaced(Pattern p, String s, UnaryOperator<String> by) {
        return p.matcher(s).replaceAll(m -> Matcher.quoteReplacement(by.apply(m.group())));
    }

    /** HTML references resolved as Python's {@code html.unescape} does. */
    private static String unescape(String s) {
        return s.indexOf('&') < 0 ? s : replaced(REFERENCE, s, PlainText::reference);
    }

    private static String reference(String reference) {
        String body = reference.substring(1);
        boolean closed = body.endsWith(";");
        String name = closed ? body.substring(0, body.length() - 1) : body;
        if (name.startsWith("#")) {
            boolean hex = name.length() > 1 && Character.toLowerCase(name.charAt(1)) == 'x';
            return character(Long.parseLong(name.substring(hex ? 2 : 1), hex ? 16 : 10));
        }
        String whole = (closed ? NAMED : OLD).get(name);
        if (whole != null) {
            return whole;
        }
        String found = prefix(body);
        return found == null ? reference : found;
    }

    /** {@code &ampx} is {@code &x}: the longest old name in front counts. */
    private static @Nullable String prefix(String body) {
        for (int n = body.length() - 1; n > 1; n--) {
            String old = OLD.get(body.substring(0, n));
            if (old != null) {
                return old + body.substring(n);
            }
        }
        return null;
    }

    private static String character(long code) {
        if (code == 0 || code > Character.MAX_CODE_POINT || code >= 0xD800 && code <= 0xDFFF) {
            return "\uFFFD";
        }
        if (code >= 0x80 && code <= 0x9F) {
            return new String(new byte[] {(byte) code}, WINDOWS);
        }
        boolean allowed = code >= 0x20 && code != 0x7F || code == '\t' || code == '\n' || code == '\r' || code == '\f';
        return allowed ? Character.toString((int) code) : "";
    }
}
