//! What is done with arbitrary bytes: every parser that reads what others write.
//!
//! One function a parser; none may panic, hang or grow without bound, whatever the bytes. The fuzzer
//! calls them (see `README.md` beside), and so does the test suite with all saved inputs.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Once};

use portcullis::api::authentication::TokenReview;
use portcullis::api::authorization::IncomingReview;
use portcullis::api::certificates::{self, CertificateSigningRequest, Condition};
use portcullis::api::decision_line::DecisionLine;
use portcullis::api::kubeconfig::{Cluster, Credentials, Entries, Kubeconfig, Material, Named};
use portcullis::authn::ldap::{Dn, DnTemplate, Filter, FilterTemplate};
use portcullis::authn::request_header::{RequestHeaderAuthenticator, RequestHeaderConfig};
use portcullis::authn::token_file::{CsvTokens, HashedTokens};
use portcullis::authn::x509::X509Authenticator;
use portcullis::authn::{
    CertificateAuthenticator, CertifiedRequest, ClientCertificates, ReservedNames, Secret,
};
use portcullis::authz::abac;
use portcullis::crypto::certificate::{self, Certificate, KeyDescription};
use portcullis::crypto::crl::{RevocationList, UnknownStatus};
use portcullis::crypto::jws::Compact;
use portcullis::crypto::path::{self, PathInput, RevocationCheck, Strictness, TrustAnchors, Usage};
use portcullis::crypto::private_key::PrivateKey;
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::{jwk, pem};
use portcullis::model::{Fingerprint, User};
use portcullis::pki::Requested;
use portcullis::pki::ledger::{CertificateRecord, Ledger, Provenance};
use portcullis::pki::policy::Asked;
use portcullis::pki::signer::Signer;
use portcullis::source::authentication_config;
use portcullis::source::kubeconfig::{self, Existing};
use portcullis::source::ledger::{LedgerFile, LedgerPaths, OpenMode};
use portcullis::source::revocations::RevocationFile;
use portcullis::source::{self, Limits, LoadOptions, objects, signing_policy};
use portcullis::webhook::config::ServerConfig;

/// A parser by name, and what is done with the bytes.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them; a folder of `corpus/` and a file of `fuzz_targets/` has the same name.
pub(crate) const TARGETS: &[Target] = &[
    ("abac_policy", abac_policy),
    ("authentication_config", authentication_config),
    ("certificate", certificate),
    ("certificate_chain", certificate_chain),
    ("certificate_path", certificate_path),
    ("certificate_record", certificate_record),
    ("client_certificates", client_certificates),
    ("decision_line", decision_line),
    ("distinguished_name", distinguished_name),
    ("jwk_set", jwk_set),
    ("jws", jws),
    ("kubeconfig", kubeconfig),
    ("ldap_names", ldap_names),
    ("ledger_file", ledger_file),
    ("public_key_pem", public_key_pem),
    ("policy_objects", policy_objects),
    ("private_key", private_key),
    ("proxy_headers", proxy_headers),
    ("revocation_file", revocation_file),
    ("revocation_list", revocation_list),
    ("server_config", server_config),
    ("signing_policy", signing_policy),
    ("signing_request", signing_request),
    ("signing_request_object", signing_request_object),
    ("subject_access_review", subject_access_review),
    ("token_files", token_files),
    ("token_review", token_review),
];

/// Lines of an ABAC policy file.
pub(crate) fn abac_policy(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = abac::Policy::parse("fuzz", text);
    }
}

/// A line of the decision log.
pub(crate) fn decision_line(bytes: &[u8]) {
    let _ = DecisionLine::parse(bytes);
}

/// A set of JSON Web Keys, as issuers publish them.
pub(crate) fn jwk_set(bytes: &[u8]) {
    let _ = jwk::parse(bytes, 100);
}

/// A compact JWS, as anybody sends it.
pub(crate) fn jws(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Compact::parse(text);
    }
}

/// A filter template, a DN template and a name, a line each: what the name is put into stays the tree
/// that it was.
pub(crate) fn ldap_names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (filter, dn, name) = (next(), next(), next());
    if let Ok(template) = filter.parse::<FilterTemplate>() {
        let filled = template.fill(name);
        assert!(filled.to_string().parse::<Filter>().as_ref() == Ok(&filled), "{filled}");
    }
    if let Ok(template) = dn.parse::<DnTemplate>() {
        let filled = template.fill(name);
        assert!(filled.to_string().parse::<Dn>().as_ref() == Ok(&filled), "{filled}");
    }
}

