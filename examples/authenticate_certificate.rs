//! Whose is this client certificate? An authenticator that trusts one authority, then two while the
//! first is replaced, and that hears of a revocation at once. All in memory.
//! `cargo run --example authenticate_certificate --features pki`

use std::error::Error;
use std::io::Write;

use portcullis::authn::ClientCertificates;
use portcullis::authn::x509::X509Authenticator;
use portcullis::crypto::authority::{
    Authority, AuthorityOptions, CertificateUsages, IssuedCertificate, Leaf, SerialNumber,
};
use portcullis::crypto::path::{SharedTrustAnchors, TrustAnchors};
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;
use portcullis::model::{Revocation, RevocationEntry, Revocations, SharedRevocations};

const NOW: i64 = 1_795_662_000;
const DAY: i64 = 86_400;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    let (old, new) = (authority("users 2026")?, authority("users 2027")?);
    let (of_old, of_new) = (issue(&old, "jane")?, issue(&new, "jane")?);

    let trusted = SharedTrustAnchors::from(bundle(&[&old])?);
    let revocations = SharedRevocations::new(Revocations::default());
    let who = X509Authenticator::new(trusted.clone()).with_revocations(revocations.clone());

    // What a TLS server would hand over: the client's certificate, whose key the handshake proved.
    let mut ask = |what: &str, certificate: &IssuedCertificate| -> Result<bool, Box<dyn Error>> {
        let leaf = certificate.der();
        let found = who.authenticate(&ClientCertificates { leaf, intermediates: &[], now: NOW });
        match &found {
            Ok(Some(found)) => {
                let groups = found.user.groups.join(", ");
                writeln!(out, "{what}: {}, groups {groups}", found.user.name)?;
            }
            Ok(None) => writeln!(out, "{what}: nobody")?,
            Err(error) => writeln!(out, "{what}: refused: {error}")?,
        }
        Ok(matches!(found, Ok(Some(_))))
    };
    assert!(ask("the old authority's", &of_old)?);
    assert!(!ask("one of an authority that is not trusted", &of_new)?);

    // A rotation: both are trusted side by side, then the new one alone.
    trusted.publish(bundle(&[&old, &new])?);
    assert!(ask("the new authority's", &of_new)?);
    trusted.publish(bundle(&[&new])?);
    assert!(!ask("the retired authority's", &of_old)?);

    // Taken back, and refused from the next request on.
    let entry = RevocationEntry {
        what: Revocation::Certificate { fingerprint: of_new.fingerprint() },
        at: NOW,
        reason: "keyCompromise".to_owned(),
        by: "ops".to_owned(),
    };
    revocations.publish([entry].into_iter().collect());
    assert!(!ask("a revoked one", &of_new)?);
    Ok(())
}

fn authority(name: &str) -> Result<Authority, Box<dyn Error>> {
    let options = AuthorityOptions {
        common_name: name.to_owned(),
        organizations: Vec::new(),
        not_before: NOW - DAY,
        not_after: NOW + 365 * DAY,
        path_length: Some(0),
    };
    Ok(Authority::self_signed(PrivateKey::generate(KeyAlgorithm::EcdsaP256)?, &options)?)
}

fn issue(authority: &Authority, user: &str) -> Result<IssuedCertificate, Box<dyn Error>> {
    let subject = Subject {
        common_name: user.to_owned(),
        organizations: ["dev", "ops"].map(str::to_owned).to_vec(),
        uid: None,
    };
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
    Ok(authority.issue(&Leaf {
        request: &SigningRequest::create(&key, &subject)?,
        usages: CertificateUsages::client(),
        not_before: NOW - 300,
        not_after: NOW + 30 * DAY,
        serial: SerialNumber::random()?,
    })?)
}

fn bundle(authorities: &[&Authority]) -> Result<TrustAnchors, Box<dyn Error>> {
    Ok(TrustAnchors::from_der(authorities.iter().map(|authority| authority.certificate_der()))?)
}
