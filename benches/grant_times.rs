//! What it costs that bindings may end: a decision of a user with eight bindings, each to a role of its
//! own, the last by name being the one that grants. `rbac/grant-times/…`:
//!
//! - `off`: nobody asks the clock.
//! - `on-none-ends`: bindings may end, none does. Must be as fast as `off`.
//! - `on-others-end`: bindings of others end. As fast, too.
//! - `on-all-end`: all eight end some day: the clock is asked, once.
//! - `on-all-ended`: all eight have ended: a no.
//! - `clock`: what asking the system's clock costs by itself.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use portcullis::api::rbac::{ClusterRole, Object, RoleBinding, RoleRef, Subject};
use portcullis::authz::rbac::{Editor, NOT_AFTER, Policy};
use portcullis::model::{Clock, Origin, Request, ResourceAttributes, User};

const BATCH: u64 = 64;
const FUTURE: &str = "9999-12-31T23:59:59Z";
const PAST: &str = "1971-01-01T00:00:00Z";

/// Eight bindings of jane and a thousand of others; an end of hers, an end of theirs.
fn policy(
    mut editor: Editor,
    own: Option<&str>,
    others: Option<&str>,
) -> Result<Policy, Box<dyn Error>> {
    for at in 0..8 {
        let verb = if at == 7 { "get" } else { "list" };
        let role: ClusterRole = serde_json::from_value(serde_json::json!({
            "metadata": {"name": format!("role-{at}")},
            "rules": [{"verbs": [verb], "apiGroups": [""], "resources": ["pods"]}],
        }))?;
        editor.apply(&role.into(), &Origin::default())?;
    }
    for at in 0..1_008 {
        let (user, end) = match at {
            0..8 => ("jane".to_owned(), own),
            _ => (format!("user-{at}"), others),
        };
        let mut binding = RoleBinding {
            subjects: vec![Subject::user(user)],
            role_ref: RoleRef::cluster_role(format!("role-{}", at % 8)),
            ..RoleBinding::default()
        };
        binding.metadata.name = format!("binding-{at}").into();
        binding.metadata.namespace = "shop".into();
        if let Some(end) = end {
            binding.metadata.annotations.insert(NOT_AFTER.into(), end.into());
        }
        editor.apply(&Object::from(binding), &Origin::default())?;
    }
    Ok(editor.policy())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let on = || Editor::with_grant_times(Clock::system());
    let jane = User::new("jane").with_groups(["dev", "system:authenticated"]);
    let get = ResourceAttributes::new("get", "pods").in_namespace("shop");
    let request = Request::resource(&jane, get);
    let mut group = criterion.benchmark_group("rbac/grant-times");
    group.throughput(Throughput::Elements(BATCH));
    for (name, policy, is_allowed) in [
        ("off", policy(Editor::new(), Some(FUTURE), Some(FUTURE))?, true),
        ("on-none-ends", policy(on(), None, None)?, true),
        ("on-others-end", policy(on(), None, Some(FUTURE))?, true),
        ("on-all-end", policy(on(), Some(FUTURE), Some(FUTURE))?, true),
        ("on-all-ended", policy(on(), Some(PAST), None)?, false),
    ] {
        assert_eq!(policy.allows(&request), is_allowed, "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for _ in 0..BATCH {
                    black_box(policy.allows(black_box(&request)));
                }
            });
        });
    }
    let clock = Clock::system();
    group.bench_function("clock", |bencher| {
        bencher.iter(|| {
            for _ in 0..BATCH {
                black_box(clock.now());
            }
        });
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}
