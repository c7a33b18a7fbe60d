//! What it costs that groups are replaced, when those of the user are kept: the plain decision of RBAC
//! beside the same one with live groups, a yes and a no, with ten groups and with two hundred.

#![expect(clippy::unwrap_used, reason = "a bench on what is refused must stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{ClusterRole, ClusterRoleBinding, RoleRef, Subject};
use portcullis::authz::live_groups::{GroupFile, GroupResolver, LiveGroupsOptions};
use portcullis::model::{Origin, Request, ResourceAttributes, User};
use portcullis::snapshot::{Config, Mode, Snapshot, compile};

/// A thousand groups that may read pods, each by a binding of its own.
const GROUPS: usize = 1_000;

fn inventory() -> Inventory {
    let role: ClusterRole = serde_json::from_str(
        r#"{"metadata": {"name": "reader"},
            "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}"#,
    )
    .unwrap();
    let mut inventory = Inventory::default();
    inventory.push(role.into(), Origin::default());
    for index in 0..GROUPS {
        let mut binding = ClusterRoleBinding {
            subjects: vec![Subject::group(format!("group-{index}"))],
            role_ref: RoleRef::cluster_role("reader"),
            ..Default::default()
        };
        binding.metadata.name = format!("b-{index}").into();
        inventory.push(binding.into(), Origin::default());
    }
    inventory
}

fn policies(groups: &[String]) -> (Snapshot, Snapshot) {
    let file = GroupFile::new("groups.yaml", [("jane", groups.to_vec())]).unwrap();
    let resolver = GroupResolver::new(Arc::new(file), LiveGroupsOptions::default());
    let config = Config::new([Mode::Rbac]);
    let live = config.clone().with_live_groups(resolver);
    let inventory = inventory();
    (compile(&inventory, &config).unwrap(), compile(&inventory, &live).unwrap())
}

fn decisions(c: &mut Criterion) {
    for count in [10, 200] {
        let groups: Vec<String> = (0..count).map(|index| format!("group-{index}")).collect();
        let (plain, live) = policies(&groups);
        let mut user = User::new("jane").with_groups(groups);
        user.groups.push("system:authenticated".to_owned());
        let id = "X509SHA256=307fc61a5843c7a42fbba898e8d0977602e8272e933439f113e694695000c356";
        let key = "authentication.kubernetes.io/credential-id".to_owned();
        user.extra.insert(key, vec![id.to_owned()]);
        for (name, verb, is_allowed) in [("yes", "get", true), ("no", "delete", false)] {
            let request = Request::resource(&user, ResourceAttributes::new(verb, "pods"));
            for (policy, snapshot) in [("plain", &plain), ("live", &live)] {
                c.bench_function(&format!("live_groups/{count}_groups/{name}/{policy}"), |b| {
                    b.iter(|| {
                        let verdict = snapshot.authorize(black_box(&request));
                        assert_eq!(verdict.is_allowed(), is_allowed);
                    });
                });
            }
        }
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