/// Public keys from PEM files.
pub(crate) fn public_key_pem(bytes: &[u8]) {
    let _ = pem::verifying_keys(bytes);
}

/// Kubernetes objects: YAML, JSON, NDJSON, lists.
pub(crate) fn policy_objects(bytes: &[u8]) {
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let _ = source::parse("fuzz", bytes, &LoadOptions { limits, ..LoadOptions::default() });
}

/// The configuration of the server.
pub(crate) fn server_config(bytes: &[u8]) {
    let _ = ServerConfig::parse("fuzz.yaml", bytes);
}

/// The body of `POST /authorize`.
pub(crate) fn subject_access_review(bytes: &[u8]) {
    let _ = IncomingReview::from_json(bytes);
}

/// Files of tokens, of both forms.
pub(crate) fn token_files(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = HashedTokens::parse("fuzz", text, ReservedNames::Refuse);
        let _ = CsvTokens::read("fuzz", &Secret::new(text.to_owned()), ReservedNames::Allow);
    }
}

/// The body of `POST /authenticate`.
pub(crate) fn token_review(bytes: &[u8]) {
    let _ = TokenReview::from_json(bytes);
}

/// 2026-11-26T08:00:00Z; the certificates of `fixed/` are good then.
const NOW: i64 = 1_795_680_000;

/// An authority, and what it signed.
const AUTHORITY: &[u8] = include_bytes!("fixed/authority.pem");
const PROXY: &[u8] = include_bytes!("fixed/proxy.pem");

/// A certificate, DER: everything that it says of itself.
pub(crate) fn certificate(bytes: &[u8]) {
    let _ = certificate::fingerprint(bytes).to_string();
    let _ = KeyDescription::of_public_key_info(bytes);
    let Ok(read) = Certificate::from_der(bytes) else { return };
    assert_eq!(read.der(), bytes);
    let _ = (read.common_name(), read.organizations(), read.uid(), read.fingerprint());
    let _ = (read.subject_der(), read.issuer_der(), read.subject(), read.issuer());
    let _ = (read.serial_decimal(), read.subject_key_id(), read.authority_key_id());
    let _ = (read.dns_names().count(), read.uris().count(), read.email_addresses().count());
    let _ = (read.ip_addresses().count(), read.key_usages(), read.extended_key_usages());
    let _ = (read.is_authority(), read.path_length(), read.may_sign_certificates());
    let _ = (read.may_sign_crls(), read.not_before(), read.not_after(), read.version());
    let _ = (read.key().to_string(), read.key().is_weak(), read.signature_algorithm());
    let _ = (read.critical_extensions(), format!("{read:?}"));
    assert_ne!(read.serial().first(), Some(&0));
    assert!(read.has_key(read.public_key_info()));
    let _ = TrustAnchors::from_der([bytes]);
    // What is written down of it reads back.
    let record = CertificateRecord::of_certificate(bytes, Provenance::imported(NOW)).unwrap();
    if let Ok(json) = serde_json::to_vec(&record) {
        assert_eq!(serde_json::from_slice::<CertificateRecord>(&json).unwrap(), record);
    }
}

/// Certificates and trusted authorities from PEM files.
pub(crate) fn certificate_chain(bytes: &[u8]) {
    if let Ok(chain) = certificate::chain_from_pem(bytes) {
        assert!(!chain.is_empty());
    }
    let _ = TrustAnchors::from_pem(bytes);
}

