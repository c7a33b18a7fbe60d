use std::io::Write;
use std::sync::mpsc;

use serde_json::{Value, json};

use super::*;
use crate::authz::{Authorizer, Rules};
use crate::model::{Request, ResourceAttributes, User, Verdict};
use crate::snapshot::{Config, Mode, Snapshot, compile};
use crate::source::{LoadOptions, parse};
use crate::util::secret::Secret;
use crate::webhook::metrics::ShadowDifference;
use crate::webhook::sample::Rate;

const POLICY: &str = r#"
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: reader}
rules:
- {verbs: [get, list], apiGroups: [""], resources: [pods]}
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: janes-binding, namespace: shop}
subjects:
- {kind: User, name: jane@example.com, apiGroup: rbac.authorization.k8s.io}
roleRef: {kind: ClusterRole, name: reader, apiGroup: rbac.authorization.k8s.io}
"#;

const WAIT: Duration = Duration::from_secs(10);

fn snapshot() -> Arc<Snapshot> {
    let inventory =
        parse("rbac.yaml", POLICY.as_bytes(), &LoadOptions::default()).unwrap().inventory;
    Arc::new(compile(&inventory, &Config::new([Mode::Rbac])).unwrap())
}

fn jane() -> User {
    let mut user = User::new("jane@example.com").with_groups(["devs", "system:authenticated"]);
    user.uid = "u-17".to_owned();
    user
}

fn get_pod() -> ResourceAttributes<'static> {
    let mut get = ResourceAttributes::new("get", "pods").in_namespace("shop").named("web-0");
    get.version = "v1";
    get
}

fn key() -> Arc<DigestKey> {
    DigestKey::new(&Secret::new("k".repeat(32))).unwrap().into()
}

/// A sink that keeps everything, or fails on demand.
#[derive(Clone, Default)]
struct Kitchen {
    bytes: Arc<Mutex<Vec<u8>>>,
    is_clogged: Arc<AtomicBool>,
}

