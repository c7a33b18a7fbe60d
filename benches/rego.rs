//! What does a decision of a policy in Rego cost beyond the engine that runs it, and do two threads take
//! twice as many? Ten rules, a review of 1 KB. Prints a line for each way, with its ratio to the engine
//! used the best way its API allows: a register machine that is kept, a program compiled once, an input
//! that is built by hand and not from JSON.
//!
//! Not a criterion bench, which measures one thread.

use std::error::Error;
use std::hint::black_box;
use std::io::{Write, stdout};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use portcullis::authz::rbac;
use portcullis::authz::rego::{
    self, Evaluator, Facts, Options, Policy, RegoAuthorizer, Sources, World,
};
use portcullis::model::{
    Decision, FieldOperator, FieldRequirement, LabelOperator, LabelRequirement, Request,
    ResourceAttributes, Selector, User,
};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Value};

/// Decisions of one measurement.
const PASSES: u32 = 20_000;
/// Measurements of each kind, of which the fastest counts: others use the machine too.
const RUNS: usize = 7;

const TEN_RULES: &str = r#"package portcullis.authz

writes := {"create", "update", "patch", "delete", "deletecollection"}

is_write if input.resourceAttributes.verb in writes

is_operator if "ops" in input.groups

team contains name if {
    some group in input.groups
    startswith(group, "team-")
    name := trim_prefix(group, "team-")
}

owns_namespace if {
    some name in team
    startswith(input.resourceAttributes.namespace, name)
}

is_secret if input.resourceAttributes.resource == "secrets"

deny contains "secrets are changed by operators" if {
    is_secret
    is_write
    not is_operator
}

deny contains "nobody deletes everything" if {
    input.resourceAttributes.verb == "deletecollection"
    not is_operator
}

allow if {
    owns_namespace
    not is_secret
}

allow if {
    input.resourceAttributes.verb in {"get", "list"}
    input.resourceAttributes.namespace == "dev"
    not is_secret
}
"#;

const WITH_RBAC: &str = r#"package portcullis.authz

allow if {
    input.resourceAttributes.namespace == "dev"
    portcullis.rbac.allowed(object.union(input, {"user": "nobody"}))
}
allow if input.resourceAttributes.verb == "get"
"#;

struct Asked {
    user: User,
    fields: Vec<FieldRequirement>,
    labels: Vec<LabelRequirement>,
}