/// Pieces, each behind its length in two bytes; the last one may be cut off.
fn pieces(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// What a client presents, leaf first; revocation lists among it are taken as such. Once for the
/// fixed authority, and once for one that is the client's as well.
pub(crate) fn certificate_path(bytes: &[u8]) {
    static TRUSTED: LazyLock<TrustAnchors> =
        LazyLock::new(|| TrustAnchors::from_pem(AUTHORITY).unwrap());
    let (lists, certificates): (Vec<_>, Vec<_>) = pieces(bytes)
        .into_iter()
        .map(|piece| (RevocationList::from_pem_or_der(piece), piece))
        .partition(|(list, _)| list.is_ok());
    let lists: Vec<_> = lists.into_iter().filter_map(|(list, _)| list.ok()).map(Arc::new).collect();
    let certificates: Vec<_> = certificates.into_iter().map(|(_, piece)| piece).collect();
    let Some((leaf, intermediates)) = certificates.split_first() else { return };
    let own = intermediates.last().and_then(|last| TrustAnchors::from_der([*last]).ok());
    for trusted in [Some(&*TRUSTED), own.as_ref()].into_iter().flatten() {
        for (usage, strictness, unknown) in [
            (Usage::ClientAuth, Strictness::Strict, UnknownStatus::Deny),
            (Usage::ServerAuth, Strictness::AsKubernetes, UnknownStatus::Allow),
        ] {
            let revocation = Some(RevocationCheck { lists: &lists, unknown });
            for revocation in [None, revocation] {
                let input = PathInput::new(leaf, intermediates, NOW, usage);
                match path::verify(&PathInput { strictness, revocation, ..input }, trusted) {
                    Ok(path) => assert!(path.certificates().count() <= certificates.len() + 1),
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
}

/// A record of the ledger.
pub(crate) fn certificate_record(bytes: &[u8]) {
    if let Ok(record) = serde_json::from_slice::<CertificateRecord>(bytes) {
        let _ = (record.serial_hex(), record.state(NOW));
        let again = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<CertificateRecord>(&again).unwrap(), record);
    }
}

/// Who a client is; pieces as in [`certificate_path`].
pub(crate) fn client_certificates(bytes: &[u8]) {
    static AUTHENTICATOR: LazyLock<X509Authenticator> =
        LazyLock::new(|| X509Authenticator::new(TrustAnchors::from_pem(AUTHORITY).unwrap()));
    let chain = pieces(bytes);
    let Some(presented) = ClientCertificates::presented(&chain, NOW) else { return };
    for authenticator in [&*AUTHENTICATOR, &AUTHENTICATOR.as_kubernetes()] {
        match authenticator.authenticate(&presented) {
            Ok(Some(found)) => assert!(!found.user.name.is_empty()),
            Ok(None) => {}
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// A name, DER, as text: what it is printed as has no line of its own.
pub(crate) fn distinguished_name(bytes: &[u8]) {
    let _ = certificate::distinguished_name(bytes);
}

/// A kubeconfig. Entries that are merged into it are there afterwards, and everything else as before.
pub(crate) fn kubeconfig(bytes: &[u8]) {
    let Ok(before) = kubeconfig::parse("fuzz", bytes) else { return };
    let cluster = Cluster {
        server: "https://api.example:6443".to_owned(),
        certificate_authority: Some(Material::Embedded(AUTHORITY.to_vec())),
        ..Cluster::default()
    };
    let token = Credentials::token(Material::Embedded(Secret::new("t: #\"'".to_owned())));
    let entries = Entries::new("jane", token, "example").with_cluster(cluster);
    for existing in [Existing::Refuse, Existing::Replace] {
        let Ok(merged) = kubeconfig::merge("fuzz", bytes, &entries, existing) else { continue };
        let text = merged.text.expose_secret().as_bytes();
        let after = kubeconfig::parse("merged", text).unwrap();
        let Kubeconfig { clusters, users, contexts, current_context } = &after;
        assert!(same_credentials(after.user("jane").unwrap(), &entries.user.value));
        assert_eq!(after.cluster("example"), entries.cluster.as_ref().map(|it| &it.value));
        let context = &entries.context;
        let merged_context = after.context(&context.name).unwrap();
        assert_eq!(merged_context.user, "jane");
        assert_eq!(merged_context.cluster, "example");
        others_stay(&before.clusters, clusters, "example", PartialEq::eq);
        others_stay(&before.users, users, "jane", same_credentials);
        others_stay(&before.contexts, contexts, &context.name, PartialEq::eq);
        let current = [&before.current_context, &context.name];
        assert!(current.contains(&current_context));
        // Once is enough.
        let again = kubeconfig::merge("again", text, &entries, Existing::Refuse).unwrap();
        assert_eq!(again.text.expose_secret().as_bytes(), text);
    }
}

fn same_credentials(one: &Credentials, other: &Credentials) -> bool {
    let token = |of: &Credentials| match &of.token {
        Some(Material::Embedded(token)) => Some((true, token.expose_secret().to_owned())),
        Some(Material::Referenced(path)) => Some((false, path.clone())),
        _ => None,
    };
    token(one) == token(other)
        && one.client_certificate == other.client_certificate
        && one.client_key == other.client_key
        && one.others == other.others
}

fn others_stay<T: std::fmt::Debug>(
    before: &[Named<T>],
    after: &[Named<T>],
    name: &str,
    same: fn(&T, &T) -> bool,
) {
    fn others<'n, T>(list: &'n [Named<T>], name: &str) -> Vec<&'n Named<T>> {
        list.iter().filter(|entry| entry.name != name).collect()
    }
    let (before, after) = (others(before, name), others(after, name));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.into_iter().zip(after) {
        assert_eq!(before.name, after.name);
        assert!(same(&before.value, &after.value), "{before:?} became {after:?}");
    }
}

/// A folder of this process; the tests that run beside have one of their own.
fn scratch(name: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| tempfile::tempdir().unwrap().keep());
    FOLDER.join(name)
}

/// A ledger with bytes that are not its own: each five are a place and what stands there instead.
/// What it says is an error or a record.
pub(crate) fn ledger_file(bytes: &[u8]) {
    static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let (ledger, revocations) = (scratch("good.redb"), scratch("good.revoked"));
        let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
        let books = LedgerFile::open(&paths, OpenMode::Write).unwrap();
        for der in certificate::chain_from_pem(AUTHORITY).unwrap() {
            let record = CertificateRecord::of_certificate(&der, Provenance::imported(NOW));
            books.record(&record.unwrap()).unwrap();
        }
        drop(books);
        fs::read(&ledger).unwrap()
    });
    // The store stops its thread where a page makes no sense, and the ledger catches that. The
    // fuzzer would take it for its own.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|place| place.file().contains("redb")) {
                before(panic);
            }
        }));
    });
    let mut file = GOOD.clone();
    let (patches, _) = bytes.as_chunks::<5>();
    for [a, b, c, d, byte] in patches {
        let place =
            usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or_default() % file.len();
        file[place] = *byte;
    }
    if patches.is_empty() {
        file = bytes.to_vec();
    }
    let (ledger, revocations) = (scratch("fuzz.redb"), scratch("fuzz.revoked"));
    let paths = LedgerPaths { ledger: &ledger, revocations: &revocations };
    for mode in [OpenMode::Read, OpenMode::Write] {
        fs::write(&ledger, &file).unwrap();
        let _ = fs::remove_file(&revocations);
        let Ok(books) = LedgerFile::open(&paths, mode) else { continue };
        let _ = (books.len(), books.of_group("dev"), books.of_serial(&[7]), books.revoked());
        let _ = (books.ending(0, i64::MAX), books.beginning_with("a"), books.next_crl_number());
        let _ = books.find(&Fingerprint::from_bytes([7; 32]));
        let _ = books.of_user("jane");
        let _ = books.sync();
    }
}