impl Write for Kitchen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_clogged.load(Ordering::SeqCst) {
            // Half a line gets through.
            self.bytes.lock().unwrap().extend_from_slice(&bytes[..bytes.len().min(10)]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kitchen {
    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

struct Bench {
    log: DecisionLog,
    sink: Kitchen,
    metrics: Arc<Metrics>,
    snapshot: Arc<Snapshot>,
}

fn options() -> LogOptions {
    LogOptions::new(DecisionSink::Stdout)
}

fn stopped(options: LogOptions) -> (Bench, Writer) {
    let sink = Kitchen::default();
    let metrics = Arc::new(Metrics::new());
    let output = Output::Other(Box::new(sink.clone()));
    let (log, writer) = DecisionLog::parts(options, key(), Arc::clone(&metrics), output);
    (Bench { log, sink, metrics, snapshot: snapshot() }, writer)
}

fn running(options: LogOptions) -> Bench {
    let (mut bench, writer) = stopped(options);
    bench.log = std::mem::replace(&mut bench.log, DecisionLog::off()).start(writer).unwrap();
    bench
}

impl Bench {
    /// Decides and logs as the server does.
    fn ask(&self, user: &User, attributes: ResourceAttributes<'_>) {
        self.ask_of(&Request::resource(user, attributes));
    }

    fn ask_of(&self, request: &Request<'_>) {
        let verdict = self.snapshot.authorize(request);
        let decided = match verdict.decision {
            crate::model::Decision::Allow => Decided::Allow,
            crate::model::Decision::Deny => Decided::Deny,
            crate::model::Decision::NoOpinion => Decided::NoOpinion,
        };
        let Some(kept) = self.log.wants(decided, request.attributes.verb()) else { return };
        let reason = verdict.reason();
        self.log.authorize(
            kept,
            &AuthorizeRecord {
                request_id: "req-1",
                request,
                decided,
                reason: &reason,
                link: verdict.link().unwrap_or_default(),
                moment: verdict.moment(),
                asked_as: verdict.replaced_user(),
                errors: &verdict.errors,
                snapshot: &self.snapshot,
                generation: 7,
                took: Duration::from_nanos(12_340),
                peer: "10.0.0.1:4431".parse().ok(),
                shadow: Some(ShadowDifference::WouldRefuse),
            },
        );
    }

    fn review(&self, proved: Proved, token: &str, user: Option<&User>, error: &str) {
        let Some(kept) = self.log.wants_token(proved) else { return };
        self.log.authenticate(
            kept,
            &AuthenticateRecord {
                request_id: "req-2",
                proved,
                token,
                user,
                audiences: &["https://kubernetes.default.svc".to_owned()],
                authenticator: "token-file",
                error,
                generation: 7,
                took: Duration::from_micros(3),
                peer: None,
            },
        );
    }

    fn lines(&self) -> Vec<Value> {
        assert!(self.log.flush(WAIT));
        self.sink.lines()
    }
}

fn metric(metrics: &Metrics, name: &str) -> u64 {
    let text = metrics.render().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("portcullis_{name} ")));
    line.unwrap_or_else(|| panic!("{name}")).parse().unwrap()
}

// ---- what a line says ----------------------------------------------------------------------------

#[test]
fn an_access_review_is_logged_with_every_field() {
    let bench = running(options());
    bench.ask(&jane(), get_pod().with_subresource("log").in_group("g"));
    bench.ask(&jane(), get_pod());
    let lines = bench.lines();
    assert_eq!(lines[0]["decision"], "no-opinion");
    assert_eq!(lines[0]["attributes"]["subresource"], "log");
    assert_eq!(lines[0]["attributes"]["group"], "g");
    assert_eq!(lines[0]["path"], Value::Null);

    let mut line = lines[1].clone();
    let time = line["time"].take();
    let time = time.as_str().unwrap();
    assert_eq!(time.len(), "2026-11-26T03:05:22.123456Z".len(), "{time}");
    let at: jiff::Timestamp = time.parse().unwrap();
    let age = jiff::Timestamp::now().as_second() - at.as_second();
    assert!((0..60).contains(&age), "{time}");
    assert_eq!(
        line,
        json!({
            "time": null,
            "kind": "authorize",
            "requestId": "req-1",
            "decision": "allow",
            "reason": "RBAC: allowed by RoleBinding \"janes-binding/shop\" of ClusterRole \"reader\" \
                       to User \"jane@example.com\"",
            "link": "RBAC",
            "user": {
                "name": "jane@example.com", "uid": "u-17", "groups": ["devs", "system:authenticated"]
            },
            "attributes": {
                "verb": "get", "version": "v1", "resource": "pods", "namespace": "shop", "name": "web-0"
            },
            "generation": 7,
            "path": [
                {"kind": "subject", "text": "User jane@example.com"},
                {"kind": "RoleBinding", "text": "shop/janes-binding",
                 "origin": {"source": "rbac.yaml", "document": 2, "line": 8}},
                {"kind": "ClusterRole", "text": "reader",
                 "origin": {"source": "rbac.yaml", "document": 1, "line": 2}},
                {"kind": "rule", "text": "rules[0]: verbs [get list], apiGroups [\"\"], resources [pods]"},
            ],
            "latencyUs": 12.3,
            "peer": "10.0.0.1:4431",
            "shadow": "would_refuse",
            "sampleRate": 1.0,
        })
    );
}

#[test]
fn a_path_errors_and_a_failure_are_logged() {
    let bench = running(options());
    let user = jane();
    let request = Request::non_resource(&user, "get", "/healthz");
    bench.ask_of(&request);
    let kept = bench.log.wants(Decided::Error, "get").unwrap();
    let record = AuthorizeRecord {
        request_id: "",
        request: &request,
        decided: Decided::Error,
        reason: "",
        link: "",
        moment: None,
        asked_as: None,
        errors: &["webhook is down".to_owned(), "so is the other".to_owned()],
        snapshot: &bench.snapshot,
        generation: 1,
        took: Duration::ZERO,
        peer: None,
        shadow: None,
    };
    bench.log.authorize(kept, &record);
    let lines = bench.lines();
    assert_eq!(lines[0]["attributes"], json!({"verb": "get", "path": "/healthz"}));
    assert_eq!(lines[1]["decision"], "error");
    assert_eq!(lines[1]["errors"], json!(["webhook is down", "so is the other"]));
    for absent in ["requestId", "reason", "peer", "shadow", "path", "masked", "droppedBefore"] {
        assert_eq!(lines[1].get(absent), None, "{absent}");
    }
    assert!(bench.log.wants(Decided::Malformed, "get").is_none());
}

#[test]
fn a_selector_is_marked_and_its_twin_without_one_is_not() {
    use crate::model::Selector;
    let bench = running(options());
    bench.ask(&jane(), get_pod());
    let broken = Selector { requirements: &[], parse_error: Some("odd") };
    bench.ask(&jane(), ResourceAttributes { field_selector: broken, ..get_pod() });
    let lines = bench.lines();
    assert_eq!(lines[0]["attributes"].get("selectors"), None);
    assert_eq!(lines[1]["attributes"]["selectors"], true);
}

#[test]
fn a_token_review_is_logged_with_every_field_and_never_with_the_token() {
    let token = "s3cr3t-t0k3n-of-jane";
    for mask in [Mask::None, Mask::Users, Mask::UsersAndNames] {
        let bench = running(LogOptions { mask, ..options() });
        bench.review(Proved::Authenticated, token, Some(&jane()), "");
        bench.review(Proved::Error, token, None, "the token has expired");
        bench.review(Proved::Unknown, token, None, "");
        let lines = bench.lines();
        let text = bench.sink.text();
        assert_eq!(lines.len(), 3);
        assert!(!text.contains(token) && !text.contains("s3cr3t"), "{text}");
        let digest = key().token(token).to_string();
        assert!(lines.iter().all(|line| line["token"] == digest.as_str()), "{text}");
        assert_eq!(lines[0]["kind"], "authenticate");
        assert_eq!(lines[0]["decision"], "authenticated");
        assert_eq!(lines[0]["authenticator"], "token-file");
        assert_eq!(lines[0]["audiences"], json!(["https://kubernetes.default.svc"]));
        assert_eq!(lines[1]["decision"], "error");
        assert_eq!(lines[2]["decision"], "unknown");
        assert_eq!(lines[2].get("user"), None);
        let is_clear = mask == Mask::None;
        assert_eq!(lines[0]["user"]["name"] == "jane@example.com", is_clear);
        assert_eq!(lines[1]["errors"] == json!(["the token has expired"]), is_clear);
    }
    let record = AuthenticateRecord {
        request_id: "",
        proved: Proved::Unknown,
        token,
        user: None,
        audiences: &[],
        authenticator: "",
        error: "",
        generation: 1,
        took: Duration::ZERO,
        peer: None,
    };
    assert!(!format!("{record:?}").contains(token));
}

// ---- masks ---------------------------------------------------------------------------------------

#[test]
fn a_masked_line_holds_no_clear_name_anywhere_and_its_twin_does() {
    let ask = |mask| {
        let bench = running(LogOptions { mask, ..options() });
        bench.ask(&jane(), get_pod());
        // A namespace and a name that tell who it is.
        bench.ask(&jane(), get_pod().in_namespace("home-of-jane@example.com").named("x-devs-x"));
        bench.lines();
        bench.sink.text()
    };
    let secrets = ["jane@example.com", "u-17", "devs", "system:authenticated"];
    let (clear, users, all) = (ask(Mask::None), ask(Mask::Users), ask(Mask::UsersAndNames));
    for secret in secrets {
        assert!(clear.contains(secret), "{secret}: {clear}");
        assert!(!users.contains(secret), "{secret}: {users}");
        assert!(!all.contains(secret), "{secret}: {all}");
    }
    assert!(users.contains("web-0") && !all.contains("web-0"), "{all}");
    // What tells no name stays, and says that the rest is masked.
    for line in users.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["masked"], "users");
        assert_eq!(line["attributes"]["verb"], "get");
    }
    let first: Value = serde_json::from_str(users.lines().next().unwrap()).unwrap();
    assert_eq!(first["path"][2]["text"], "reader");
    assert_eq!(first["path"][1]["origin"]["line"], 8);
    assert_eq!(first["attributes"]["namespace"], "shop");
}

