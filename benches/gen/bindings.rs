//! Who is bound to what: ClusterRoleBindings, and the RoleBindings of each namespace.

use portcullis::api::Str;
use portcullis::api::meta::{ObjectMeta, StrMap};
use portcullis::api::rbac::{ClusterRoleBinding, Role, RoleBinding, RoleRef, Subject};
use portcullis::model::groups;

use super::defaults::CONTROLLERS;
use super::operators::OPERATORS;
use super::people::{Organisation, PLATFORM, local_account};
use super::rng::Rng;
use super::roles::APPS;

/// The bindings that a fresh cluster has for everybody and for its components.
fn defaults() -> Vec<(&'static str, Vec<Subject>)> {
    vec![
        ("cluster-admin", vec![Subject::group(groups::MASTERS)]),
        ("system:discovery", vec![Subject::group(groups::AUTHENTICATED)]),
        (
            "system:public-info-viewer",
            vec![Subject::group(groups::AUTHENTICATED), Subject::group(groups::UNAUTHENTICATED)],
        ),
        ("system:basic-user", vec![Subject::group(groups::AUTHENTICATED)]),
        ("system:service-account-issuer-discovery", vec![Subject::group(groups::SERVICE_ACCOUNTS)]),
        ("system:monitoring", vec![Subject::group("system:monitoring")]),
        ("system:kube-scheduler", vec![Subject::user("system:kube-scheduler")]),
        ("system:node-proxier", vec![Subject::user("system:kube-proxy")]),
    ]
}

/// So many ClusterRoleBindings: the defaults, the controllers, then operators, the platform's
/// groups and service accounts, and tenants that were given a ClusterRole everywhere.
pub(crate) fn cluster_wide(
    count: usize,
    organisation: &Organisation,
    rng: &mut Rng,
) -> Vec<ClusterRoleBinding> {
    let controllers = CONTROLLERS.into_iter().map(|(name, _, _)| {
        let role = format!("system:controller:{name}");
        (role, vec![Subject::service_account("kube-system", name)])
    });
    let fixed = defaults().into_iter().map(|(role, subjects)| (role.to_owned(), subjects));
    let fixed: Vec<_> = fixed.chain(controllers).take(count / 2).collect();
    let rest = (fixed.len()..count).map(|index| tenant_wide(index, organisation, rng));
    fixed
        .iter()
        .cloned()
        .chain(rest)
        .enumerate()
        .map(|(index, (role, subjects))| {
            let name =
                if index < fixed.len() { role.clone() } else { format!("{role}-{index:05}") };
            let metadata = ObjectMeta { name: name.into(), ..ObjectMeta::default() };
            ClusterRoleBinding { metadata, subjects, role_ref: RoleRef::cluster_role(role) }
        })
        .collect()
}

/// The company's own groups are bound cluster-wide by the few people who run the cluster, not by
/// every new tenant: past the first `COMPANY_WIDE` bindings only teams and accounts come. So what one
/// person holds does not grow with the cluster.
const COMPANY_WIDE: usize = 60;

fn tenant_wide(index: usize, organisation: &Organisation, rng: &mut Rng) -> (String, Vec<Subject>) {
    let (operator, _, _) = rng.pick(&OPERATORS).copied().unwrap_or_default();
    let app = rng.word(&APPS);
    let home = rng.below(organisation.namespaces.len());
    let role = match rng.below(100) {
        0 => "cluster-admin".to_owned(),
        1..=3 => "view".to_owned(),
        4..=39 => format!("{operator}-controller"),
        40..=49 => format!("{operator}-metrics-reader"),
        50..=59 => "system:auth-delegator".to_owned(),
        60..=97 => {
            format!("acme:{app}:{}", rng.word(&["debugger", "node-reader", "release-manager"]))
        }
        // Left behind when a chart was removed.
        _ => format!("{operator}-legacy"),
    };
    // Two roles are too strong for a crowd: only the platform has them everywhere.
    let subjects = match role.as_str() {
        "cluster-admin" | "view" if index >= COMPANY_WIDE => {
            vec![account(home, organisation, rng)]
        }
        "cluster-admin" => vec![Subject::group("oidc:platform-admins")],
        "view" => {
            vec![Subject::group("oidc:platform-sre"), Subject::group("oidc:security-auditors")]
        }
        _ => {
            let mut subjects = subjects(home, organisation, rng);
            if index >= COMPANY_WIDE {
                for subject in subjects.iter_mut().filter(|subject| subject.kind == "Group") {
                    subject.name = organisation.team_group(home, rng);
                }
            }
            subjects
        }
    };
    (role, subjects)
}

