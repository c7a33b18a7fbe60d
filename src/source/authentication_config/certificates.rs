//! The authorities of an issuer's server.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What is wrong with a bundle; `None` when connections can be made with it.
pub(super) fn objection(pem: &str) -> Option<&'static str> {
    let mut roots = RootCertStore::empty();
    // As Go has it, what is no whole block is passed over.
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()).map_while(Result::ok) {
        if roots.add(certificate).is_err() {
            return Some("x509: malformed certificate");
        }
    }
    roots.is_empty().then_some("data does not contain any valid RSA or ECDSA certificates")
}