#[test]
fn the_groups_of_now_are_masked_as_those_of_the_credential() {
    use crate::authz::live_groups::{GroupFile, GroupResolver, LiveGroupsOptions};
    let text =
        POLICY.replace("kind: User, name: jane@example.com", "kind: Group, name: night-shift");
    assert!(text.contains("night-shift"));
    let ask = |mask| {
        let file = GroupFile::new("groups", [("jane@example.com", ["night-shift"])]).unwrap();
        let groups = GroupResolver::new(Arc::new(file), LiveGroupsOptions::default());
        let inventory = parse("p", text.as_bytes(), &LoadOptions::default()).unwrap().inventory;
        let config = Config::new([Mode::Rbac]).with_live_groups(groups);
        let mut bench = running(LogOptions { mask, ..options() });
        bench.snapshot = Arc::new(compile(&inventory, &config).unwrap());
        bench.ask(&jane(), get_pod());
        assert_eq!(bench.lines()[0]["decision"], "allow");
        bench.sink.text()
    };
    assert!(ask(Mask::None).contains("night-shift"));
    for mask in [Mask::Users, Mask::UsersAndNames] {
        assert!(!ask(mask).contains("night-shift"), "{}", ask(mask));
    }
}

#[test]
fn masked_names_can_be_correlated_over_lines_of_one_key() {
    let bench = running(LogOptions { mask: Mask::Users, ..options() });
    bench.ask(&jane(), get_pod());
    bench.review(Proved::Authenticated, "t", Some(&jane()), "");
    bench.ask(&User::new("joan"), get_pod());
    let lines = bench.lines();
    let name = |index: usize| lines[index]["user"]["name"].as_str().unwrap();
    assert_eq!(name(0), name(1));
    assert_ne!(name(0), name(2));
    assert_eq!(name(0), key().name("jane@example.com").to_string());
}

