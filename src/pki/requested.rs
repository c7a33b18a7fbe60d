use std::net::IpAddr;

use crate::crypto::certificate::KeyDescription;
use crate::crypto::request::SigningRequest;

/// What somebody wants to have in a certificate, as far as rules look at it. Made of a signing
/// request, whose signature was verified; rules see nothing else of it.
#[derive(Debug, Clone, Default)]
pub struct Requested<'a> {
    /// The common name, which becomes the user name; empty when there is none.
    pub common_name: &'a str,
    /// Common names before that one. They make nobody of the bearer to Kubernetes, and somebody to
    /// programs that take the first.
    pub earlier_common_names: &'a [String],
    /// The organizations in order, which become the groups.
    pub organizations: &'a [String],
    /// The uid, which becomes that of the user (S-X509-5).
    pub uid: Option<&'a str>,
    /// Alternative names that are DNS names.
    pub dns_names: &'a [String],
    /// Alternative names that are addresses.
    pub ip_addresses: &'a [IpAddr],
    /// Alternative names that are mailboxes.
    pub email_addresses: &'a [String],
    /// Alternative names that are URIs.
    pub uris: &'a [String],
    /// What kind of key; `None` when that is not known, which no policy takes.
    pub key: Option<KeyDescription>,
}

impl<'a> From<&'a SigningRequest> for Requested<'a> {
    fn from(request: &'a SigningRequest) -> Self {
        Self {
            common_name: request.common_name().unwrap_or_default(),
            earlier_common_names: request.earlier_common_names(),
            organizations: request.organizations(),
            uid: request.uid(),
            dns_names: request.dns_names(),
            ip_addresses: request.ip_addresses(),
            email_addresses: request.email_addresses(),
            uris: request.uris(),
            key: Some(request.key()),
        }
    }
}
