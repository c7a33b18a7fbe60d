//! Would the API server have taken this CertificateSigningRequest, and what does it ask for?

use crate::api::certificates::{CertificateSigningRequest, KeyUsage};
use crate::api::field::FieldErrors;
use crate::crypto::certificate::Certificate;
use crate::crypto::request::SigningRequest;
use crate::util::goquote::Quoted;

/// What an object asks for, read.
#[derive(Debug, Clone)]
pub struct Valid {
    /// The request, whose signature is that of its key.
    pub request: SigningRequest,
    /// What the certificate is to be for.
    pub usages: Vec<KeyUsage>,
}

/// Reads what an object asks for, and finds everything for which the API server would refuse it
/// (S-CSR-3 to S-CSR-7).
///
/// Stricter than the API server in the request itself: see
/// [`SigningRequest::from_der`](crate::crypto::request::SigningRequest::from_der).
///
/// # Errors
/// Everything that is wrong.
pub fn validate(object: &CertificateSigningRequest) -> Result<Valid, FieldErrors> {
    let spec = object.spec();
    let request = SigningRequest::from_pem(&spec.request);
    let problem = request.as_ref().err().map(ToString::to_string);
    let errors = object.errors(problem, certificate_problem(object.certificate()));
    let usages = spec.usages.iter().map(|usage| usage.parse()).collect();
    match (request, usages) {
        (Ok(request), Ok(usages)) if errors.0.is_empty() => Ok(Valid { request, usages }),
        _ => Err(errors),
    }
}

/// What is wrong with an issued chain (S-CSR-7); an empty one is none.
fn certificate_problem(chain: &[u8]) -> Option<String> {
    if chain.is_empty() {
        return None;
    }
    let none = || Some("must contain at least one CERTIFICATE PEM block".to_owned());
    let Ok(blocks) = pem::parse_many(chain) else { return none() };
    if blocks.is_empty() {
        return none();
    }
    blocks.iter().find_map(|block| {
        if block.tag() != "CERTIFICATE" {
            let tag = Quoted(block.tag());
            return Some(format!("only CERTIFICATE PEM blocks are allowed, found {tag}"));
        }
        if block.headers().iter().next().is_some() {
            return Some("no PEM block headers are permitted".to_owned());
        }
        Certificate::from_der(block.contents()).err().map(|error| error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_certificates_and_nothing_else() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let good = made.cert.pem();
        let body = good.split_once('\n').unwrap().1;
        for (chain, problem) in [
            (String::new(), None),
            (good.clone(), None),
            (format!("said before\n{good}{good}"), None),
            ("no PEM".to_owned(), Some("must contain at least one CERTIFICATE PEM block")),
            (
                format!("{good}{}", made.signing_key.serialize_pem()),
                Some("only CERTIFICATE PEM blocks are allowed, found \"PRIVATE KEY\""),
            ),
            (
                format!("-----BEGIN CERTIFICATE-----\nA: b\n\n{body}"),
                Some("no PEM block headers are permitted"),
            ),
            (
                "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n".to_owned(),
                Some("not an X.509 certificate; it may be cut off, or of another kind"),
            ),
        ] {
            assert_eq!(certificate_problem(chain.as_bytes()).as_deref(), problem, "{chain}");
        }
    }
}