// ---- sampling ------------------------------------------------------------------------------------

#[test]
fn no_refusal_of_a_named_verb_is_ever_sampled_away() {
    let rates = [0.0, 0.001, 0.3, 0.999, 1.0].map(|rate| Rate::new(rate).unwrap());
    let verbs = ["get", "list", "delete", "impersonate", "", "*", "GET"];
    let lists: [&[&str]; 4] = [&[], &["delete"], &["delete", "get"], &["*"]];
    let mut skipped = 0;
    for (allows, refusals) in rates.iter().flat_map(|a| rates.iter().map(move |r| (*a, *r))) {
        for always in lists {
            let always: Vec<String> = always.iter().map(|verb| (*verb).to_owned()).collect();
            let is_named = |verb: &str| always.iter().any(|named| named == verb || named == "*");
            let sampling = Sampling::new(SamplePolicy { allows, refusals, always: always.clone() });
            for turn in 0..700 {
                let verb = verbs[turn % verbs.len()];
                // Allows in between must not disturb the rest.
                let allowed = sampling.keeps(Class::Allow, verb);
                assert!(allowed.is_none_or(|rate| rate == allows));
                assert_eq!(sampling.keeps(Class::Failure, verb), Some(Rate::ALL));
                for decided in [Decided::Deny, Decided::NoOpinion] {
                    let kept = sampling.keeps(decided.into(), verb);
                    if is_named(verb) {
                        assert_eq!(kept, Some(Rate::ALL), "{verb}");
                    }
                    skipped += usize::from(kept.is_none());
                }
                for proved in [Proved::Unknown, Proved::Error] {
                    let kept = sampling.keeps(proved.into(), AUTHENTICATE);
                    assert!(kept.is_some() || !is_named(AUTHENTICATE));
                }
            }
        }
    }
    assert!(skipped > 1_000, "nothing was sampled away, so nothing was shown: {skipped}");
}

