//! What only the `openssl` program will make: old digests, short keys, old versions.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::crypto::path::{PathError, PathInput, Strictness, TrustAnchors, Usage, verify};
use tempfile::TempDir;

use super::authority::NOW;

/// Runs it in a folder. `None`, with a line that says so, where it is not installed.
fn openssl(folder: &Path, arguments: &str) -> Option<()> {
    let ran =
        Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output();
    let Ok(ran) = ran else {
        eprintln!("skipped: openssl is not installed");
        return None;
    };
    assert!(ran.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ran.stderr));
    Some(())
}

struct Files(TempDir);

impl Files {
    /// Made once: RSA keys take their time.
    fn get() -> Option<&'static Self> {
        static FILES: OnceLock<Option<Files>> = OnceLock::new();
        FILES.get_or_init(Self::make).as_ref()
    }

    fn make() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::write(at.join("leaf.ext"), "basicConstraints=CA:FALSE\n").unwrap();
        std::fs::write(at.join("sub.ext"), "basicConstraints=critical,CA:TRUE\n").unwrap();
        let ca = "req -x509 -nodes -days 36500";
        openssl(at, &format!("{ca} -newkey rsa:2048 -keyout ca.key -out ca.pem -subj /CN=ca"))?;
        openssl(
            at,
            &format!("{ca} -newkey rsa:1024 -keyout weak.key -out weak.pem -subj /CN=weak"),
        )?;
        let ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
        openssl(at, &format!("{ca} {ec} -keyout ec.key -out ec.pem -subj /CN=ec"))?;
        openssl(at, &format!("{ca} -sha1 -key ca.key -out sha1-root.pem -subj /CN=ca"))?;
        let subject = "-subj /O=dev/O=ops/O=dev/CN=first/CN=jane";
        openssl(at, &format!("req -nodes {ec} -keyout leaf.key -out leaf.csr {subject}"))?;
        openssl(
            at,
            &format!("req -nodes -newkey rsa:1024 -keyout s.key -out short.csr {subject}"),
        )?;
        openssl(at, "req -new -key weak.key -out weak.csr -subj /CN=weak")?;
        openssl(at, "req -new -key ec.key -out ec.csr -subj /CN=ec")?;
        let sign = |name: &str, csr: &str, ca: &str, how: &str| {
            let ca = format!("-CA {ca}.pem -CAkey {ca}.key -set_serial 7");
            openssl(at, &format!("x509 -req -in {csr}.csr {ca} -days 36500 {how} -out {name}.pem"))
        };
        let leaf = "-extfile leaf.ext";
        for digest in ["md5", "sha1", "sha256", "sha384", "sha512"] {
            sign(&format!("rsa-{digest}"), "leaf", "ca", &format!("-{digest} {leaf}"))?;
        }
        for digest in ["sha1", "sha256", "sha384", "sha512"] {
            sign(&format!("ec-{digest}"), "leaf", "ec", &format!("-{digest} {leaf}"))?;
        }
        sign("of-weak", "leaf", "weak", leaf)?;
        sign("short", "short", "ca", leaf)?;
        sign("old-version", "leaf", "ca", "")?;
        sign("weak-sub", "weak", "ca", "-extfile sub.ext")?;
        sign("sha1-sub", "ec", "ca", "-sha1 -extfile sub.ext")?;
        Some(Self(folder))
    }

    fn pem(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(format!("{name}.pem"))).unwrap()
    }

    fn der(&self, name: &str) -> Vec<u8> {
        chain_from_pem(&self.pem(name)).unwrap().remove(0)
    }

    fn ask(
        &self,
        leaf: &str,
        intermediates: &[&str],
        root: &str,
        strictness: Strictness,
    ) -> Result<(), PathError> {
        let trusted = TrustAnchors::from_pem(&self.pem(root)).unwrap();
        let leaf = self.der(leaf);
        let intermediates: Vec<Vec<u8>> = intermediates.iter().map(|name| self.der(name)).collect();
        let intermediates: Vec<&[u8]> = intermediates.iter().map(|der| &**der).collect();
        // The files were made now, whenever that is, for a century.
        let now = NOW + 10 * 365 * 86_400;
        let input = PathInput {
            strictness,
            ..PathInput::new(&leaf, &intermediates, now, Usage::ClientAuth)
        };
        verify(&input, &trusted).map(|_| ())
    }

    fn strict(&self, leaf: &str, intermediates: &[&str], root: &str) -> Result<(), PathError> {
        self.ask(leaf, intermediates, root, Strictness::Strict)
    }
}

