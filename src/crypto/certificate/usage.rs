//! What a certificate may be used for.

use x509_parser::extensions::{
    CRLDistributionPoints, DistributionPointName, ExtendedKeyUsage, GeneralName, KeyUsage,
};

/// Extended key usages beyond those that the reader knows, by the names of S-CSR-4.
const OTHERS: [(&str, &str); 5] = [
    ("1.3.6.1.5.5.7.3.5", "ipsec end system"),
    ("1.3.6.1.5.5.7.3.6", "ipsec tunnel"),
    ("1.3.6.1.5.5.7.3.7", "ipsec user"),
    ("1.3.6.1.4.1.311.10.3.3", "microsoft sgc"),
    ("2.16.840.1.113730.4.1", "netscape sgc"),
];

/// What extended key usages say of the purposes that a path is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Extended {
    /// There is no such extension: every purpose is fine.
    Unlimited,
    /// These, and nothing else.
    Limited { any: bool, client_auth: bool, code_signing: bool, server_auth: bool },
    /// Nothing that can be read.
    #[default]
    Nothing,
}

impl Extended {
    pub(super) fn of(usage: &ExtendedKeyUsage<'_>) -> Self {
        Self::Limited {
            any: usage.any,
            client_auth: usage.client_auth,
            code_signing: usage.code_signing,
            server_auth: usage.server_auth,
        }
    }
}

/// In the order of the bits (RFC 5280 §4.2.1.3).
pub(super) fn key_usages(usage: &KeyUsage) -> Vec<&'static str> {
    let named = [
        (usage.digital_signature(), "digital signature"),
        (usage.non_repudiation(), "content commitment"),
        (usage.key_encipherment(), "key encipherment"),
        (usage.data_encipherment(), "data encipherment"),
        (usage.key_agreement(), "key agreement"),
        (usage.key_cert_sign(), "cert sign"),
        (usage.crl_sign(), "crl sign"),
        (usage.encipher_only(), "encipher only"),
        (usage.decipher_only(), "decipher only"),
    ];
    named.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name).collect()
}

pub(super) fn extended_key_usages(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let named = [
        (usage.any, "any"),
        (usage.server_auth, "server auth"),
        (usage.client_auth, "client auth"),
        (usage.code_signing, "code signing"),
        (usage.email_protection, "email protection"),
        (usage.time_stamping, "timestamping"),
        (usage.ocsp_signing, "ocsp signing"),
    ];
    let known = named.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name.to_owned());
    let others = usage.other.iter().map(|oid| {
        let oid = oid.to_id_string();
        OTHERS.iter().find(|(known, _)| *known == oid).map_or(oid, |(_, name)| (*name).to_owned())
    });
    known.chain(others).collect()
}

pub(super) fn crl_uris<'a>(points: &CRLDistributionPoints<'a>) -> Vec<&'a str> {
    let names = points.points.iter().filter_map(|point| point.distribution_point.as_ref());
    names.flat_map(uris).collect()
}

/// The URIs of a distribution point.
pub(crate) fn uris<'a>(point: &DistributionPointName<'a>) -> Vec<&'a str> {
    let DistributionPointName::FullName(names) = point else { return Vec::new() };
    let uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    uris.collect()
}