#[test]
fn by_default_everything_is_logged_and_a_sampled_line_says_its_rate() {
    let bench = running(options());
    (0..50).for_each(|_| bench.ask(&jane(), get_pod()));
    assert_eq!(bench.lines().len(), 50);

    let sample = SamplePolicy { allows: Rate::new(0.25).unwrap(), ..SamplePolicy::default() };
    let bench = running(LogOptions { sample, ..options() });
    (0..400).for_each(|_| bench.ask(&jane(), get_pod()));
    bench.ask(&User::new("joan"), get_pod());
    let lines = bench.lines();
    let (allowed, refused): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line["decision"] == "allow");
    assert!((60..140).contains(&allowed.len()), "{}", allowed.len());
    assert!(allowed.iter().all(|line| line["sampleRate"] == 0.25));
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["sampleRate"], 1.0);
    let left_out = metric(&bench.metrics, "decision_log_sampled_out_total");
    assert_eq!(left_out, 400 - u64::try_from(allowed.len()).unwrap());
}

#[test]
fn the_sampling_of_a_configuration_is_read_and_refused_with_reason() {
    let read = serde_json::from_str::<SamplePolicy>;
    assert_eq!(read("{}").unwrap(), SamplePolicy::default());
    assert_eq!(read(r#"{"allows": 0.1, "always": ["get"]}"#).unwrap().always, ["get"]);
    for bad in [r#"{"allows": 2}"#, r#"{"denies": 0.1}"#] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

// ---- the queue and the writer --------------------------------------------------------------------

#[test]
fn a_full_queue_drops_and_counts_and_nobody_waits() {
    let (bench, writer) = stopped(LogOptions { queue: 2, ..options() });
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            (0..5).for_each(|_| bench.ask(&jane(), get_pod()));
            done.send(()).unwrap();
        });
        // With nobody to write, a queue that waited would wait for ever.
        is_done.recv_timeout(WAIT).unwrap();
    });
    assert_eq!(metric(&bench.metrics, "decision_log_dropped_total"), 3);
    assert!(!bench.log.flush(Duration::from_millis(5)));

    let Bench { log, sink, metrics, snapshot } = bench;
    let bench = Bench { log: log.start(writer).unwrap(), sink, metrics, snapshot };
    assert_eq!(bench.lines().len(), 2);
    bench.ask(&jane(), get_pod());
    let lines = bench.lines();
    let missing: Vec<Option<&Value>> = lines.iter().map(|line| line.get("droppedBefore")).collect();
    assert_eq!(missing, [None, None, Some(&json!(3))]);
    assert_eq!(metric(&bench.metrics, "decision_log_written_total"), 3);
    assert_eq!(metric(&bench.metrics, "decision_log_queued"), 0);
}

#[test]
fn large_requests_fill_the_queue_by_their_bytes_and_small_ones_find_room_again() {
    let (bench, writer) = stopped(LogOptions { queue_bytes: 1 << 20, ..options() });
    let path = format!("/{}", "a".repeat(300 << 10));
    let jane = jane();
    (0..5).for_each(|_| bench.ask_of(&Request::non_resource(&jane, "get", &path)));
    assert_eq!(metric(&bench.metrics, "decision_log_dropped_total"), 2);
    bench.ask(&jane, get_pod());
    assert_eq!(metric(&bench.metrics, "decision_log_dropped_total"), 2);

    let Bench { log, sink, metrics, snapshot } = bench;
    let bench = Bench { log: log.start(writer).unwrap(), sink, metrics, snapshot };
    assert_eq!(bench.lines().len(), 4);
    bench.ask_of(&Request::non_resource(&jane, "get", &path));
    assert_eq!(bench.lines().len(), 5);
}

