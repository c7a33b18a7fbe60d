//! A revoked certificate whose owner writes its signature in another way.

use portcullis::authn::ClientCertificates;
use portcullis::authn::x509::{X509Authenticator, X509Error};
use portcullis::crypto::certificate::{Certificate, fingerprint};
use portcullis::crypto::path::{PathInput, Usage, verify};
use portcullis::model::{Revocation, RevocationEntry, Revocations, SharedRevocations};

use super::anchors;
#[cfg(feature = "webhook")]
use super::authority::leaf_params;
use super::authority::{Authority, NOW};

/// The order of P-256 (SEC 2), most significant part first.
const ORDER: [u64; 4] =
    [0xffff_ffff_0000_0000, 0xffff_ffff_ffff_ffff, 0xbce6_faad_a717_9e84, 0xf3b9_cac2_fc63_2551];

/// Where the signature of a short certificate begins: the bytes of its bit string.
fn signature_at(der: &[u8]) -> usize {
    let length = |at: usize| match der[at + 1] {
        0x81 => (3, usize::from(der[at + 2])),
        0x82 => (4, usize::from(u16::from_be_bytes([der[at + 2], der[at + 3]]))),
        short => (2, usize::from(short)),
    };
    // What is signed, and the algorithm.
    let mut at = length(0).0;
    for _ in 0..2 {
        let (header, content) = length(at);
        at += header + content;
    }
    assert_eq!(der[at], 3, "a bit string");
    at + length(at).0
}

fn with_signature(der: &[u8], bits: &[u8]) -> Vec<u8> {
    let at = signature_at(der);
    // The tag and the length of the bit string are two bytes: it is shorter than 128.
    let mut inner = der[4..at - 2].to_vec();
    inner.extend([3, u8::try_from(bits.len()).unwrap()]);
    inner.extend_from_slice(bits);
    let [high, low] = u16::try_from(inner.len()).unwrap().to_be_bytes();
    [&[0x30, 0x82, high, low][..], &inner].concat()
}

/// A signature (r, s) of P-256 as (r, n − s).
fn negated(der: &[u8]) -> Vec<u8> {
    let signature = &der[signature_at(der) + 1..];
    let r_end = 4 + usize::from(signature[3]);
    let s = &signature[r_end + 2..];
    let mut wide = [0; 40];
    wide[40 - s.len()..].copy_from_slice(s);
    let mut borrow = false;
    let mut parts = [0; 4];
    for part in (0..4).rev() {
        let of_s = u64::from_be_bytes(wide[8 + 8 * part..][..8].try_into().unwrap());
        let (once, first) = ORDER[part].overflowing_sub(of_s);
        let (twice, second) = once.overflowing_sub(u64::from(borrow));
        (parts[part], borrow) = (twice, first || second);
    }
    let mut number: Vec<u8> = parts.iter().flat_map(|part| part.to_be_bytes()).collect();
    while number[0] == 0 && number[1] < 0x80 {
        number.remove(0);
    }
    if number[0] >= 0x80 {
        number.insert(0, 0);
    }
    let mut both = signature[2..r_end].to_vec();
    both.extend([2, u8::try_from(number.len()).unwrap()]);
    both.extend(number);
    let bits = [&[0, 0x30, u8::try_from(both.len()).unwrap()][..], &both].concat();
    with_signature(der, &bits)
}

/// A signature that begins with a zero bit, moved by this many.
fn moved(der: &[u8], by: u8) -> Vec<u8> {
    let bits = &der[signature_at(der) + 1..];
    let mut moved = vec![by];
    for index in 0..bits.len() {
        let next = bits.get(index + 1).copied().unwrap_or(0);
        moved.push((bits[index] << by) | (next >> (8 - by)));
    }
    with_signature(der, &moved)
}

fn naming(der: &[u8]) -> SharedRevocations {
    let what = Revocation::Certificate { fingerprint: fingerprint(der) };
    let entry = RevocationEntry { what, at: 0, reason: "lost".to_owned(), by: String::new() };
    SharedRevocations::new([entry].into_iter().collect::<Revocations>())
}

