package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyStore;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import jdk.security.jarsigner.JarSigner;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** A running robot that takes only what a friend has signed: everything else is refused with the reason, and it goes on. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SignatureTest {
    private static final char[] PASSWORD = "armature".toCharArray();

    @TempDir
    static Path folder;

    private Path keys;
    private RuntimeProcess runtime;

    @BeforeAll
    void startARobotThatTrustsOneFriend() throws Exception {
        keys = folder.resolve("keys.p12");
        for (String name : new String[] {"friend", "stranger"}) {
            keytool("-genkeypair", "-alias", name, "-dname", "CN=" + name, "-keyalg", "EC", "-validity", "30");
        }
        Path trusted = folder.resolve("trusted.pem");
        keytool("-exportcert", "-rfc", "-alias", "friend", "-file", trusted.toString());
        runtime = RuntimeProcess.start(
                        folder.resolve("instance"), "--require-signed", "--trust-store", trusted.toString())
                .awaitRunning();
        goesOn();
    }

    @AfterAll
    void nothingWasAFault() throws Exception {
        try (RuntimeProcess ending = runtime) {
            assertEquals(0, ending.stop().path("faults").asInt());
        }
    }

    @Test
    void signedByAFriend() throws Exception {
        drop(signed("friends", "friend"));
        runtime.await("its cut-over", () -> told("friends", "cut-over") != null);
        goesOn();
    }

    @Test
    void unsigned() throws Exception {
        refused(policy("unsigned"), "is not signed (", "and signatures are required");
    }

    @Test
    void signedByAStranger() throws Exception {
        refused(signed("strangers", "stranger"), "is signed by CN=stranger, who is not in the trust store");
    }

    @Test
    void aClassChangedAfterItWasSigned() throws Exception {
        Path jar = signed("changed", "friend");
        refused(
                rewritten(jar, "misbehaving/Changed.class", true),
                "was changed after it was signed (misbehaving/Changed.class)");
    }

    @Test
    void aManifestChangedAfterItWasSigned() throws Exception {
        refused(
                rewritten(signed("renamed", "friend"), "META-INF/MANIFEST.MF", true),
                "was changed after it was signed (META-INF/MANIFEST.MF)");
    }

    @Test
    void aFileAddedAfterItWasSigned() throws Exception {
        refused(
                rewritten(signed("added", "friend"), "misbehaving/more.txt", false),
                "is not signed (misbehaving/more.txt)");
    }

    @Test
    void theSignatureTakenOut() throws Exception {
        refused(rewritten(signed("stripped", "friend"), "META-INF/FRIEND.SF", false), "is not signed (");
    }

    /** It holds no class, but its headers alone can do much: it may be a fragment of any bundle. */
    @Test
    void nothingButAnUnsignedManifest() throws Exception {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().putValue("Bundle-ManifestVersion", "2");
        manifest.getMainAttributes().putValue("Bundle-SymbolicName", "bare");
        Path jar = folder.resolve("bare-1.0.0.jar");
        new JarOutputStream(Files.newOutputStream(jar), manifest).close();
        refused(jar, "is not signed");
    }

    private static Path policy(String id) throws IOException {
        return ModuleJar.policy(folder, id, "1.0.0", "", "");
    }

    private Path signed(String id, String by) throws Exception {
        KeyStore store = KeyStore.getInstance(keys.toFile(), PASSWORD);
        var entry = (KeyStore.PrivateKeyEntry) store.getEntry(by, new KeyStore.PasswordProtection(PASSWORD));
        Path plain = policy(id);
        Path jar = Files.createDirectories(folder.resolve("signed")).resolve(plain.getFileName());
        try (ZipFile in = new ZipFile(plain.toFile());
                OutputStream out = Files.newOutputStream(jar)) {
            new JarSigner.Builder(entry)
                    .signerName(by.toUpperCase(java.util.Locale.ROOT))
                    .build()
                    .sign(in, out);
        }
        return jar;
    }

    /** The jar with that entry changed, added, or, if it is a signature, left out. */
    private static Path rewritten(Path jar, String name, boolean change) throws IOException {
        Path to = folder.resolve(jar.getFileName());
        try (ZipFile in = new ZipFile(jar.toFile());
                ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(to))) {
            for (ZipEntry entry : in.stream().toList()) {
                byte[] content = in.getInputStream(entry).readAllBytes();
                if (entry.getName().equals(name)) {
                    if (!change) {
                        continue;
                    }
                    content = changed(content);
                }
                out.putNextEntry(new ZipEntry(entry.getName()));
                out.write(content);
            }
            if (!change && in.getEntry(name) == null) {
                out.putNextEntry(new ZipEntry(name));
                out.write(1);
            }
        }
        return to;
    }

    /** A version for a manifest, else the last byte. */
    private static byte[] changed(byte[] content) {
        String text = new String(content, StandardCharsets.ISO_8859_1);
        if (text.startsWith("Manifest-Version")) {
            return text.replace("Bundle-Version: 1.0.0", "Bundle-Version: 1.0.1")
                    .getBytes(StandardCharsets.ISO_8859_1);
        }
        content[content.length - 1] ^= 1;
        return content;
    }

    private static void drop(Path jar) throws IOException {
        Path deploy = folder.resolve("instance/deploy");
        Path part = deploy.resolve("." + jar.getFileName() + ".part");
        Files.copy(jar, part, StandardCopyOption.REPLACE_EXISTING);
        Files.move(part, deploy.resolve(jar.getFileName()), StandardCopyOption.ATOMIC_MOVE);
    }

    private void refused(Path jar, String... words) throws Exception {
        drop(jar);
        String name = jar.getFileName().toString();
        runtime.await("its refusal", () -> told(name, "refused") != null);
        String reason = told(name, "refused");
        assertTrue(reason.startsWith(name + " "), reason);
        for (String word : words) {
            assertTrue(reason.contains(word), reason);
        }
        assertTrue(runtime.stderr().contains(reason.substring(name.length() + 1)), runtime.stderr());
        goesOn();
    }

    /** The reason of that outcome of that module or file; null if there is none. */
    private String told(String id, String outcome) {
        for (JsonNode swap : runtime.get("/api/swaps")) {
            if (swap.path("id").asText().equals(id)
                    && swap.path("outcome").asText().equals(outcome)) {
                return swap.path("reason").asText();
            }
        }
        return null;
    }

    private void goesOn() throws Exception {
        JsonNode before = runtime.get("/api/state");
        runtime.await("ticks and chunks", () -> {
            JsonNode now = runtime.get("/api/state");
            return now.path("ticks").asLong() > before.path("ticks").asLong() + 50
                    && now.path("chunks").asLong() > before.path("chunks").asLong();
        });
        assertEquals(0, runtime.get("/api/state").path("faults").asInt(-1));
    }

    private void keytool(String... words) throws IOException, InterruptedException {
        String[] line = new String[words.length + 7];
        line[0] = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        System.arraycopy(words, 0, line, 1, words.length);
        String[] store = {"-keystore", keys.toString(), "-storetype", "PKCS12", "-storepass", new String(PASSWORD)};
        System.arraycopy(store, 0, line, words.length + 1, store.length);
        Process tool = new ProcessBuilder(line).redirectErrorStream(true).start();
        String said = new String(tool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (tool.waitFor() != 0) {
            throw new IOException("keytool: " + said);
        }
    }
}
