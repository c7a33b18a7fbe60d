//! Certificates for the review server and for the API server that calls it, by an authority of their
//! own. The authority signs nothing else and nothing else trusts it: neither side of the connection
//! gains a right in the cluster by its certificate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis::authn::Secret;
use portcullis::crypto::certificate::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Clocks of two machines differ; a certificate is good a little before it was made.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(5 * 60);

const AUTHORITY: &str = "portcullis-webhook-ca";

/// The name in the certificate of the API server, to be listed under `allowedClients`.
pub(crate) const API_SERVER: &str = "kube-apiserver";

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// DNS names and IP addresses of the server besides `localhost`, `127.0.0.1` and `::1`.
    pub(crate) server_names: &'a [String],
    /// The common name of the client.
    pub(crate) client: &'a str,
    /// The time now.
    pub(crate) now: SystemTime,
    /// For how many days server and client are good.
    pub(crate) days: u32,
    /// For how many days a new authority is good.
    pub(crate) authority_days: u32,
}

/// An authority: its certificate and its key.
#[derive(Debug)]
pub(crate) struct Authority {
    /// The certificate, PEM.
    pub(crate) pem: String,
    /// The key, PEM (PKCS#8).
    pub(crate) key_pem: Secret,
}

/// Two ends of a connection, and who vouches for both. `Debug` shows no key.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// The authority's certificate, PEM.
    pub(crate) ca_pem: String,
    /// The authority's key, PEM: to sign the successors of the others. The server never needs it.
    pub(crate) ca_key_pem: Secret,
    /// The server's certificate, PEM.
    pub(crate) server_pem: String,
    /// The server's key, PEM.
    pub(crate) server_key_pem: Secret,
    /// The client's certificate, PEM.
    pub(crate) client_pem: String,
    /// The client's key, PEM.
    pub(crate) client_key_pem: Secret,
}

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// A name that no certificate can hold.
    #[error("`{0}` is neither a DNS name nor an IP address; give names without scheme and port")]
    Name(String),
    /// A time before 1970 or far ahead.
    #[error("the clock of this machine, or the validity, is out of range")]
    Time,
    /// The authority's files are unusable.
    #[error("the authority's certificate or key is no usable PEM; make a new authority")]
    Authority,
    /// The authority's files do not belong together.
    #[error("the authority's key belongs to another certificate; make a new authority")]
    OtherKey,
    /// What was made does not stand before who will check it.
    #[error("certificates signed with this key are not accepted by this authority; make a new one")]
    Mismatch(#[source] webpki::Error),
    /// The authority has ended, or would before its certificates.
    #[error("the authority ends before the new certificates would; make a new authority")]
    Ended,
    /// The system has no random numbers to give.
    #[error("the system gives no random numbers")]
    Random,
    /// The maker of certificates refused.
    #[error("the certificate cannot be made")]
    Make(#[from] rcgen::Error),
}

/// Makes everything new.
pub(crate) fn make(wanted: &Wanted<'_>) -> Result<Certificates, CertificateError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = authority_params();
    valid(&mut params, wanted.now, wanted.authority_days)?;
    params.serial_number = Some(serial()?);
    let pem = params.self_signed(&key)?.pem();
    make_under(wanted, Authority { pem, key_pem: Secret::new(key.serialize_pem()) })
}

/// Makes server and client under an authority that [`make`] made, maybe long ago.
pub(crate) fn make_under(
    wanted: &Wanted<'_>,
    authority: Authority,
) -> Result<Certificates, CertificateError> {
    let ca = CertificateDer::from_pem_slice(authority.pem.as_bytes())
        .map_err(|_| CertificateError::Authority)?;
    let read = Certificate::from_der(&ca).map_err(|_| CertificateError::Authority)?;
    outlives(&read, wanted)?;
    let key = KeyPair::from_pem(authority.key_pem.expose_secret())
        .map_err(|_| CertificateError::Authority)?;
    if !read.has_key(&key.subject_public_key_info()) {
        return Err(CertificateError::OtherKey);
    }
    // Our authorities have one name; what tells them apart is the key, which `accepted` looks at.
    let issuer = Issuer::new(authority_params(), key);

    let names = server_names(wanted.server_names)?;
    let server = leaf(wanted, "portcullis", names, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?;
    let client =
        leaf(wanted, wanted.client, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth, &issuer)?;
    accepted(&server.der, &ca, wanted.now, webpki::KeyUsage::server_auth())?;
    accepted(&client.der, &ca, wanted.now, webpki::KeyUsage::client_auth())?;
    Ok(Certificates {
        ca_pem: authority.pem,
        ca_key_pem: authority.key_pem,
        server_pem: server.pem,
        server_key_pem: server.key_pem,
        client_pem: client.pem,
        client_key_pem: client.key_pem,
    })
}

struct Leaf {
    pem: String,
    der: CertificateDer<'static>,
    key_pem: Secret,
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(
    wanted: &Wanted<'_>,
    name: &str,
    names: Vec<SanType>,
    usage: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<Leaf, CertificateError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.subject_alt_names = names;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial()?);
    valid(&mut params, wanted.now, wanted.days)?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok(Leaf {
        pem: certificate.pem(),
        der: certificate.der().clone(),
        key_pem: Secret::new(key.serialize_pem()),
    })
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn server_names(given: &[String]) -> Result<Vec<SanType>, CertificateError> {
    let mut names = vec![dns("localhost")?];
    names.push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
    names.push(SanType::IpAddress(Ipv6Addr::LOCALHOST.into()));
    for name in given {
        // The parser of names that TLS clients use: what it refuses could never be asked for.
        let parsed = ServerName::try_from(name.as_str());
        let san = match parsed.map_err(|_| CertificateError::Name(name.clone()))? {
            ServerName::IpAddress(address) => SanType::IpAddress(IpAddr::from(address)),
            _ => dns(name)?,
        };
        if !names.contains(&san) {
            names.push(san);
        }
    }
    Ok(names)
}

fn dns(name: &str) -> Result<SanType, CertificateError> {
    let text = name.try_into().map_err(|_| CertificateError::Name(name.to_owned()))?;
    Ok(SanType::DnsName(text))
}

/// Sets the days of a certificate. Left alone they would be 1975 to 4096.
fn valid(
    params: &mut CertificateParams,
    now: SystemTime,
    days: u32,
) -> Result<(), CertificateError> {
    let since = now.duration_since(UNIX_EPOCH).map_err(|_| CertificateError::Time)?;
    let lifetime = DAY.checked_mul(days).ok_or(CertificateError::Time)?;
    let end = since.checked_add(lifetime).ok_or(CertificateError::Time)?;
    // X.509 ends with the year 9999.
    if days == 0 || end > DAY.saturating_mul(365 * 7000) {
        return Err(CertificateError::Time);
    }
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since.saturating_sub(CLOCK_DIFFERENCE);
    params.not_after = epoch + end;
    Ok(())
}

/// A number that no other certificate has. Left alone it would be derived from the key.
fn serial() -> Result<SerialNumber, CertificateError> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| CertificateError::Random)?;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Whether an authority is one, and is good from now to the end of what it signs. Clients check that
/// (Go's do), `webpki` does not: it has no dates for a trust anchor.
fn outlives(ca: &Certificate<'_>, wanted: &Wanted<'_>) -> Result<(), CertificateError> {
    let since = wanted.now.duration_since(UNIX_EPOCH).map_err(|_| CertificateError::Time)?;
    let lifetime = DAY.checked_mul(wanted.days).ok_or(CertificateError::Time)?;
    let end = since.checked_add(lifetime).ok_or(CertificateError::Time)?;
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    if !ca.is_authority() {
        return Err(CertificateError::Authority);
    }
    if seconds(since) < ca.not_before() || seconds(end) > ca.not_after() {
        return Err(CertificateError::Ended);
    }
    Ok(())
}

/// What was made is checked as the other end will check it.
fn accepted(
    leaf: &CertificateDer<'_>,
    ca: &CertificateDer<'_>,
    now: SystemTime,
    usage: webpki::KeyUsage,
) -> Result<(), CertificateError> {
    let since = now.duration_since(UNIX_EPOCH).map_err(|_| CertificateError::Time)?;
    let anchors = [webpki::anchor_from_trusted_cert(ca).map_err(CertificateError::Mismatch)?];
    let leaf = webpki::EndEntityCert::try_from(leaf).map_err(CertificateError::Mismatch)?;
    let checked = leaf.verify_for_usage(
        &[webpki::aws_lc_rs::ECDSA_P256_SHA256],
        &anchors,
        &[],
        UnixTime::since_unix_epoch(since),
        usage,
        None,
        None,
    );
    checked.map(|_| ()).map_err(CertificateError::Mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_662_000)
    }

    /// For an afternoon on one machine: everything is good for a week.
    fn wanted(server_names: &[String]) -> Wanted<'_> {
        Wanted { server_names, client: API_SERVER, now: now(), days: 7, authority_days: 7 }
    }

    fn der(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    fn good_for(pem: &str, names: &[&str]) -> Vec<bool> {
        let der = der(pem);
        let leaf = webpki::EndEntityCert::try_from(&der).unwrap();
        let name = |name: &&str| ServerName::try_from((*name).to_owned()).unwrap();
        names.iter().map(|n| leaf.verify_is_valid_for_subject_name(&name(n)).is_ok()).collect()
    }

    #[test]
    fn a_server_certificate_has_the_loopback_names_and_the_given_ones_and_no_other() {
        let names = ["portcullis.example".to_owned(), "10.96.0.53".to_owned()];
        let made = make(&wanted(&names)).unwrap();
        let asked = ["localhost", "127.0.0.1", "::1", "portcullis.example", "10.96.0.53"];
        assert_eq!(good_for(&made.server_pem, &asked), [true; 5]);
        assert_eq!(good_for(&made.server_pem, &["other.example", "10.96.0.54"]), [false; 2]);
        assert_eq!(good_for(&made.client_pem, &["localhost", "127.0.0.1"]), [false; 2]);
    }

    #[test]
    fn each_end_is_accepted_for_its_own_purpose_only() {
        let made = make(&wanted(&[])).unwrap();
        let ca = der(&made.ca_pem);
        let ask = |pem: &str, usage| accepted(&der(pem), &ca, now(), usage).is_ok();
        assert!(ask(&made.server_pem, webpki::KeyUsage::server_auth()));
        assert!(!ask(&made.server_pem, webpki::KeyUsage::client_auth()));
        assert!(ask(&made.client_pem, webpki::KeyUsage::client_auth()));
        assert!(!ask(&made.client_pem, webpki::KeyUsage::server_auth()));
    }

    #[test]
    fn a_certificate_is_accepted_during_its_days_and_not_outside_of_them() {
        let made = make(&wanted(&[])).unwrap();
        let (leaf, ca) = (der(&made.server_pem), der(&made.ca_pem));
        let at = |time| accepted(&leaf, &ca, time, webpki::KeyUsage::server_auth()).is_ok();
        assert!(at(now()));
        assert!(at(now() - CLOCK_DIFFERENCE));
        assert!(!at(now() - CLOCK_DIFFERENCE - Duration::from_secs(1)));
        assert!(at(now() + 7 * DAY));
        assert!(!at(now() + 7 * DAY + Duration::from_secs(1)));
    }

    #[test]
    fn a_kept_authority_signs_successors_and_a_foreign_one_is_refused() {
        let first = make(&Wanted { authority_days: 3650, ..wanted(&[]) }).unwrap();
        let second = make(&wanted(&[])).unwrap();
        let ca_pem = first.ca_pem.clone();
        let later = Wanted { now: now() + 300 * DAY, ..wanted(&[]) };
        let kept = Authority { pem: first.ca_pem, key_pem: first.ca_key_pem };
        let renewed = make_under(&later, kept).unwrap();
        assert_eq!(renewed.ca_pem, ca_pem);
        assert_ne!(renewed.server_pem, first.server_pem);

        let mixed = Authority { pem: ca_pem, key_pem: second.ca_key_pem };
        let refused = make_under(&later, mixed).unwrap_err();
        assert!(matches!(refused, CertificateError::OtherKey), "{refused}");
    }

    #[test]
    fn an_authority_that_has_ended_or_soon_will_signs_nothing() {
        for (later, days) in [(8, 7), (1, 7), (0, 8)] {
            let made = make(&wanted(&[])).unwrap();
            let kept = Authority { pem: made.ca_pem, key_pem: made.ca_key_pem };
            let later = Wanted { now: now() + later * DAY, days, ..wanted(&[]) };
            let refused = make_under(&later, kept).unwrap_err();
            assert!(matches!(refused, CertificateError::Ended), "{refused}");
        }
    }

    #[test]
    fn a_leaf_is_no_authority() {
        let made = make(&wanted(&[])).unwrap();
        let leaf = Authority { pem: made.server_pem, key_pem: made.server_key_pem };
        let refused = make_under(&wanted(&[]), leaf).unwrap_err();
        assert!(matches!(refused, CertificateError::Authority), "{refused}");
    }

    #[test]
    fn names_that_no_client_can_ask_for_are_refused() {
        for name in ["", "https://a.example", "a.example:9443", "a b", "[::1]", "ä.example", "*"] {
            let names = [name.to_owned()];
            let refused = make(&wanted(&names)).unwrap_err();
            assert!(matches!(refused, CertificateError::Name(_)), "{name}: {refused}");
        }
    }

    #[test]
    fn no_key_is_shown() {
        let made = make(&wanted(&[])).unwrap();
        let shown = format!("{made:?}");
        assert!(!shown.contains("PRIVATE KEY"), "{shown}");
        assert_eq!(shown.matches("[secret]").count(), 3);
    }

    #[test]
    fn validities_out_of_range_are_refused() {
        for (days, now) in [(0, now()), (u32::MAX, now()), (1, UNIX_EPOCH - DAY)] {
            let refused =
                make(&Wanted { days, authority_days: days, now, ..wanted(&[]) }).unwrap_err();
            assert!(matches!(refused, CertificateError::Time), "{days}: {refused}");
        }
    }
}
