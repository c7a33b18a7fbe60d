//! What we sign, OpenSSL verifies; what OpenSSL asks for, we sign; keys, requests and lists of
//! revoked certificates are read on both sides.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use portcullis::authn::Secret;
use portcullis::crypto::authority::{
    Authority, AuthorityError, AuthorityOptions, CertificateUsages, CrlContent, IssuedCertificate,
    Leaf, RevokedSerial, SerialNumber,
};
use portcullis::crypto::certificate::Certificate;
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey, PrivateKeyError};
use portcullis::crypto::request::{RequestError, SigningRequest};
use portcullis::crypto::subject::Subject;

const DAY: i64 = 86_400;

fn now() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

/// The keys that OpenSSL made, once for all tests: RSA is slow to make.
struct Fixtures(tempfile::TempDir);

impl Fixtures {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn key(&self, name: &str) -> PrivateKey {
        PrivateKey::from_pem(&self.read(&format!("{name}.key")), None).unwrap()
    }

    /// An authority with one of the keys.
    fn authority(&self, key: &str) -> Authority {
        let options = AuthorityOptions {
            common_name: format!("ca {key}"),
            organizations: vec!["example".to_owned(), "example".to_owned()],
            not_before: now() - 300,
            not_after: now() + 3650 * DAY,
            path_length: Some(0),
        };
        Authority::self_signed(self.key(key), &options).unwrap()
    }

    fn request(&self, key: &str, subject: &str, more: &[&str]) -> SigningRequest {
        SigningRequest::from_pem(&self.asked(key, subject, more)).unwrap()
    }

    /// A request as OpenSSL writes it.
    fn asked(&self, key: &str, subject: &str, more: &[&str]) -> Vec<u8> {
        let key = format!("{key}.key");
        let args = ["req", "-new", "-utf8", "-multivalue-rdn", "-key", &key, "-subj", subject];
        done(self.0.path(), &[&args[..], more].concat()).into_bytes()
    }
}

