use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::Authorize;
use super::controller::is_bound;
use super::desk::Desk;
use super::judge::{Step, Subresource, Write, judge};
use crate::api::certificates::CertificateSigningRequest;
use crate::crypto::authority::{Authority, AuthorityOptions};
use crate::crypto::certificate::{Certificate, chain_from_pem};
use crate::crypto::private_key::{KeyAlgorithm, PrivateKey};
use crate::crypto::request::SigningRequest;
use crate::crypto::subject::Subject;
use crate::model::{Fingerprint, Verdict};
use crate::pki::ledger::{CertificateRecord, Ledger, LedgerError, Recorded};
use crate::webhook::config::{Problem, ServerConfig};
use crate::webhook::metrics::SignerOutcome;

const NOW: i64 = 1_795_662_000;
const SIGNER: &str = "example.com/portcullis";
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

const POLICY: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: SigningPolicy
rules:
- name: own
  requesters: {groups: [dev]}
  userNames: [self]
  groups: [self]
  maxLifetime: 2h
  signers: [example.com/portcullis, kubernetes.io/kube-apiserver-client]
";

/// Books in memory, which may refuse.
#[derive(Default)]
struct Books {
    records: Mutex<Vec<CertificateRecord>>,
    is_broken: bool,
}

impl Ledger for Books {
    fn record(&self, record: &CertificateRecord) -> Result<Recorded, LedgerError> {
        if self.is_broken {
            return Err(LedgerError::Record("the disk is full".into()));
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(Recorded::New)
    }

    fn find(&self, _: &Fingerprint) -> Result<Option<CertificateRecord>, LedgerError> {
        Ok(None)
    }

    fn of_user(&self, _: &str) -> Result<Vec<CertificateRecord>, LedgerError> {
        Ok(Vec::new())
    }
}

impl Books {
    fn len(&self) -> usize {
        self.records.lock().unwrap().len()
    }
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap()
}

/// Writes an authority that is good until then, and gives its name.
fn write_authority(folder: &Path, name: &str, not_after: i64) {
    let key = key();
    fs::write(folder.join("ca.key"), key.to_pem().expose_secret()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.join("ca.key"), mode).unwrap();
    }
    let options = AuthorityOptions {
        common_name: name.to_owned(),
        organizations: Vec::new(),
        not_before: NOW - 86_400,
        not_after,
        path_length: Some(0),
    };
    let authority = Authority::self_signed(key, &options).unwrap();
    fs::write(folder.join("ca.crt"), authority.certificate_pem()).unwrap();
}

struct Home {
    folder: tempfile::TempDir,
    books: Books,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_authority(folder.path(), "first", NOW + 86_400 * 365);
        fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
        Self { folder, books: Books::default() }
    }

    /// A desk as the configuration says it; `more` are fields of the signer.
    fn desk(&self, signer: &str, more: &str) -> Result<(Desk, Vec<Problem>), Vec<Problem>> {
        let text = format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n\
             listen: {{address: '127.0.0.1:0', tls: {{certificateFile: a, keyFile: b}}}}\n\
             cluster: {{inCluster: true, facts: {{namespace: portcullis-system}}}}\n\
             authorizers: [{{type: AlwaysDeny}}]\n\
             signers:\n- signerName: {signer}\n  \
             authority: {{certificateFile: ca.crt, keyFile: ca.key}}\n{more}"
        );
        let path = self.folder.path().join("server.yaml");
        let config = ServerConfig::parse(&path, text.as_bytes());
        let config = config.map_err(|error| error.problems().to_vec())?;
        let mut warnings = Vec::new();
        Ok((Desk::open(config.signers[0].clone(), &mut warnings)?, warnings))
    }

    fn policed(&self, more: &str) -> Desk {
        self.desk(SIGNER, &format!("  policy: policy.yaml\n{more}")).unwrap().0
    }

    fn judge(&self, desk: &Desk, object: &Value) -> Step {
        let object = CertificateSigningRequest::from_value(object.clone()).unwrap();
        let nobody: Authorize = Arc::new(|_| Verdict::no_opinion(""));
        judge(object, desk, &self.books, &nobody, NOW)
    }
}

/// A request of jane of dev, for herself.
fn request(signer: &str, change: impl FnOnce(&mut Value)) -> Value {
    request_of("jane", "dev", signer, change)
}