#[test]
fn an_error_of_the_disk_costs_lines_and_never_the_rest() {
    let bench = running(options());
    bench.ask(&jane(), get_pod());
    bench.lines();
    bench.sink.is_clogged.store(true, Ordering::SeqCst);
    bench.ask(&jane(), get_pod());
    assert!(bench.log.flush(WAIT));
    bench.sink.is_clogged.store(false, Ordering::SeqCst);
    bench.ask(&jane(), get_pod());
    assert!(bench.log.flush(WAIT));
    assert_eq!(metric(&bench.metrics, "decision_log_write_errors_total"), 1);
    let text = bench.sink.text();
    let whole: Vec<bool> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).is_ok()).collect();
    // The half line stands alone; what came after is whole.
    assert_eq!(whole, [true, false, true], "{text}");
    // And it says what is missing before it.
    assert!(text.lines().last().unwrap().contains(r#""droppedBefore":1"#), "{text}");
}

#[test]
fn an_error_is_said_once_a_minute() {
    let mut complaint = Complaint::default();
    let start = Instant::now();
    let said =
        |complaint: &mut Complaint, second| complaint.is_due(start + Duration::from_secs(second));
    assert!(said(&mut complaint, 0));
    assert!(!said(&mut complaint, 59));
    assert!(said(&mut complaint, 61));
    assert!(!said(&mut complaint, 62));
}

#[cfg(unix)]
#[test]
fn a_renamed_file_is_left_alone_after_reopen() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("log.jsonl"), folder.path().join("log.1"));
    let (mut bench, _) = stopped(options());
    let options = LogOptions::new(DecisionSink::File(path.clone()));
    bench.log = DecisionLog::open(options, key(), Arc::clone(&bench.metrics)).unwrap();
    bench.ask(&jane(), get_pod());
    assert!(bench.log.flush(WAIT));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    std::fs::rename(&path, &old).unwrap();
    bench.ask(&jane(), get_pod());
    assert!(bench.log.flush(WAIT));
    bench.log.reopen();
    bench.ask(&jane(), get_pod());
    assert!(bench.log.close(WAIT));
    let count = |path| std::fs::read_to_string(path).unwrap().lines().count();
    assert_eq!((count(&old), count(&path)), (2, 1));
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let options = LogOptions::new(DecisionSink::File("/nowhere/at/all.jsonl".into()));
    let error = DecisionLog::open(options, key(), Arc::new(Metrics::new())).unwrap_err();
    assert!(error.to_string().contains("`/nowhere/at/all.jsonl`"), "{error}");
}

#[test]
fn closing_writes_what_waits_and_later_lines_are_counted_as_dropped() {
    let bench = running(options());
    (0..1_000).for_each(|_| bench.ask(&jane(), get_pod()));
    assert!(bench.log.close(WAIT));
    assert_eq!(bench.sink.lines().len(), 1_000);
    bench.ask(&jane(), get_pod());
    assert_eq!(metric(&bench.metrics, "decision_log_dropped_total"), 1);
    assert!(bench.log.close(WAIT));
}

#[test]
fn a_log_that_is_off_wants_nothing() {
    let log = DecisionLog::off();
    assert!(log.wants(Decided::Deny, "delete").is_none());
    assert!(log.wants_token(Proved::Unknown).is_none());
    assert!(log.flush(WAIT) && log.close(WAIT));
}

#[test]
fn lines_of_many_threads_are_whole() {
    let bench = running(options());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| bench.ask(&jane(), get_pod())));
        }
    });
    assert_eq!(bench.lines().len(), 2_000);
}

/// Allows once, and panics when asked again.
struct Moody(AtomicBool);