/// `None`, and a line, where there is no OpenSSL.
fn fixtures() -> Option<&'static Fixtures> {
    static MADE: OnceLock<Option<Fixtures>> = OnceLock::new();

    let made = MADE.get_or_init(|| {
        if Command::new("openssl").arg("version").output().is_err() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for (name, options) in [
            ("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
            ("rsa1024", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024"),
            ("rsa2560", "-algorithm RSA -pkeyopt rsa_keygen_bits:2560"),
            ("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
            ("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
            ("p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
            ("ed25519", "-algorithm ed25519"),
        ] {
            let file = format!("{name}.key");
            let options: Vec<&str> = options.split(' ').collect();
            done(folder.path(), &[&["genpkey", "-out", &file][..], &options].concat());
        }
        Some(Fixtures(folder))
    });
    if made.is_none() {
        println!("skipped: openssl is not there");
    }
    made.as_ref()
}

fn openssl(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("openssl");
    // No configuration of the machine's shall add extensions.
    command.current_dir(folder).env("OPENSSL_CONF", "/dev/null").args(args);
    command.output().unwrap()
}

#[track_caller]
fn done(folder: &Path, args: &[&str]) -> String {
    let output = openssl(folder, args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {args:?}\n{err}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &err
}

#[track_caller]
fn refused(folder: &Path, args: &[&str], because: &str) {
    let output = openssl(folder, args);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!output.status.success() && text.contains(because), "openssl {args:?}\n{text}");
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), content).unwrap();
}

fn issue(authority: &Authority, request: &SigningRequest) -> IssuedCertificate {
    let leaf = Leaf {
        request,
        usages: CertificateUsages::client(),
        not_before: now() - 300,
        not_after: now() + DAY,
        serial: SerialNumber::random().unwrap(),
    };
    authority.issue(&leaf).unwrap()
}

const STRICT: [&str; 4] = ["verify", "-x509_strict", "-purpose", "sslclient"];

#[test]
fn openssl_verifies_what_every_kind_of_authority_signs_for_every_kind_of_key() {
    let Some(fixtures) = fixtures() else { return };
    let leaves = ["rsa", "p256", "p384", "p521", "ed25519"];
    let requests = leaves.map(|key| fixtures.request(key, "/O=dev/O=ops/CN=jane", &[]));
    let folder = folder();
    let folder = folder.path();
    for key in ["rsa", "rsa2560", "p256", "p384", "ed25519"] {
        let authority = fixtures.authority(key);
        write(folder, &format!("ca-{key}.crt"), authority.certificate_pem());
        for (name, request) in leaves.iter().zip(&requests) {
            write(folder, &format!("{name}.crt"), issue(&authority, request).pem());
        }
        let ca = format!("ca-{key}.crt");
        let files = leaves.map(|name| format!("{name}.crt"));
        let files = files.each_ref().map(String::as_str);
        let said = done(folder, &[&STRICT[..], &["-CAfile", &ca], &files].concat());
        assert_eq!(said.matches(": OK").count(), leaves.len(), "{said}");
    }
    // The last ones are Ed25519's, and not the first one's.
    let other = [&STRICT[..], &["-CAfile", "ca-p256.crt", "rsa.crt"]].concat();
    refused(folder, &other, "unable to get local issuer certificate");
    let server = ["verify", "-purpose", "sslserver", "-CAfile", "ca-ed25519.crt", "rsa.crt"];
    refused(folder, &server, "nsuitable certificate purpose");
}

#[test]
fn subject_and_key_are_the_requests_byte_for_byte_and_every_group_is_there_in_order() {
    let Some(fixtures) = fixtures() else { return };
    let subject = "/O=dev/O=ops/O=dev/OU=x+O=Grün/O=system:masters/DC=example/CN=old/CN=Jürgen Ω\
                   /kubernetesUid=42";
    let groups = ["dev", "ops", "dev", "Grün", "system:masters"];
    // OpenSSL leaves out attributes that it knows no name for.
    let config = "oid_section=oids\n[oids]\nkubernetesUid=1.3.6.1.4.1.57683.2\n[req]\n\
                  distinguished_name=dn\n[dn]\n";
    write(fixtures.0.path(), "oids.cnf", config);
    let more = [
        "-config",
        "oids.cnf",
        "-addext",
        "subjectAltName=DNS:jane.example,IP:10.1.2.3,IP:2001:db8::7,email:jane@example.org,URI:spiffe://example/jane,RID:1.2.3",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=keyCertSign",
        "-addext",
        "1.2.3.4=ASN1:UTF8String:x",
    ];
    for key in ["p256", "p384", "rsa", "ed25519"] {
        let request = fixtures.request(key, subject, &more);
        // DER sorts the members of one RDN; each of them counts all the same.
        assert_eq!(request.organizations(), groups);
        assert_eq!(request.common_name(), Some("Jürgen Ω"));
        assert_eq!(request.dns_names(), ["jane.example"]);
        assert_eq!(request.ip_addresses().len(), 2);
        assert_eq!(request.email_addresses(), ["jane@example.org"]);
        assert_eq!(request.uris(), ["spiffe://example/jane"]);
        assert_eq!(request.other_names(), ["registeredID"]);
        assert_eq!(request.other_extensions(), ["2.5.29.19", "2.5.29.15", "1.2.3.4"]);

        let authority = fixtures.authority("p256");
        let issued = issue(&authority, &request);
        let read = Certificate::from_der(issued.der()).unwrap();
        assert_eq!(read.subject_der(), request.subject_der());
        assert_eq!(read.public_key_info(), request.public_key_info());
        assert_eq!(read.issuer_der(), authority.subject_der());
        assert_eq!(read.organizations(), groups);
        assert_eq!(read.common_name(), Some("Jürgen Ω"));
        assert_eq!(read.uid().unwrap().as_deref(), Some("42"));
        assert_eq!(read.serial(), issued.serial().as_bytes());
        assert_eq!(
            (read.not_before(), read.not_after()),
            (issued.not_before(), issued.not_after())
        );
        assert_eq!(read.fingerprint(), issued.fingerprint());
        assert!(!read.is_authority() && !read.may_sign_certificates());
        assert_eq!(read.key_usages(), ["digital signature"]);
        assert_eq!(read.extended_key_usages(), ["client auth"]);

        let folder = folder();
        write(folder.path(), "a.crt", issued.pem());
        write(folder.path(), "ca.crt", authority.certificate_pem());
        done(folder.path(), &[&STRICT[..], &["-CAfile", "ca.crt", "a.crt"]].concat());
        let text = done(folder.path(), &["x509", "-in", "a.crt", "-noout", "-text"]);
        assert!(text.contains("DNS:jane.example, email:jane@example.org, IP Address:10.1.2.3, IP Address:2001:DB8:0:0:0:0:0:7, URI:spiffe://example/jane"), "{text}");
        assert!(!text.contains("Registered ID") && !text.contains("1.2.3.4"), "{text}");
        // The key is whole: with a curve of the signature's instead of its own it would not load.
        done(folder.path(), &["x509", "-in", "a.crt", "-noout", "-pubkey"]);
    }
}

#[test]
fn names_are_critical_when_they_are_all_there_is() {
    let Some(fixtures) = fixtures() else { return };
    let authority = fixtures.authority("p256");
    for (subject, expected) in [("/", "Name: critical"), ("/CN=jane", "Name: \n")] {
        let request =
            fixtures.request("p256", subject, &["-addext", "subjectAltName=DNS:jane.example"]);
        let folder = folder();
        write(folder.path(), "a.crt", issue(&authority, &request).pem());
        let text = done(folder.path(), &["x509", "-in", "a.crt", "-noout", "-text"]);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_key_is_taken_for_what_it_is_whatever_the_request_is_signed_with() {
    let Some(fixtures) = fixtures() else { return };
    let authority = fixtures.authority("p256");
    for (key, digest) in
        [("p384", "-sha256"), ("p256", "-sha512"), ("p521", "-sha512"), ("rsa", "-sha384")]
    {
        let request = fixtures.request(key, "/CN=jane", &[digest]);
        let folder = folder();
        write(folder.path(), "a.crt", issue(&authority, &request).pem());
        let info = done(folder.path(), &["x509", "-in", "a.crt", "-noout", "-pubkey"]);
        let own = done(fixtures.0.path(), &["pkey", "-in", &format!("{key}.key"), "-pubout"]);
        assert_eq!(info, own);
    }
    let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
    assert_eq!(fixtures.request("rsa", "/CN=jane", &pss).common_name(), Some("jane"));
}

#[test]
fn requests_that_prove_nothing_are_refused() {
    let Some(fixtures) = fixtures() else { return };
    let refusal = |pem: &[u8]| SigningRequest::from_pem(pem).unwrap_err();
    for (key, digest, name) in
        [("rsa", "-sha1", "SHA-1"), ("rsa", "-md5", "MD5"), ("p256", "-sha1", "SHA-1")]
    {
        let weak = fixtures.asked(key, "/CN=jane", &[digest]);
        assert_eq!(refusal(&weak), RequestError::WeakSignature(name));
    }
    let short = refusal(&fixtures.asked("rsa1024", "/CN=jane", &[]));
    assert_eq!(
        short.to_string(),
        "the key of the request: an RSA key must have at least 2048 bits, but has 1024; make a longer \
         one"
    );

    let good = String::from_utf8(fixtures.asked("p256", "/CN=jane", &[])).unwrap();
    // S-CSR-3.
    for other in [
        good.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        String::from_utf8(fixtures.read("p256.key")).unwrap() + &good,
        good.lines().take(3).collect::<Vec<_>>().join("\n"),
        String::new(),
    ] {
        let error = refusal(other.as_bytes());
        assert_eq!(error.to_string(), "PEM block type must be CERTIFICATE REQUEST");
    }
    // What comes after the first block is not looked at.
    assert!(SigningRequest::from_pem((good.clone() + "junk").as_bytes()).is_ok());

    let der = SigningRequest::from_pem(good.as_bytes()).unwrap().der().to_vec();
    let at = der.windows(4).position(|bytes| bytes == b"jane").unwrap();
    let mut forged = der.clone();
    forged[at] = b'k';
    assert_eq!(SigningRequest::from_der(&forged).unwrap_err(), RequestError::Signature);
    let trailing = [&der[..], &[0]].concat();
    assert!(matches!(SigningRequest::from_der(&trailing), Err(RequestError::Malformed(_))));
    for end in 0..der.len() {
        assert!(SigningRequest::from_der(&der[..end]).is_err(), "{end}");
    }
    // Every single bit counts.
    for index in 0..der.len() {
        let mut changed = der.clone();
        changed[index] ^= 1;
        assert!(SigningRequest::from_der(&changed).is_err(), "{index}");
    }
    // A group in letters that nobody reads alike.
    let teletex = fixtures.path("teletex.cnf");
    let config =
        "[req]\nstring_mask=MASK:0x4\ndistinguished_name=dn\nprompt=no\n[dn]\nO=Grün\nCN=jane\n";
    write(fixtures.0.path(), "teletex.cnf", config);
    let args = ["req", "-new", "-utf8", "-key", "p256.key", "-config", teletex.to_str().unwrap()];
    let asked = done(fixtures.0.path(), &args);
    assert_eq!(refusal(asked.as_bytes()), RequestError::Text("organization"));
}

#[test]
fn openssl_reads_our_keys_and_requests() {
    let Some(_) = fixtures() else { return };
    let folder = folder();
    let folder = folder.path();
    let secret = Secret::new("correct horse".to_owned());
    write(folder, "pass", "correct horse\n");
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519] {
        let key = PrivateKey::generate(algorithm).unwrap();
        write(folder, "a.key", key.to_pem().expose_secret());
        done(folder, &["pkey", "-in", "a.key", "-check", "-noout"]);
        let sealed = key.to_encrypted_pem(&secret).unwrap();
        write(folder, "b.key", sealed.expose_secret());
        let plain = done(folder, &["pkey", "-in", "a.key"]);
        assert_eq!(done(folder, &["pkey", "-in", "b.key", "-passin", "file:pass"]), plain);
        refused(folder, &["pkey", "-in", "b.key", "-passin", "pass:other"], "");
        let again = PrivateKey::from_pem(sealed.expose_secret().as_bytes(), Some(&secret)).unwrap();
        assert_eq!(again.to_pem().expose_secret(), key.to_pem().expose_secret());

        let subject = Subject {
            common_name: "jane".to_owned(),
            organizations: ["ops", "dev", "ops", "Grün"].map(str::to_owned).to_vec(),
            uid: Some("42".to_owned()),
        };
        write(folder, "a.csr", SigningRequest::create(&key, &subject).unwrap().pem());
        let text = done(
            folder,
            &[
                "req",
                "-in",
                "a.csr",
                "-verify",
                "-noout",
                "-subject",
                "-nameopt",
                "utf8,sep_comma_plus_space",
            ],
        );
        assert!(text.contains("verify OK"), "{text}");
        assert!(
            text.contains("O=ops, O=dev, O=ops, O=Grün, CN=jane, 1.3.6.1.4.1.57683.2=42"),
            "{text}"
        );
    }
}

#[test]
fn keys_are_read_in_every_form_that_openssl_writes() {
    let Some(fixtures) = fixtures() else { return };
    let dir = fixtures.0.path();
    let secret = Secret::new("correct horse".to_owned());
    let pem = |args: &[&str]| done(dir, args).into_bytes();
    let read = |text: &[u8]| {
        PrivateKey::from_pem(text, Some(&secret)).map(|key| key.public_key_info().to_vec())
    };
    for name in ["rsa", "rsa2560", "p256", "p384", "ed25519"] {
        let file = format!("{name}.key");
        let own = fixtures.key(name).public_key_info().to_vec();
        let pass = ["-passout", "pass:correct horse"];
        let sealed = ["pkcs8", "-topk8", "-in", &file, "-v2", "aes-256-cbc"];
        for form in [
            pem(&[&sealed[..], &pass].concat()),
            pem(&[&["pkcs8", "-topk8", "-in", &file, "-scrypt"][..], &pass].concat()),
            pem(&["pkey", "-in", &file, "-aes128", pass[0], pass[1]]),
        ] {
            assert_eq!(read(&form), Ok(own.clone()), "{}", String::from_utf8_lossy(&form));
        }
    }
    // PKCS#1 and SEC 1; Ed25519 has no form of its own.
    for name in ["rsa", "p256", "p384"] {
        let form = pem(&["pkey", "-in", &format!("{name}.key"), "-traditional"]);
        assert!(!form.starts_with(b"-----BEGIN PRIVATE KEY"));
        assert_eq!(read(&form), Ok(fixtures.key(name).public_key_info().to_vec()));
    }
    let parameters = pem(&["ecparam", "-name", "prime256v1", "-genkey"]);
    assert!(parameters.starts_with(b"-----BEGIN EC PARAMETERS"));
    assert!(read(&parameters).is_ok());

    let args = ["pkcs8", "-topk8", "-in", "p256.key", "-passout", "pass:correct horse", "-v2"];
    let sealed = pem(&[&args[..], &["aes-256-cbc"]].concat());
    let refusal = |text: &[u8], secret| PrivateKey::from_pem(text, secret).unwrap_err();
    assert_eq!(refusal(&sealed, None), PrivateKeyError::PassphraseMissing);
    let wrong = Secret::new("battery staple".to_owned());
    assert_eq!(refusal(&sealed, Some(&wrong)), PrivateKeyError::PassphraseWrong);
    let old = pem(&[&args[..], &["des3"]].concat());
    assert_eq!(refusal(&old, Some(&secret)), PrivateKeyError::UnsupportedEncryption);
    let traditional =
        ["rsa", "-in", "rsa.key", "-traditional", "-aes128", "-passout", "pass:correct horse"];
    let traditional = pem(&traditional);
    assert_eq!(refusal(&traditional, Some(&secret)), PrivateKeyError::TraditionalEncryption);
    let of = |name: &str| refusal(&fixtures.read(name), None);
    assert_eq!(of("rsa1024.key"), PrivateKeyError::RsaTooShort { bits: 1024 });
    assert_eq!(of("p521.key"), PrivateKeyError::P521);
    let two = [fixtures.read("p256.key"), fixtures.read("rsa.key")].concat();
    assert_eq!(refusal(&two, None), PrivateKeyError::SeveralKeys);
}

/// An authority as OpenSSL makes it.
fn made_by_openssl(
    fixtures: &Fixtures,
    subject: &str,
    usage: &str,
) -> Result<Authority, AuthorityError> {
    let usage = format!("keyUsage=critical,{usage}");
    let args = ["req", "-x509", "-new", "-key", "p256.key", "-subj", subject, "-days", "30"];
    let more = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", &usage];
    // Without a configuration nobody adds a key id, which then has to be asked for.
    let more = [&more[..], &["-addext", "subjectKeyIdentifier=hash"]].concat();
    let pem = done(fixtures.0.path(), &[&args[..], &more].concat());
    Authority::from_pem(pem.as_bytes(), fixtures.key("p256"))
}

#[test]
fn an_authority_with_a_name_that_no_map_can_hold_signs_what_verifies() {
    let Some(fixtures) = fixtures() else { return };
    let authority =
        made_by_openssl(fixtures, "/DC=org/DC=example/O=a/O=b/CN=ca", "keyCertSign,cRLSign")
            .unwrap();
    let folder = folder();
    write(folder.path(), "ca.crt", authority.certificate_pem());
    let issued = issue(&authority, &fixtures.request("rsa", "/CN=jane", &[]));
    write(folder.path(), "a.crt", issued.pem());
    done(folder.path(), &[&STRICT[..], &["-CAfile", "ca.crt", "a.crt"]].concat());
    assert_eq!(authority.common_name(), Some("ca"));

    let refusal = |usage| made_by_openssl(fixtures, "/CN=ca", usage).unwrap_err();
    assert_eq!(refusal("digitalSignature,cRLSign"), AuthorityError::MayNotSignCertificates);
    let other = Authority::from_pem(authority.certificate_pem().as_bytes(), fixtures.key("rsa"));
    assert_eq!(other.unwrap_err(), AuthorityError::OtherKey);
    let leaf = Authority::from_pem(issued.pem().as_bytes(), fixtures.key("rsa"));
    assert_eq!(leaf.unwrap_err(), AuthorityError::NotAnAuthority);
}

#[test]
fn openssl_honours_our_revocation_lists() {
    let Some(fixtures) = fixtures() else { return };
    let folder = folder();
    let folder = folder.path();
    for key in ["rsa", "p256", "p384", "ed25519"] {
        let authority = fixtures.authority(key);
        let request = fixtures.request("p256", "/CN=jane", &[]);
        let (good, bad) = (issue(&authority, &request), issue(&authority, &request));
        let list = |revoked: &[RevokedSerial<'_>]| {
            let content = CrlContent {
                number: 4711,
                this_update: now() - 60,
                next_update: now() + DAY,
                revoked,
            };
            authority.crl(&content).unwrap()
        };
        let serial = bad.serial().as_bytes();
        write(folder, "ca.crt", authority.certificate_pem());
        write(folder, "good.crt", good.pem());
        write(folder, "bad.crt", bad.pem());
        write(
            folder,
            "full.der",
            list(&[RevokedSerial { serial, at: now() - 60, reason: Some(1) }]),
        );
        write(folder, "empty.der", list(&[]));
        for name in ["full", "empty"] {
            let (der, pem) = (format!("{name}.der"), format!("{name}.pem"));
            let args = ["crl", "-inform", "DER", "-in", &der, "-out", &pem, "-CAfile", "ca.crt"];
            let said = done(folder, &args);
            assert!(said.contains("verify OK"), "{said}");
        }
        let text = done(folder, &["crl", "-in", "full.pem", "-noout", "-text"]);
        for part in ["Version 2", "4711", "Key Compromise", "Authority Key Identifier"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let check = |list, certificate| {
            [&STRICT[..], &["-crl_check", "-CAfile", "ca.crt", "-CRLfile", list, certificate]]
                .concat()
        };
        done(folder, &check("full.pem", "good.crt"));
        done(folder, &check("empty.pem", "bad.crt"));
        refused(folder, &check("full.pem", "bad.crt"), "certificate revoked");
    }
}

#[test]
fn an_authority_like_kubeadms_signs_certificates_and_no_revocation_list() {
    let Some(fixtures) = fixtures() else { return };
    let usage = "digitalSignature,keyEncipherment,keyCertSign";
    let authority = made_by_openssl(fixtures, "/CN=kubernetes", usage).unwrap();
    assert!(!authority.may_sign_crls());
    let content = CrlContent { number: 1, this_update: 0, next_update: 1, revoked: &[] };
    let refusal = authority.crl(&content).unwrap_err();
    assert_eq!(refusal, AuthorityError::MayNotSignCrls);
    assert!(refusal.to_string().contains("lacks cRLSign"), "{refusal}");
    issue(&authority, &fixtures.request("p256", "/CN=jane", &[]));
}