fn old(algorithm: &str) -> Result<(), PathError> {
    Err(PathError::SignatureAlgorithm { algorithm: algorithm.to_owned() })
}

#[test]
fn signatures_with_md5_and_sha_1_are_refused_and_with_sha_2_they_are_good() {
    let Some(files) = Files::get() else { return };
    assert_eq!(files.strict("rsa-md5", &[], "ca"), old("MD5-RSA"));
    assert_eq!(files.strict("rsa-sha1", &[], "ca"), old("SHA1-RSA"));
    assert_eq!(files.strict("ec-sha1", &[], "ec"), old("ECDSA-SHA1"));
    // An API server refuses them, too.
    assert!(!old("MD5-RSA").unwrap_err().is_stricter_than_kubernetes());
    // But not a signature by a key that is not known here, such as one on P-224.
    assert!(old("ECDSA-SHA256").unwrap_err().is_stricter_than_kubernetes());
    for digest in ["sha256", "sha384", "sha512"] {
        assert_eq!(files.strict(&format!("rsa-{digest}"), &[], "ca"), Ok(()), "{digest}");
        assert_eq!(files.strict(&format!("ec-{digest}"), &[], "ec"), Ok(()), "{digest}");
    }
}

#[test]
fn an_old_digest_above_the_leaf_is_refused_and_on_the_root_itself_it_is_of_no_matter() {
    let Some(files) = Files::get() else { return };
    assert_eq!(files.strict("ec-sha256", &["sha1-sub"], "ca"), old("SHA1-RSA"));
    // Nobody relies on what a root says of itself.
    assert_eq!(files.strict("rsa-sha256", &[], "sha1-root"), Ok(()));
}

#[test]
fn rsa_keys_below_2048_bits_are_refused_wherever_they_are() {
    let Some(files) = Files::get() else { return };
    let short = PathError::WeakKey { bits: 1024 };
    let weak = Err(short.clone());
    assert_eq!(files.strict("of-weak", &[], "weak"), weak);
    assert_eq!(files.strict("of-weak", &["weak-sub"], "ca"), weak);
    assert_eq!(files.strict("short", &[], "ca"), weak);
    // An API server does not look at the key of a leaf.
    assert_eq!(files.ask("short", &[], "ca", Strictness::AsKubernetes), Ok(()));
    assert!(short.is_stricter_than_kubernetes());
}

#[test]
fn a_certificate_of_version_1_is_refused() {
    let Some(files) = Files::get() else { return };
    let der = files.der("old-version");
    assert_eq!(Certificate::from_der(&der).unwrap().version(), 1);
    assert_eq!(files.strict("old-version", &[], "ca"), Err(PathError::Version));
}

#[test]
fn a_subject_of_openssl_has_all_its_organizations_and_the_last_of_its_names() {
    let Some(files) = Files::get() else { return };
    let der = files.der("rsa-sha256");
    let read = Certificate::from_der(&der).unwrap();
    assert_eq!(read.organizations(), ["dev", "ops", "dev"]);
    assert_eq!(read.common_name(), Some("jane"));
    assert_eq!(read.serial_decimal(), "7");
    assert_eq!(read.signature_algorithm(), "SHA256-RSA");
    let ca = files.der("ca");
    assert_eq!(Certificate::from_der(&ca).unwrap().key().to_string(), "RSA 2048");
}
