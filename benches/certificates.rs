//! How many certificates are signed in a second, and how many clients are authenticated by theirs?
//!
//! One group a question. What is signed is the shortest that is common: a P-256 key and two groups, by
//! a P-256 authority.

#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare must stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis::authn::ClientCertificates;
use portcullis::authn::x509::{Crls, UnknownStatus, X509Authenticator};
use portcullis::crypto::authority::{
    Authority, AuthorityOptions, CertificateUsages, Leaf, SerialNumber,
};
use portcullis::crypto::crl::RevocationList;
use portcullis::crypto::path::TrustAnchors;
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;

const NOW: i64 = 1_795_662_000;
const DAY: i64 = 86_400;

fn authority() -> Authority {
    let options = AuthorityOptions {
        common_name: "users of example".to_owned(),
        organizations: Vec::new(),
        not_before: NOW,
        not_after: NOW + 3650 * DAY,
        path_length: Some(0),
    };
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    Authority::self_signed(key, &options).unwrap()
}

fn request() -> SigningRequest {
    let subject = Subject {
        common_name: "jane".to_owned(),
        organizations: ["dev", "ops"].map(str::to_owned).to_vec(),
        uid: None,
    };
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    SigningRequest::create(&key, &subject).unwrap()
}

/// From the PEM of a request to the DER of a certificate: read, verified, written, signed.
fn sign(c: &mut Criterion) {
    let (authority, pem) = (authority(), request().pem());
    let mut group = c.benchmark_group("sign");
    group.throughput(Throughput::Elements(1));
    group.bench_function("csr-p256", |b| {
        b.iter(|| {
            let request = SigningRequest::from_pem(black_box(pem.as_bytes())).unwrap();
            let leaf = Leaf {
                request: &request,
                usages: CertificateUsages::client(),
                not_before: NOW,
                not_after: NOW + DAY,
                serial: SerialNumber::random().unwrap(),
            };
            authority.issue(&leaf).unwrap()
        });
    });
    group.finish();
}

/// A client certificate as the x509 authenticator sees it: read, its chain verified, made a user. One
/// chain has the authority above it, the other an authority between. With revocation lists of both the
/// lists' signatures are not checked again.
fn authenticate(c: &mut Criterion) {
    let root = Signer::root();
    let sub = root.subordinate();
    let (short, long) = (root.client(), sub.client());
    let above: [&[u8]; 1] = [&sub.der];
    let trusted = || TrustAnchors::from_der([&*root.der]).unwrap();
    let plain = X509Authenticator::new(trusted());
    let crls = Crls::default();
    crls.publish([&root, &sub].map(|signer| Arc::new(signer.list())).to_vec());
    let checked = X509Authenticator::new(trusted()).with_crls(crls, UnknownStatus::Deny);
    let mut group = c.benchmark_group("authenticate");
    group.throughput(Throughput::Elements(1));
    for (name, authenticator, leaf, intermediates) in [
        ("p256-leaf-root", &plain, &short, &[][..]),
        ("p256-leaf-intermediate-root", &plain, &long, &above[..]),
        ("p256-leaf-intermediate-root-crls", &checked, &long, &above[..]),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let presented =
                    ClientCertificates { leaf: black_box(leaf), intermediates, now: NOW };
                let found = authenticator.authenticate(&presented).unwrap().unwrap();
                assert_eq!(found.user.name, "jane");
                found
            });
        });
    }
    group.finish();
}

/// The same with the ledger: signed, read back for its record, and recorded before it is handed out.
/// `durable` waits for the disk; in `/dev/shm` there is none, which leaves the work itself.
#[cfg(feature = "ledger")]
fn issue(c: &mut Criterion) {
    use std::path::Path;

    use portcullis::pki::ledger::{CertificateRecord, Ledger, Provenance, RecordSource, Recorded};
    use portcullis::source::ledger::{LedgerFile, LedgerPaths, OpenMode};

    let (authority, pem) = (authority(), request().pem());
    let mut group = c.benchmark_group("issue");
    group.throughput(Throughput::Elements(1));
    let disk = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    for (name, place) in [("durable", disk.as_path()), ("without-disk", Path::new("/dev/shm"))] {
        if !place.is_dir() {
            // A machine without it: not measured.
            continue;
        }
        let folder = tempfile::tempdir_in(place).unwrap();
        let (ledger, revocations) = (folder.path().join("l"), folder.path().join("r"));
        let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
        let books = LedgerFile::open(&paths, OpenMode::Write).unwrap();
        let provenance = Provenance {
            source: RecordSource::Issued,
            signer: "kubernetes.io/kube-apiserver-client".to_owned(),
            ..Provenance::imported(NOW)
        };
        group.bench_function(name, |b| {
            b.iter(|| {
                let request = SigningRequest::from_pem(black_box(pem.as_bytes())).unwrap();
                let leaf = Leaf {
                    request: &request,
                    usages: CertificateUsages::client(),
                    not_before: NOW,
                    not_after: NOW + DAY,
                    serial: SerialNumber::random().unwrap(),
                };
                let issued = authority.issue(&leaf).unwrap();
                let record = CertificateRecord::of_certificate(issued.der(), provenance.clone());
                assert_eq!(books.record(&record.unwrap()).unwrap(), Recorded::New);
                issued
            });
        });
    }
    group.finish();
}

/// Signs authorities below itself, which an [`Authority`] does not.
struct Signer {
    der: Vec<u8>,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Signer {
    fn params(name: &str) -> rcgen::CertificateParams {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    }

    fn authority(name: &str) -> rcgen::CertificateParams {
        let mut params = Self::params(name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
    }

    fn root() -> Self {
        let (params, key) = (Self::authority("root"), rcgen::KeyPair::generate().unwrap());
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: rcgen::Issuer::new(params, key) }
    }

    fn subordinate(&self) -> Self {
        let (params, key) = (Self::authority("sub"), rcgen::KeyPair::generate().unwrap());
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self { der, issuer: rcgen::Issuer::new(params, key) }
    }

    fn client(&self) -> Vec<u8> {
        let mut params = Self::params("jane");
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "dev");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let key = rcgen::KeyPair::generate().unwrap();
        params.signed_by(&key, &self.issuer).unwrap().der().to_vec()
    }

    /// A list with nobody on it.
    fn list(&self) -> RevocationList {
        let params = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 11, 1),
            next_update: rcgen::date_time_ymd(2027, 11, 1),
            crl_number: rcgen::SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).unwrap();
        RevocationList::from_pem_or_der(list.der()).unwrap()
    }
}

#[cfg(not(feature = "ledger"))]
fn issue(_: &mut Criterion) {}

criterion_group!(benches, authenticate, issue, sign);
criterion_main!(benches);