impl Asked {
    fn new() -> Self {
        let mut user = User::new("jane").with_groups([
            "system:authenticated",
            "dev",
            "ops",
            "team-shop",
            "team-pay",
            "team-web",
        ]);
        user.uid = "3c8f6f1e-0000-4000-8000-000000000001".to_owned();
        let fingerprint =
            "X509SHA256=dd3d1f0f1b6f4b7e9a1d6f9e6fd0b5a1e6c4b5f3e2d1c0b9a8f7e6d5c4b3a291";
        user.extra = [
            ("authentication.kubernetes.io/credential-id".to_owned(), vec![fingerprint.to_owned()]),
            ("scopes.authorization.openshift.io".to_owned(), vec!["user:full".to_owned()]),
        ]
        .into();
        let fields = vec![FieldRequirement {
            field: "metadata.name".to_owned(),
            operator: FieldOperator::Equals,
            value: "frontend".to_owned(),
        }];
        let label = |key: &str, operator, values: &[&str]| LabelRequirement {
            key: key.to_owned(),
            operator,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let labels = vec![
            label("app", LabelOperator::In, &["backend", "frontend"]),
            label("tier", LabelOperator::Exists, &[]),
        ];
        Self { user, fields, labels }
    }

    fn request(&self) -> Request<'_> {
        Request::resource(
            &self.user,
            ResourceAttributes {
                verb: "get",
                namespace: "shop-test",
                group: "apps",
                version: "v1",
                resource: "deployments",
                subresource: "scale",
                name: "frontend",
                field_selector: Selector { requirements: &self.fields, parse_error: None },
                label_selector: Selector { requirements: &self.labels, parse_error: None },
            },
        )
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let asked = Asked::new();
    let json = rego::input(&asked.request(), &Facts::default(), 0).to_json_str()?;
    writeln!(stdout(), "an input of {} bytes", json.len())?;

    let bare = best(1, &|| {
        let mut machine = bare_machine(TEN_RULES);
        let (asked, facts) = (Asked::new(), Facts::default());
        move || machine.decide(rego::input(&asked.request(), &facts, 0))
    });
    report("engine, input built by hand", bare, bare)?;
    let parsed = best(1, &|| {
        let (mut machine, json) = (bare_machine(TEN_RULES), json.clone());
        move || machine.decide(Value::from_json_str(&json).unwrap_or(Value::Null))
    });
    report("engine, input parsed from JSON", parsed, bare)?;
    let kept = best(1, &|| {
        let mut machine = bare_machine(TEN_RULES);
        let input = rego::input(&Asked::new().request(), &Facts::default(), 0);
        move || machine.decide(input.clone())
    });
    report("engine, the same input again", kept, bare)?;
    for evaluator in [Evaluator::Machine, Evaluator::Interpreter] {
        let ours = ours(TEN_RULES, evaluator);
        let one = best(1, &|| decide(&ours));
        report(&format!("Portcullis, {evaluator:?}"), one, bare)?;
        let two = best(2, &|| decide(&ours));
        let ratio = 2.0 * one.as_secs_f64() / two.as_secs_f64();
        writeln!(stdout(), "{:<36} two threads take x{ratio:.2}", "")?;
    }
    let ours = ours(WITH_RBAC, Evaluator::Machine);
    let one = best(1, &|| decide(&ours));
    report("Portcullis, a function about RBAC", one, bare)?;
    Ok(())
}

fn report(what: &str, time: Duration, bare: Duration) -> Result<(), Box<dyn Error>> {
    let each = time.as_secs_f64() * 1e9 / f64::from(PASSES);
    let ratio = time.as_secs_f64() / bare.as_secs_f64();
    writeln!(stdout(), "{what:<36} {each:8.0} ns  x{ratio:.2}")?;
    Ok(())
}

struct Bare(RegoVM);

impl Bare {
    /// Deny, then allow, as anybody would ask.
    fn decide(&mut self, input: Value) -> bool {
        self.0.set_input(input);
        let deny = self.0.execute_entry_point_by_name("data.portcullis.authz.deny");
        let allow = self.0.execute_entry_point_by_name("data.portcullis.authz.allow");
        let is_denied = deny.is_ok_and(|deny| deny.as_set().is_ok_and(|deny| !deny.is_empty()));
        !is_denied && allow.is_ok_and(|allow| allow == Value::Bool(true))
    }
}

#[expect(clippy::unwrap_used, reason = "a bench that cannot prepare must stop")]
fn bare_machine(text: &str) -> Bare {
    let mut engine = Engine::new();
    engine.add_policy("bench.rego".to_owned(), text.to_owned()).unwrap();
    let entry = "data.portcullis.authz.allow";
    let compiled = engine.compile_with_entrypoint(&entry.into()).unwrap();
    let entries = [entry, "data.portcullis.authz.deny"];
    let program = Compiler::compile_from_policy(&compiled, &entries).unwrap();
    let mut machine = RegoVM::new();
    machine.load_program(program);
    machine.set_data(Value::new_object()).unwrap();
    Bare(machine)
}

#[expect(clippy::unwrap_used, reason = "a bench that cannot prepare must stop")]
fn ours(text: &str, evaluator: Evaluator) -> Arc<RegoAuthorizer> {
    let options = Options::default().with_evaluator(evaluator);
    let policy = Policy::compile(Sources::module("bench.rego", text), options).unwrap();
    let rbac = rbac::Policy::compile(&portcullis::api::inventory::Inventory::default()).unwrap();
    let world = World { rbac: Some(Arc::new(rbac)), facts: Arc::default() };
    Arc::new(RegoAuthorizer::new(Arc::new(policy), world))
}

fn decide(authorizer: &Arc<RegoAuthorizer>) -> impl FnMut() -> bool + use<> {
    let (authorizer, asked) = (Arc::clone(authorizer), Asked::new());
    move || authorizer.evaluate(&asked.request()).decision == Decision::Allow
}

/// The shortest time of all measurements, on so many threads.
fn best<D: FnMut() -> bool>(threads: usize, prepare: &(impl Fn() -> D + Sync)) -> Duration {
    (0..RUNS).map(|_| together(threads, prepare)).min().unwrap_or_default()
}

/// How long the slowest of the threads needs for all its decisions.
fn together<D: FnMut() -> bool>(threads: usize, prepare: &(impl Fn() -> D + Sync)) -> Duration {
    let start = Barrier::new(threads);
    let work = || {
        let mut decide = prepare();
        assert!(decide(), "the request is allowed");
        start.wait();
        let began = Instant::now();
        for _ in 0..PASSES {
            assert!(black_box(decide()));
        }
        began.elapsed()
    };
    let work = &work;
    thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let times = started.into_iter().filter_map(|thread| thread.join().ok());
        times.max().unwrap_or(Duration::MAX)
    })
}