/// A private key, PEM, with a passphrase at hand. What was read is written and read again.
pub(crate) fn private_key(bytes: &[u8]) {
    let _ = PrivateKey::from_pem(bytes, None);
    let passphrase = Secret::new("x".to_owned());
    if let Ok(key) = PrivateKey::from_pem(bytes, Some(&passphrase)) {
        let again = PrivateKey::from_pem(key.to_pem().expose_secret().as_bytes(), None).unwrap();
        assert_eq!(again.public_key_info(), key.public_key_info());
        assert_eq!(again.algorithm(), key.algorithm());
        key.sign(bytes).unwrap();
    }
}

/// Headers of an authenticating proxy, a line each: the name up to the first colon.
pub(crate) fn proxy_headers(bytes: &[u8]) {
    static PROXIES: LazyLock<RequestHeaderAuthenticator> = LazyLock::new(|| {
        let authorities = TrustAnchors::from_pem(AUTHORITY).unwrap();
        let mut config = RequestHeaderConfig::new(["front-proxy"]);
        config.extra_prefixes.push("X-R".to_owned());
        RequestHeaderAuthenticator::new(authorities, config).unwrap()
    });
    static LEAF: LazyLock<Vec<u8>> =
        LazyLock::new(|| certificate::chain_from_pem(PROXY).unwrap().remove(0));
    let lines = bytes.split(|byte| *byte == b'\n');
    let headers: Vec<(&str, &[u8])> = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
        .collect();
    for (name, _) in &headers {
        let _ = PROXIES.reads_header(name);
    }
    let certificates = ClientCertificates { leaf: &LEAF, intermediates: &[], now: NOW };
    let request = CertifiedRequest { certificates, headers: &headers };
    match PROXIES.find(&request) {
        Ok(Some(found)) => assert!(!found.user.name.is_empty()),
        Ok(None) => {}
        // The proxy is one: only what it says can be wrong.
        Err(error) => assert!(error.to_string().contains("header"), "{error}"),
    }
}

