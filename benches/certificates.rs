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

criterion_group!(benches, sign);
criterion_main!(benches);