/// So many RoleBindings in namespace `index`, most to the Roles that it has.
pub(crate) fn in_namespace(
    index: usize,
    count: usize,
    roles: &[Role],
    organisation: &Organisation,
    rng: &mut Rng,
) -> Vec<RoleBinding> {
    let namespace = organisation.namespaces.get(index).cloned().unwrap_or_default();
    let bindings = (0..count).map(|number| {
        let subjects = subjects(index, organisation, rng);
        let kind = subjects.first().map(|subject| subject.kind.clone()).unwrap_or_default();
        let role_ref = role_ref(&kind, roles, rng);
        let app = rng.word(&APPS);
        let name = format!("{app}-{}-{number:02}", role_ref.name.replace("acme:", "acme-"));
        let labels = if rng.percent(30) { chart_labels(app) } else { StrMap::new() };
        let metadata = ObjectMeta {
            name: name.into(),
            namespace: namespace.clone(),
            labels,
            ..ObjectMeta::default()
        };
        RoleBinding { metadata, subjects, role_ref }
    });
    bindings.collect()
}

/// Service accounts get the Roles of their chart, people the user-facing ClusterRoles; two in a
/// hundred references lead nowhere (S-RBAC-23).
fn role_ref(kind: &str, roles: &[Role], rng: &mut Rng) -> RoleRef {
    let local = match kind {
        "ServiceAccount" => 75,
        "Group" => 35,
        _ => 55,
    };
    if rng.percent(2) {
        return RoleRef::role(format!("{}-removed", rng.word(&APPS)));
    }
    if rng.percent(local) {
        return RoleRef::role(
            rng.pick(roles).map(|role| role.metadata.name.clone()).unwrap_or_default(),
        );
    }
    if kind == "ServiceAccount" || rng.percent(25) {
        let (operator, _, _) = rng.pick(&OPERATORS).copied().unwrap_or_default();
        let app = rng.word(&APPS);
        return RoleRef::cluster_role(match rng.below(4) {
            0 => format!("{operator}-view"),
            1 => format!("{operator}-edit"),
            2 => format!("acme:{app}:deployer"),
            _ => format!("acme:{app}:debugger"),
        });
    }
    RoleRef::cluster_role(rng.word(&["view", "view", "edit", "edit", "admin"]))
}

/// One to three subjects: 60 % service accounts, 25 % groups, 15 % users. Those of one binding
/// are of one kind nine times in ten.
fn subjects(home: usize, organisation: &Organisation, rng: &mut Rng) -> Vec<Subject> {
    let count = match rng.below(10) {
        0..=6 => 1,
        7 | 8 => 2,
        _ => 3,
    };
    let first = rng.below(100);
    let mut subjects: Vec<Subject> = Vec::with_capacity(count);
    for _ in 0..count {
        let draw = if rng.percent(90) { first } else { rng.below(100) };
        let subject = match draw {
            0..=59 => account(home, organisation, rng),
            60..=84 => Subject::group(organisation.group(home, rng)),
            _ => Subject::user(
                organisation.member(home, rng).map(|it| it.name.clone()).unwrap_or_default(),
            ),
        };
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    subjects
}

/// Mostly an account of the namespace itself; some of a neighbour, some of the platform, which
/// thereby collects grants in every second namespace.
fn account(home: usize, organisation: &Organisation, rng: &mut Rng) -> Subject {
    let spaces = &organisation.namespaces;
    match rng.below(100) {
        0..=1 => Subject::group(format!(
            "{}:{}",
            groups::SERVICE_ACCOUNTS,
            spaces.get(home).map(Str::as_str).unwrap_or_default()
        )),
        2..=4 => {
            let (namespace, name) = rng.pick(&PLATFORM).copied().unwrap_or_default();
            Subject::service_account(namespace, name)
        }
        5..=12 => {
            let namespace = rng.pick(spaces).cloned().unwrap_or_default();
            Subject::service_account(namespace, local_account(rng))
        }
        _ => {
            let namespace = spaces.get(home).cloned().unwrap_or_default();
            Subject::service_account(namespace, local_account(rng))
        }
    }
}

fn chart_labels(app: &str) -> StrMap {
    [
        ("app.kubernetes.io/instance", app.to_owned()),
        ("app.kubernetes.io/managed-by", "Helm".to_owned()),
        ("app.kubernetes.io/name", app.to_owned()),
        ("helm.sh/chart", format!("{app}-3.{}.1", app.len())),
    ]
    .into_iter()
    .map(|(key, value)| (key.into(), value.into()))
    .collect()
}