impl Authorizer for Moody {
    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        assert!(!self.0.swap(true, Ordering::SeqCst), "asked twice");
        Verdict::allow("moody")
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

#[test]
fn an_authorizer_that_panics_when_asked_for_its_way_does_not_end_the_log() {
    let mut bench = running(options());
    let config = Config::new([]).with_authorizer("moody", Moody(AtomicBool::new(false)));
    let moody = Arc::new(compile(&Default::default(), &config).unwrap());
    let usual = std::mem::replace(&mut bench.snapshot, moody);
    bench.ask(&jane(), get_pod());
    bench.snapshot = usual;
    bench.ask(&jane(), get_pod());
    let lines = bench.lines();
    assert_eq!(lines[0]["reason"], "moody");
    assert_eq!(lines[0].get("path"), None);
    assert_eq!(lines[1]["path"].as_array().unwrap().len(), 4);
}

/// Asks somebody far away, who is not to be bothered for the log.
struct Remote(Moody);

impl Authorizer for Remote {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        self.0.authorize(request)
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }

    fn is_slow(&self) -> bool {
        true
    }
}

#[test]
fn a_line_names_the_link_that_decided_and_no_slow_one_is_asked_again() {
    let mut bench = running(options());
    let remote = Remote(Moody(AtomicBool::new(false)));
    let config = Config::new([Mode::AlwaysDeny]).with_authorizer("far", remote);
    bench.snapshot = Arc::new(compile(&Default::default(), &config).unwrap());
    bench.ask(&jane(), get_pod());
    let lines = bench.lines();
    assert_eq!((&lines[0]["link"], &lines[0]["reason"]), (&json!("far"), &json!("moody")));
    assert_eq!(lines[0].get("path"), None);
}

/// A clock that is set by hand.
fn hand() -> (Arc<std::sync::atomic::AtomicI64>, crate::model::Clock) {
    let seconds = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let read = Arc::clone(&seconds);
    let now = move || crate::model::Moment::from_seconds(read.load(Ordering::SeqCst));
    (seconds, crate::model::Clock::new(now))
}

#[test]
fn a_line_says_that_the_grant_is_about_to_end_and_knows_its_way_when_it_has_ended() {
    let annotated = "metadata: {name: janes-binding, namespace: shop, \
                     annotations: {portcullis.dev/not-after: '1970-01-01T02:00:00Z'}}";
    let policy = POLICY.replace("metadata: {name: janes-binding, namespace: shop}", annotated);
    let inventory = parse("rbac.yaml", policy.as_bytes(), &LoadOptions::default()).unwrap();
    let (seconds, clock) = hand();
    let config = Config::new([Mode::Rbac]).with_grant_times(clock);
    let (mut bench, writer) = stopped(options());
    bench.snapshot = Arc::new(compile(&inventory.inventory, &config).unwrap());
    let jane = jane();
    for now in [0, 3_599, 3_600, 7_199, 7_200] {
        seconds.store(now, Ordering::SeqCst);
        bench.ask(&jane, get_pod());
    }
    // The writer comes to it when all has ended.
    seconds.store(99_999, Ordering::SeqCst);
    bench.log = std::mem::replace(&mut bench.log, DecisionLog::off()).start(writer).unwrap();
    let lines = bench.lines();
    let told: Vec<(&Value, &Value)> =
        lines.iter().map(|line| (&line["decision"], &line["grantEnds"])).collect();
    let (allow, none, end) = (json!("allow"), Value::Null, json!("1970-01-01T02:00:00Z"));
    assert_eq!(
        told,
        [
            (&allow, &none),
            (&allow, &none),
            (&allow, &end),
            (&allow, &end),
            (&json!("no-opinion"), &none)
        ]
    );
    for line in &lines[..4] {
        let text = line["path"][1]["text"].as_str().unwrap();
        assert_eq!(text, "shop/janes-binding until 1970-01-01T02:00:00Z", "{line}");
    }
    assert_eq!(lines[4].get("path"), None);
}
