use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_RSA_SHA256, date_time_ymd};

use super::*;

const NOBODY: ClientAuth = ClientAuth::None;

fn required() -> ClientAuth {
    ClientAuth::Required { allowed: Vec::new() }
}

fn self_signed(key: &KeyPair) -> String {
    CertificateParams::default().self_signed(key).unwrap().pem()
}

fn load(certificate: &str, key: &str) -> Result<ReloadableTls, TlsError> {
    let (certificate, key) = (certificate.as_bytes(), key.as_bytes());
    ReloadableTls::new(&TlsFiles { certificate, key, client_ca: None }, NOBODY)
}

/// The same key in another form, as `openssl` writes it. None without `openssl`.
fn converted(key: &KeyPair, arguments: &[&str]) -> Option<String> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        println!("skipped: openssl is absent");
        return None;
    };
    child.stdin.take().unwrap().write_all(key.serialize_pem().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn keys_of_every_usual_form_load() {
    let ec = KeyPair::generate().unwrap();
    load(&self_signed(&ec), &ec.serialize_pem()).unwrap();
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    load(&self_signed(&rsa), &rsa.serialize_pem()).unwrap();
    for (key, arguments, mark) in [
        (&ec, &["ec"][..], "BEGIN EC PRIVATE KEY"),
        (&rsa, &["rsa", "-traditional"][..], "BEGIN RSA PRIVATE KEY"),
    ] {
        if let Some(pem) = converted(key, arguments) {
            assert!(pem.contains(mark));
            load(&self_signed(key), &pem).unwrap();
            // What `openssl ecparam -genkey` writes in front.
            let parameters =
                "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
            load(&self_signed(key), &format!("{parameters}{pem}")).unwrap();
        }
    }
}

#[test]
fn an_encrypted_key_is_told_as_such() {
    let key = KeyPair::generate().unwrap();
    let arguments = ["pkcs8", "-topk8", "-v2", "aes256", "-passout", "pass:x"];
    if let Some(pem) = converted(&key, &arguments) {
        let error = load(&self_signed(&key), &pem).unwrap_err();
        assert!(matches!(error, TlsError::EncryptedKey), "{error}");
    }
}

#[test]
fn a_key_of_another_certificate_is_told() {
    let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    load(&self_signed(&own), &own.serialize_pem()).unwrap();
    let error = load(&self_signed(&own), &other.serialize_pem()).unwrap_err();
    assert!(matches!(error, TlsError::Mismatch), "{error}");
}

#[test]
fn an_expired_certificate_is_told_and_a_future_one_serves() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.not_after = date_time_ymd(2020, 1, 1);
    let error = load(&params.self_signed(&key).unwrap().pem(), &key.serialize_pem()).unwrap_err();
    assert_eq!(error.to_string(), "the certificate expired at 2020-01-01T00:00:00Z: renew it");
    params.not_before = date_time_ymd(2095, 1, 1);
    params.not_after = date_time_ymd(2096, 1, 1);
    let tls = load(&params.self_signed(&key).unwrap().pem(), &key.serialize_pem()).unwrap();
    assert_eq!(tls.serving().not_before, 3_944_678_400);
}

#[test]
fn files_without_what_they_should_hold_are_named() {
    let key = KeyPair::generate().unwrap();
    let (certificate, pem) = (self_signed(&key), key.serialize_pem());
    for (certificate, key, expected) in [
        ("", pem.as_str(), "the certificate file holds no certificate"),
        (&pem, &pem, "the certificate file holds no certificate"),
        (&certificate, &certificate, "the key file holds no key"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA",
            &pem,
            "the certificate is not PEM: check that it is the file meant",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &pem,
            "certificate 1 of the certificate file cannot be read",
        ),
        (
            &certificate,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "the key is not an RSA, ECDSA or Ed25519 key that can sign",
        ),
    ] {
        assert_eq!(load(certificate, key).unwrap_err().to_string(), expected);
    }
}

#[test]
fn client_cas_are_there_exactly_when_clients_must_prove_themselves() {
    let key = KeyPair::generate().unwrap();
    let (certificate, pem) = (self_signed(&key), key.serialize_pem());
    let load = |ca: Option<&str>, clients| {
        let client_ca = ca.map(str::as_bytes);
        let (certificate, key) = (certificate.as_bytes(), pem.as_bytes());
        ReloadableTls::new(&TlsFiles { certificate, key, client_ca }, clients)
    };
    load(Some(&certificate), required()).unwrap();
    load(None, NOBODY).unwrap();
    assert!(matches!(load(None, required()), Err(TlsError::NoClientCa)));
    assert!(matches!(load(Some(""), required()), Err(TlsError::Empty { file: TlsFile::ClientCa })));
    assert!(matches!(load(Some(&certificate), NOBODY), Err(TlsError::UnusedClientCa)));
}

#[test]
fn a_reload_that_fails_keeps_what_serves() {
    let (key, new_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let tls = load(&self_signed(&key), &key.serialize_pem()).unwrap();
    let before = tls.serving();
    let (certificate, pem) = (self_signed(&new_key), new_key.serialize_pem());
    let files = |certificate: &'static str| TlsFiles {
        certificate: certificate.as_bytes(),
        key: b"",
        client_ca: None,
    };
    tls.reload(&files("")).unwrap_err();
    assert_eq!(tls.serving(), before);
    let (certificate, key) = (certificate.as_bytes(), pem.as_bytes());
    tls.reload(&TlsFiles { certificate, key, client_ca: None }).unwrap();
    assert_ne!(tls.serving(), before);
}

#[test]
fn only_a_ca_that_is_gone_makes_distrust() {
    let key = KeyPair::generate().unwrap();
    let certificate = self_signed(&key);
    let other = self_signed(&KeyPair::generate().unwrap());
    let pem = key.serialize_pem();
    let both = format!("{certificate}{other}");
    let files = TlsFiles {
        certificate: certificate.as_bytes(),
        key: pem.as_bytes(),
        client_ca: Some(certificate.as_bytes()),
    };
    let tls = ReloadableTls::new(&files, required()).unwrap();
    let distrust = tls.distrust();
    for (cas, expected) in [(&certificate, false), (&both, false), (&other, true)] {
        let files = TlsFiles { client_ca: Some(cas.as_bytes()), ..files };
        tls.reload(&files).unwrap();
        assert_eq!(distrust.has_changed().unwrap(), expected);
    }
}

#[test]
fn debug_does_not_show_the_key() {
    let key = b"-----BEGIN PRIVATE KEY-----";
    let files = TlsFiles { certificate: b"abc", key, client_ca: None };
    let shown = format!("{files:?}");
    assert_eq!(shown, r#"TlsFiles { certificate: 3, key: "[secret]", client_ca: None }"#);
}

#[test]
fn a_chain_with_an_intermediate_loads() {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::default().signed_by(&key, &issuer).unwrap();
    let chain = format!("{}{}", leaf.pem(), ca.pem());
    let tls = load(&chain, &key.serialize_pem()).unwrap();
    assert_eq!(tls.serving().fingerprint, peer::fingerprint(leaf.der()));
    // In the wrong order the key is not the first certificate's.
    let turned = format!("{}{}", ca.pem(), leaf.pem());
    assert!(matches!(load(&turned, &key.serialize_pem()), Err(TlsError::Mismatch)));
}