#[test]
fn a_revoked_certificate_with_its_signature_written_anew_is_refused_and_another_passes() {
    let root = Authority::new("root");
    let sub = root.subordinate("sub", |_| {});
    let (jane, other) = (sub.issue(|_| {}), sub.issue(|_| {}));
    let ask = |leaf: &[u8], above: &[u8], revoked: &[u8]| {
        let who = X509Authenticator::new(anchors(&[&root])).with_revocations(naming(revoked));
        let intermediates = [above];
        let now = NOW;
        who.authenticate(&ClientCertificates { leaf, intermediates: &intermediates, now })
    };
    let (anew, sub_anew) = (negated(&jane), negated(&sub.der));
    assert_ne!(fingerprint(&anew), fingerprint(&jane));
    // Its signature is good, without anybody's key.
    let above: [&[u8]; 1] = [&sub_anew];
    let input = PathInput::new(&anew, &above, NOW, Usage::ClientAuth);
    assert!(verify(&input, &anchors(&[&root])).is_ok());
    for (leaf, above, revoked) in [
        (&jane, &sub.der, &jane),
        (&anew, &sub.der, &jane),
        (&jane, &sub.der, &anew),
        (&jane, &sub_anew, &sub.der),
        (&anew, &sub_anew, &sub.der),
    ] {
        let refused = ask(leaf, above, revoked).unwrap_err();
        assert!(matches!(refused, X509Error::Revoked(_)), "{refused}");
        assert!(ask(leaf, above, &other).unwrap().is_some());
    }
}

#[test]
fn the_aliases_of_a_certificate_are_all_forms_that_go_takes() {
    let root = Authority::new("root");
    for _ in 0..8 {
        let leaf = root.issue(|_| {});
        let anew = negated(&leaf);
        assert_eq!(negated(&anew), leaf);
        let mut forms = vec![leaf.clone(), anew.clone()];
        forms.extend([&leaf, &anew].into_iter().flat_map(|form| [1, 2].map(|by| moved(form, by))));
        // Whichever of them is at hand.
        for form in &forms {
            let mut known = Certificate::from_der(form).unwrap().aliases();
            let others = forms.iter().filter(|other| *other != form);
            let mut expected: Vec<_> = others.map(|other| fingerprint(other)).collect();
            known.sort_unstable();
            expected.sort_unstable();
            assert_eq!(known, expected);
        }
    }
}

/// A server's certificate goes the same way through Go as a client's.
#[cfg(feature = "webhook")]
#[test]
fn go_takes_every_form_and_none_with_another_signature() {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::process::Command;
    use std::sync::Arc;

    use rcgen::{KeyPair, SanType};
    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    let root = Authority::new("root");
    let key = KeyPair::generate().unwrap();
    let mut params = leaf_params("server");
    params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    let leaf = root.sign(&params, &key);
    let anew = negated(&leaf);
    let mut wrong = leaf.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("ca.crt");
    std::fs::write(&bundle, root.pem()).unwrap();
    for (form, is_taken) in [
        (leaf.clone(), true),
        (anew.clone(), true),
        (moved(&leaf, 1), true),
        (moved(&leaf, 2), true),
        (moved(&anew, 2), true),
        (wrong, false),
    ] {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let private = provider.key_provider.load_private_key(private).unwrap();
        let certified = CertifiedKey::new(vec![CertificateDer::from(form)], private);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("https://{}", listener.local_addr().unwrap());
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(connection, stream);
                // A client that breaks off is the refusal.
                let _ = stream.read(&mut [0; 4096]);
                let answer =
                    b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nreached";
                let _ = stream.write_all(answer);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["--server", &server, "--token", "x", "get", "--raw", "/"]);
        kubectl.arg("--certificate-authority").arg(&bundle);
        kubectl.env("HOME", folder.path()).env_remove("KUBECONFIG");
        let Ok(ran) = kubectl.output() else {
            eprintln!("skipped: there is no kubectl");
            return;
        };
        let told = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.stdout == b"reached", is_taken, "{told}");
        assert_eq!(told.contains("signed by unknown authority"), !is_taken, "{told}");
    }
}
