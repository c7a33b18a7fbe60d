//! How many certificates are signed in a second?
//!
//! One group a question. What is signed is the shortest that is common: a P-256 key and two groups, by
//! a P-256 authority.

#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare must stop")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis::crypto::authority::{
    Authority, AuthorityOptions, CertificateUsages, Leaf, SerialNumber,
};
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

#[cfg(not(feature = "ledger"))]
fn issue(_: &mut Criterion) {}

criterion_group!(benches, issue, sign);
criterion_main!(benches);
