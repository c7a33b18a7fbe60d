use std::net::IpAddr;

/// What somebody wants to have in a certificate, as far as rules look at it. Made of a signing
/// request, whose signature was verified; rules see nothing else of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Requested<'a> {
    /// The common name, which becomes the user name; empty when there is none.
    pub common_name: &'a str,
    /// The organizations in order, which become the groups.
    pub organizations: &'a [String],
    /// Alternative names that are DNS names.
    pub dns_names: &'a [String],
    /// Alternative names that are addresses.
    pub ip_addresses: &'a [IpAddr],
    /// Alternative names that are mailboxes.
    pub email_addresses: &'a [String],
    /// Alternative names that are URIs.
    pub uris: &'a [String],
}