fn request_of(user: &str, group: &str, signer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let subject =
        Subject { common_name: user.to_owned(), organizations: vec![group.to_owned()], uid: None };
    let pem = SigningRequest::create(&key(), &subject).unwrap().pem();
    let mut object = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "one", "uid": "u", "resourceVersion": "7"},
        "spec": {
            "request": BASE64_STANDARD.encode(pem), "signerName": signer,
            "usages": ["client auth", "digital signature"],
            "username": "jane", "groups": ["dev", "system:authenticated"],
        },
        "status": {},
    });
    change(&mut object);
    object
}

fn conditions(kinds: &[&str]) -> Value {
    let of = |kind: &&str| json!({"type": kind, "status": "True", "reason": "Somebody"});
    json!(kinds.iter().map(of).collect::<Vec<_>>())
}

fn approved(object: &mut Value) {
    object["status"]["conditions"] = conditions(&["Approved"]);
}

#[track_caller]
fn written(step: Step) -> Write {
    match step {
        Step::Write(write) => *write,
        other => panic!("{other:?}"),
    }
}

/// The one condition of this type.
fn condition(write: &Write, kind: &str) -> (String, String) {
    let conditions = write.object.conditions();
    let found = conditions.iter().find(|condition| condition.kind == kind).unwrap();
    assert_eq!(found.status, "True");
    (found.reason.clone(), found.message.clone())
}

#[test]
fn what_is_approved_is_signed_recorded_and_written_to_status() {
    let home = Home::new();
    let desk = home.policed("");
    let object = request(SIGNER, |object| {
        approved(object);
        object["spec"]["expirationSeconds"] = 3600.into();
    });
    let write = written(home.judge(&desk, &object));
    assert_eq!((write.to, write.outcome), (Subresource::Status, SignerOutcome::Signed));
    let chain = chain_from_pem(write.object.certificate()).unwrap();
    let certificate = Certificate::from_der(&chain[0]).unwrap();
    assert_eq!(certificate.common_name(), Some("jane"));
    // S-CSR-16.
    assert_eq!((certificate.not_before(), certificate.not_after()), (NOW - 300, NOW + 3600));
    assert!(certificate.issuer().contains("first"));
    let records = home.books.records.lock().unwrap();
    assert_eq!(records[0].fingerprint, certificate.fingerprint());
    assert_eq!(records[0].request_name, "one");
    assert_eq!(records[0].decision, "approved by Somebody; rule `own` of the signing policy");
    assert_eq!(records[0].requester.as_ref().unwrap().name, "jane");
    // What else the object says is as it was, its version too: whoever wrote in between wins.
    let value = write.object.into_value();
    assert_eq!(value["metadata"]["resourceVersion"], "7");
    assert_eq!(value["spec"], object["spec"]);
    assert_eq!(value["status"]["conditions"], object["status"]["conditions"]);
}

#[test]
fn what_is_not_approved_or_decided_otherwise_or_not_ours_is_never_signed() {
    let home = Home::new();
    let desk = home.policed("");
    type Change = fn(&mut Value);
    let twins: [(&str, Change); 7] = [
        ("pending", |_| {}),
        ("denied", |object| object["status"]["conditions"] = conditions(&["Denied"])),
        ("approved and denied", |object| {
            object["status"]["conditions"] = conditions(&["Approved", "Denied"]);
        }),
        ("failed", |object| {
            object["status"]["conditions"] = conditions(&["Approved", "Failed"]);
        }),
        ("signed", |object| {
            approved(object);
            object["status"]["certificate"] = "LS0tLS0K".into();
        }),
        ("another signer", |object| {
            approved(object);
            object["spec"]["signerName"] = "example.com/other".into();
        }),
        ("a signer of Kubernetes", |object| {
            approved(object);
            object["spec"]["signerName"] = CLIENT.into();
        }),
    ];
    for (name, change) in twins {
        let step = home.judge(&desk, &request(SIGNER, change));
        assert!(matches!(step, Step::Nothing), "{name}: {step:?}");
    }
    assert_eq!(home.books.len(), 0);
    written(home.judge(&desk, &request(SIGNER, approved)));
    assert_eq!(home.books.len(), 1);
}

