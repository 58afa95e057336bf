package org.armature.launcher;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSigner;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Collections;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Whose signature lets a jar in. Checked by reading the whole jar, because Felix answers nothing about signers; so a
 * truncated or corrupt jar is found here too, before it is installed.
 *
 * @param required whether an unsigned jar is refused
 * @param certificates of those who may sign
 */
record Trust(boolean required, Set<Certificate> certificates) {
    /** No signature asked; a jar changed after it was signed is still refused. */
    static final Trust NONE = new Trust(false, Set.of());

    private static final Pattern SIGNATURE_FILE =
            Pattern.compile("META-INF/(MANIFEST\\.MF|[^/]+\\.(SF|RSA|DSA|EC))", Pattern.CASE_INSENSITIVE);

    /** @throws IOException one sentence */
    static Trust read(@Nullable Path store) throws IOException {
        if (store == null || !Files.isRegularFile(store)) {
            throw new IOException(
                    "the trust store " + store + " is not there: give a file of certificates with --trust-store");
        }
        Set<Certificate> certificates = new HashSet<>();
        byte[] head = Files.readAllBytes(store);
        try {
            if (new String(head, 0, Math.min(head.length, 4096), java.nio.charset.StandardCharsets.ISO_8859_1)
                    .contains("-----BEGIN")) {
                try (InputStream in = Files.newInputStream(store)) {
                    certificates.addAll(CertificateFactory.getInstance("X.509").generateCertificates(in));
                }
            } else {
                String password = System.getenv("ARMATURE_TRUST_PASSWORD");
                KeyStore keys =
                        KeyStore.getInstance(store.toFile(), (password == null ? "changeit" : password).toCharArray());
                for (String alias : Collections.list(keys.aliases())) {
                    certificates.add(keys.getCertificate(alias));
                }
            }
        } catch (GeneralSecurityException | IOException e) {
            throw new IOException(
                    "the trust store " + store + " cannot be read (" + e.getMessage()
                            + "): it must be PEM, PKCS12 or JKS, with its password in ARMATURE_TRUST_PASSWORD",
                    e);
        }
        if (certificates.isEmpty()) {
            throw new IOException("the trust store " + store + " holds no certificate: nothing could ever be deployed");
        }
        return new Trust(true, Set.copyOf(certificates));
    }

    /** Why {@code jar} must not run, or empty. Reads every byte of it. */
    Optional<String> objection(Path jar) {
        try (JarFile file = new JarFile(jar.toFile(), true)) {
            byte[] buffer = new byte[1 << 16];
            boolean signed = false;
            for (JarEntry entry : Collections.list(file.entries())) {
                if (entry.isDirectory()) {
                    continue;
                }
                try (InputStream in = file.getInputStream(entry)) {
                    while (in.read(buffer) >= 0) {
                        // The signature of an entry is checked when it has been read to its end.
                    }
                } catch (SecurityException e) {
                    return Optional.of("was changed after it was signed (" + entry.getName() + ")");
                }
                if (!required || SIGNATURE_FILE.matcher(entry.getName()).matches()) {
                    continue;
                }
                CodeSigner[] signers = entry.getCodeSigners();
                if (signers == null) {
                    return Optional.of("is not signed (" + entry.getName() + "), and signatures are required");
                }
                signed = true;
                boolean trusted = false;
                for (CodeSigner signer : signers) {
                    trusted |= certificates.contains(
                            signer.getSignerCertPath().getCertificates().getFirst());
                }
                if (!trusted) {
                    Certificate first =
                            signers[0].getSignerCertPath().getCertificates().getFirst();
                    return Optional.of("is signed by "
                            + (first instanceof X509Certificate x
                                    ? x.getSubjectX500Principal().getName()
                                    : first.getType())
                            + ", who is not in the trust store");
                }
            }
            // A signature covers the manifest and, through it, the entries; without an entry nothing vouches for the
            // manifest either.
            return required && !signed
                    ? Optional.of("is not signed (it has nothing but a manifest), and signatures are required")
                    : Optional.empty();
        } catch (SecurityException e) {
            return Optional.of("has a broken signature (" + e.getMessage() + ")");
        } catch (IOException | IllegalArgumentException e) {
            return Optional.of("is not a whole jar (" + e.getMessage() + ")");
        }
    }
}
