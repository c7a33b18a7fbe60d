//! From a signing request to a certificate that proves who somebody is, in memory.
//! `cargo run --example sign_csr --features pki`

use std::error::Error;
use std::io::Write;

use portcullis::crypto::authority::{
    Authority, AuthorityOptions, CertificateUsages, Leaf, SerialNumber,
};
use portcullis::crypto::certificate::Certificate;
use portcullis::crypto::path::{PathInput, TrustAnchors, Usage, verify};
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;

const NOW: i64 = 1_795_662_000;
const DAY: i64 = 86_400;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();

    // Once: an authority for users.
    let authority = Authority::self_signed(
        PrivateKey::generate(KeyAlgorithm::EcdsaP256)?,
        &AuthorityOptions {
            common_name: "users of example".to_owned(),
            organizations: Vec::new(),
            not_before: NOW,
            not_after: NOW + 3650 * DAY,
            path_length: Some(0),
        },
    )?;

    // Jane's side: the key stays there, the request goes to whoever signs.
    let subject = Subject {
        common_name: "jane".to_owned(),
        organizations: ["dev", "ops"].map(str::to_owned).to_vec(),
        uid: None,
    };
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
    let sent = SigningRequest::create(&key, &subject)?.pem();

    // The signer's side: it is read strictly, and its signature is the key's.
    let request = SigningRequest::from_pem(sent.as_bytes())?;
    writeln!(
        out,
        "asked for: {} in {:?}, {}",
        request.common_name().unwrap_or("nobody"),
        request.organizations(),
        request.key()
    )?;
    // Who may ask for what is `pki`'s to say; here anybody may ask for anything.
    let issued = authority.issue(&Leaf {
        request: &request,
        usages: CertificateUsages::client(),
        not_before: NOW,
        not_after: NOW + 90 * DAY,
        serial: SerialNumber::random()?,
    })?;
    writeln!(out, "issued: {}", issued.fingerprint().credential_id())?;

    // Whoever trusts the authority believes it; nobody else does.
    let trusted = TrustAnchors::from_pem(authority.certificate_pem().as_bytes())?;
    let input = PathInput::new(issued.der(), &[], NOW + DAY, Usage::ClientAuth);
    verify(&input, &trusted)?;
    let read = Certificate::from_der(issued.der())?;
    writeln!(out, "verified: {}", read.subject())?;
    let later = PathInput { now: NOW + 91 * DAY, ..input };
    match verify(&later, &trusted) {
        Err(refusal) => writeln!(out, "91 days later: {refusal}")?,
        Ok(_) => return Err("an expired certificate was believed".into()),
    }
    Ok(())
}