#[test]
fn what_the_rules_do_not_allow_fails_for_ever_though_somebody_approved_it() {
    let home = Home::new();
    let policed = home.policed("");
    let client = home.desk(CLIENT, "").unwrap().0;
    for (name, desk, object, message) in [
        (
            "S-CSR-13",
            &client,
            request(CLIENT, |object| {
                approved(object);
                object["spec"]["usages"] = json!(["server auth"]);
            }),
            "invalid usage for client certificate: server auth",
        ),
        (
            "S-CSR-12",
            &client,
            request_of("jane", "system:masters", CLIENT, approved),
            "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not \
             allowed",
        ),
        ("another's name", &policed, request_of("joe", "dev", SIGNER, approved), "joe"),
        (
            "no request",
            &policed,
            request(SIGNER, |object| {
                approved(object);
                object["spec"]["request"] = "LS0tLQ==".into();
            }),
            "spec.request",
        ),
    ] {
        let write = written(home.judge(desk, &object));
        assert_eq!(
            (write.to, write.outcome),
            (Subresource::Status, SignerOutcome::Refused),
            "{name}"
        );
        let (reason, said) = condition(&write, "Failed");
        assert_eq!(reason, "SignerValidationFailure", "{name}");
        assert!(said.contains(message), "{name}: {said}");
        assert!(write.object.certificate().is_empty(), "{name}");
    }
    assert_eq!(home.books.len(), 0);
    written(home.judge(&client, &request(CLIENT, approved)));
}

#[test]
fn an_expired_authority_and_books_that_fail_say_nothing_of_the_request() {
    let home = Home::new();
    write_authority(home.folder.path(), "old", NOW - 1);
    let desk = home.policed("");
    let object = request(SIGNER, approved);
    let step = home.judge(&desk, &object);
    assert!(matches!(&step, Step::Failed(error) if error.contains("expired")), "{step:?}");

    let home = Home { books: Books { is_broken: true, ..Books::default() }, ..Home::new() };
    let step = home.judge(&home.policed(""), &object);
    assert!(matches!(&step, Step::Failed(error) if error.contains("disk is full")), "{step:?}");
    let home = Home { books: Books::default(), ..home };
    written(home.judge(&home.policed(""), &object));
}

#[test]
fn only_an_object_that_says_which_it_is_in_which_version_can_be_written() {
    let object = request(SIGNER, approved);
    assert!(is_bound(&object));
    for field in ["uid", "resourceVersion"] {
        for lacking in [Value::Null, "".into(), 7.into()] {
            let mut object = object.clone();
            object["metadata"][field] = lacking;
            assert!(!is_bound(&object), "{object}");
        }
    }
    assert!(!is_bound(&json!({})));
}

#[test]
fn by_policy_what_a_rule_allows_is_approved_and_all_else_is_left_pending() {
    let home = Home::new();
    let desk = home.policed("  approve: ByPolicy\n");
    let write = written(home.judge(&desk, &request(SIGNER, |_| {})));
    assert_eq!((write.to, write.outcome), (Subresource::Approval, SignerOutcome::Approved));
    let (reason, message) = condition(&write, "Approved");
    assert_eq!(reason, "PortcullisApprove");
    assert!(message.contains("rule `own`"), "{message}");
    assert!(write.object.certificate().is_empty());
    // Approved is one thing, signed another: the API server must have said yes in between.
    assert_eq!(home.books.len(), 0);

    let refused = [
        ("another's name", request_of("joe", "dev", SIGNER, |_| {})),
        ("a group of others", request_of("jane", "ops", SIGNER, |_| {})),
        ("a stranger", request(SIGNER, |object| object["spec"]["groups"] = json!(["ops"]))),
        ("nobody", request(SIGNER, |object| object["spec"]["username"] = "".into())),
    ];
    for (name, object) in &refused {
        let step = home.judge(&desk, object);
        assert!(matches!(step, Step::Pending(_)), "{name}: {step:?}");
    }
    let strict = home.policed("  approve: ByPolicy\n  denyRefused: true\n");
    for (name, object) in &refused {
        let write = written(home.judge(&strict, object));
        assert_eq!(
            (write.to, write.outcome),
            (Subresource::Approval, SignerOutcome::Denied),
            "{name}"
        );
        assert_eq!(condition(&write, "Denied").0, "PortcullisDeny", "{name}");
    }
    // Who does not approve, does not deny either.
    assert!(matches!(home.judge(&home.policed(""), &refused[0].1), Step::Nothing));
}

