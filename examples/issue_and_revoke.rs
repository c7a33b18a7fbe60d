//! A user's whole life in a temporary folder: a certificate by the rules of a policy and into the
//! ledger, a request that it proves, its revocation, and the same request again.
//! `cargo run --example issue_and_revoke --features ledger`

use std::error::Error;
use std::io::Write;
use std::path::Path;

use portcullis::api::certificates::KeyUsage;
use portcullis::authn::ClientCertificates;
use portcullis::authn::x509::X509Authenticator;
use portcullis::authz::{AlwaysAllow, Authorizer, Chain, RevocationGate};
use portcullis::crypto::authority::{Authority, AuthorityOptions};
use portcullis::crypto::path::TrustAnchors;
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;
use portcullis::model::{Request, ResourceAttributes, Revocations, SharedRevocations, User};
use portcullis::pki::issue::{IssuingRules, Order};
use portcullis::pki::signer::Signer;
use portcullis::source::ledger::{LedgerFile, LedgerPaths, OpenMode, Revoke, Saying};
use portcullis::source::revocations::RevocationFile;
use portcullis::source::signing_policy;

const NOW: i64 = 1_795_662_000;
const DAY: i64 = 86_400;
const POLICY: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: SigningPolicy
rules:
- {name: own, requesters: {groups: [dev]}, userNames: [self], groups: [self], maxLifetime: 24h}
";

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);

    // Once: an authority, its books, and who may have what.
    let options = AuthorityOptions {
        common_name: "users of example".to_owned(),
        organizations: Vec::new(),
        not_before: NOW - DAY,
        not_after: NOW + 365 * DAY,
        path_length: Some(0),
    };
    let authority =
        Authority::self_signed(PrivateKey::generate(KeyAlgorithm::EcdsaP256)?, &options)?;
    let (ledger, revoked) = (path("ledger.redb"), path("revocations.ndjson"));
    let books =
        LedgerFile::open(&LedgerPaths { ledger: &ledger, revocations: &revoked }, OpenMode::Write)?;
    let policy = signing_policy::parse(Path::new("policy.yaml"), POLICY.as_bytes())?;
    let rules = IssuingRules { policy: Some(&policy), ..IssuingRules::default() };

    // Jane asks for a certificate of her own, and for one of the operators.
    let jane = User::new("jane").with_groups(["dev"]);
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
    let asks = |groups: &[&str]| {
        let organizations = groups.iter().map(|group| (*group).to_owned()).collect();
        let subject = Subject { common_name: "jane".to_owned(), organizations, uid: None };
        SigningRequest::create(&key, &subject)
    };
    let issue = |request: &SigningRequest| {
        let order = Order {
            request,
            usages: &[KeyUsage::ClientAuth, KeyUsage::DigitalSignature],
            signer: &Signer::KubeApiserverClient,
            seconds: Some(3600),
            requester: Some(&jane),
            request_name: "",
            approved_by: "",
            now: NOW,
        };
        rules.issue(&order, &authority, &books)
    };
    let refusal = issue(&asks(&["dev", "ops"])?).err().ok_or("ops was given")?;
    writeln!(out, "refused: {refusal}")?;
    let issued = issue(&asks(&["dev"])?)?;
    let certificate = issued.certificate;
    writeln!(out, "issued: {}, by {}", certificate.fingerprint(), issued.decision)?;

    // A server: it trusts the authority, and both of its halves read the revocation file.
    let revocations = SharedRevocations::new(Revocations::default());
    let anchors = TrustAnchors::from_pem(authority.certificate_pem().as_bytes())?;
    let who = X509Authenticator::new(anchors).with_revocations(revocations.clone());
    let chain = Chain::new()
        .with_gate("Revocation", RevocationGate::new(revocations.clone()))
        .with("AlwaysAllow", AlwaysAllow);
    let authenticate = |now| {
        let leaf = certificate.der();
        who.authenticate(&ClientCertificates { leaf, intermediates: &[], now })
    };
    let user = authenticate(NOW)?.ok_or("nobody")?.user;
    assert_eq!(
        (user.name.as_str(), user.groups.first().map(String::as_str)),
        ("jane", Some("dev"))
    );
    let request = Request::resource(&user, ResourceAttributes::new("get", "pods"));
    let before = chain.authorize(&request);
    assert!(before.is_allowed());
    writeln!(out, "{} may get pods", user.name)?;

    // Taken back: into the ledger, and from there into the file that servers follow.
    let saying = Saying { at: NOW + 60, reason: "keyCompromise", by: "ops" };
    books.revoke(&Revoke::Certificate(certificate.fingerprint()), &saying)?;
    revocations.publish(RevocationFile::new(&revoked).read()?);

    let refusal = authenticate(NOW + 61).err().ok_or("a revoked certificate was believed")?;
    writeln!(out, "at the next handshake: {refusal}")?;
    // A connection that was open, or a webhook that never sees the certificate: the gate knows it.
    let after = chain.authorize(&request);
    assert!(!after.is_allowed());
    writeln!(out, "at the next request: {}", after.reason())?;
    Ok(())
}