/// The lines of a revocation file: read, followed, and added to.
pub(crate) fn revocation_file(bytes: &[u8]) {
    let path = scratch("revoked.ndjson");
    fs::write(&path, bytes).unwrap();
    let file = RevocationFile::new(&path);
    let Ok(entries) = file.entries() else {
        assert!(file.read().is_err());
        return;
    };
    // What was read is written as the same.
    let copy = scratch("copied.ndjson");
    let _ = fs::remove_file(&copy);
    let copied = RevocationFile::new(&copy);
    copied.append(&entries).unwrap();
    assert_eq!(copied.entries().unwrap(), entries);
    // And at the end of what was there.
    file.append(&entries).unwrap();
    let doubled = file.entries().unwrap();
    assert!(doubled.len() >= 2 * entries.len());
    assert!(doubled.starts_with(&entries) && doubled.ends_with(&entries));
}

/// A revocation list, PEM or DER.
pub(crate) fn revocation_list(bytes: &[u8]) {
    let Ok(list) = RevocationList::from_pem_or_der(bytes) else { return };
    let _ = (list.issuer_der(), list.issuer(), list.number(), list.this_update());
    let _ = (list.next_update(), list.len(), list.find(&[7]), format!("{list:?}"));
    let again = RevocationList::from_pem_or_der(list.der()).unwrap();
    assert_eq!((again.len(), again.number()), (list.len(), list.number()));
    let _ = list.is_by(bytes);
}

/// The AuthenticationConfiguration of an API server, and its flags.
pub(crate) fn authentication_config(bytes: &[u8]) {
    if let Ok(configuration) = authentication_config::parse("fuzz.yaml", bytes) {
        // What was accepted is accepted again without its lines.
        assert!(authentication_config::validate(&configuration, &[]).is_ok());
    }
    let _ = authentication_config::server_flags("fuzz.yaml", bytes);
}

/// A signing policy, YAML or JSON, and what it says to somebody.
pub(crate) fn signing_policy(bytes: &[u8]) {
    let Ok(policy) = signing_policy::parse(Path::new("fuzz.yaml"), bytes) else { return };
    let mut jane = User::new("jane");
    jane.groups = vec!["dev".to_owned(), "ops".to_owned()];
    let names = ["a.example".to_owned(), "*.example".to_owned(), String::new()];
    let requested = Requested {
        common_name: "jane",
        organizations: &jane.groups,
        dns_names: &names,
        ip_addresses: &[IpAddr::from([127, 0, 0, 1]), IpAddr::from([0; 16])],
        email_addresses: &names,
        uris: &names,
        key: None,
        ..Requested::default()
    };
    let signer = Signer::KubeApiserverClient;
    match policy.decide(&Asked { requester: &jane, requested, signer: &signer }) {
        Ok(allowed) => assert!(policy.rules.iter().any(|rule| rule.name == allowed.rule)),
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}

/// A signing request, PEM or DER.
pub(crate) fn signing_request(bytes: &[u8]) {
    for read in [SigningRequest::from_pem(bytes), SigningRequest::from_der(bytes)] {
        let Ok(read) = read else { continue };
        let _ = (read.key().to_string(), read.common_name(), read.organizations());
        let _ = (read.dns_names(), read.ip_addresses(), read.email_addresses(), read.uris());
        let _ = (read.other_names(), read.other_extensions(), read.public_key_info());
        // It is shown as it was read.
        assert!(certificate::distinguished_name(read.subject_der()).is_some());
        assert_eq!(SigningRequest::from_pem(read.pem().as_bytes()).unwrap().der(), read.der());
    }
}

/// CertificateSigningRequest objects, and other objects of YAML and JSON. Nothing is lost of them.
pub(crate) fn signing_request_object(bytes: &[u8]) {
    let Ok(found) = objects::read("fuzz", bytes) else { return };
    for object in found.objects {
        let Ok(mut read) = CertificateSigningRequest::from_value(object.value.clone()) else {
            continue;
        };
        let _ = (read.name(), read.requester(), read.certificate(), read.is_denied());
        let _ = (read.is_pending(), read.awaits_certificate(), read.is_failed());
        let _ = read.errors(None, Some("cannot be read".to_owned())).to_string();
        let stored = read.clone();
        let _ = read.update_errors(&stored, certificates::Subresource::Status);
        let _ = SigningRequest::from_pem(&read.spec().request);
        assert_eq!(stored.into_value(), object.value);
        read.add_condition(Condition::by_kubectl(true), "2026-11-26T08:00:00Z");
        read.set_certificate("pem");
        let again = CertificateSigningRequest::from_value(read.clone().into_value()).unwrap();
        assert_eq!(again.into_value(), read.into_value());
    }
}