#[test]
fn kubelets_are_approved_when_their_requester_may_ask_for_them() {
    const KUBELET: &str = "kubernetes.io/kube-apiserver-client-kubelet";
    let home = Home::new();
    let (desk, _) = home.desk(KUBELET, "  approve: Kubelets\n").unwrap();
    let object = |user: &str| {
        let object = request_of("system:node:a", "system:nodes", KUBELET, |object| {
            object["spec"]["username"] = user.into();
        });
        CertificateSigningRequest::from_value(object).unwrap()
    };
    // S-CSR-18: `nodeclient` for whoever bootstraps, `selfnodeclient` for the node itself.
    let may = |subresource: &'static str| -> Authorize {
        Arc::new(move |request| match &request.attributes {
            crate::model::Attributes::Resource(of) if of.subresource == subresource => {
                Verdict::allow("")
            }
            _ => Verdict::no_opinion(""),
        })
    };
    let judged =
        |user: &str, subresource| judge(object(user), &desk, &home.books, &may(subresource), NOW);
    let write = written(judged("system:node:a", "selfnodeclient"));
    assert_eq!(condition(&write, "Approved").0, "AutoApproved");
    written(judged("system:bootstrap:abcdef", "nodeclient"));
    for (user, subresource) in
        [("system:bootstrap:abcdef", "selfnodeclient"), ("system:node:a", "")]
    {
        let step = judged(user, subresource);
        assert!(matches!(step, Step::Pending(_)), "{user} {subresource}: {step:?}");
    }
}

#[test]
fn new_files_count_at_once_and_broken_ones_do_not() {
    let home = Home::new();
    let desk = home.policed("");
    let issuer = || {
        let write = written(home.judge(&desk, &request(SIGNER, approved)));
        let chain = chain_from_pem(write.object.certificate()).unwrap();
        Certificate::from_der(&chain[0]).unwrap().issuer()
    };
    assert!(issuer().contains("first"));
    fs::write(home.folder.path().join("ca.crt"), "no certificate").unwrap();
    assert!(issuer().contains("first"));
    assert!(desk.problem().unwrap().contains("ca.crt"));
    write_authority(home.folder.path(), "second", NOW + 86_400 * 365);
    assert!(issuer().contains("second"));
    assert_eq!(desk.problem(), None);
    // A policy that allows nobody.
    let policy = POLICY.replace("[dev]", "[ops]");
    fs::write(home.folder.path().join("policy.yaml"), policy).unwrap();
    let write = written(home.judge(&desk, &request(SIGNER, approved)));
    assert_eq!(write.outcome, SignerOutcome::Refused);
}

#[test]
#[cfg(unix)]
fn a_key_that_everybody_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    let warnings = |mode| {
        let key = home.folder.path().join("ca.key");
        fs::set_permissions(key, fs::Permissions::from_mode(mode)).unwrap();
        let (_, warnings) = home.desk(CLIENT, "").unwrap();
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(warnings(0o600).is_empty());
    assert!(warnings(0o640).is_empty());
    assert!(warnings(0o644)[0].contains("sign for anybody"));
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let home = Home::new();
    for (signer, more, expected) in [
        ("kubernetes.io/mine", "", "only Kubernetes has signers"),
        ("kubernetes.io/legacy-unknown", "", "takes no such requests"),
        ("portcullis.dev/login", "  policy: policy.yaml\n", "signs for those who log in"),
        ("nonsense", "", "must be a fully qualified domain"),
        (SIGNER, "", "name a signing policy under `policy`"),
        (CLIENT, "  approve: ByPolicy\n", "approves by policy, and has none"),
        (CLIENT, "  approve: Kubelets\n", "`approve: Kubelets` is for signer"),
        (CLIENT, "  denyRefused: true\n", "`denyRefused` is for `approve: ByPolicy`"),
        (CLIENT, "  signingDuration: 1m\n", "from `10m`"),
        (CLIENT, "  approve: Always\n", "there is no `Always`"),
        (CLIENT, "  authority: {certificateFile: x, keyFile: ca.key}\n", "stands twice"),
        (
            CLIENT,
            "- signerName: kubernetes.io/kube-apiserver-client\n  authority: \
          {certificateFile: ca.crt, keyFile: ca.key}\n",
            "stands there already",
        ),
        (CLIENT, "  policy: none.yaml\n", "cannot be read"),
    ] {
        let Err(problems) = home.desk(signer, more) else { panic!("{signer} {more}") };
        let told = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(told.contains(expected), "{signer} {more}: {told}");
    }
    assert!(home.desk(CLIENT, "  signingDuration: 24h\n").is_ok());
}
