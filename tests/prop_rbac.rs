//! Random worlds, random changes, random questions: the engine beside the slow reference.

use std::collections::BTreeSet;

use portcullis::api::rbac::{
    ClusterRole, ClusterRoleBinding, Object, ObjectKey, PolicyRule, Role, RoleBinding, RoleRef,
    Subject,
};
use portcullis::authz::Authorizer;
use portcullis::authz::rbac::Editor;
use portcullis::model::{
    Attributes, NonResourceAttributes, Origin, Request, ResourceAttributes, User,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::reference::rbac::Reference;
use crate::support::world::sorted;

// Few words, so that things meet; odd ones among them.
const VERBS: [&str; 7] = ["get", "list", "*", "create", "GET", "", "frobnicate"];
const GROUPS: [&str; 4] = ["", "apps", "*", "x.example"];
const RESOURCES: [&str; 9] =
    ["pods", "*", "pods/log", "*/log", "secrets", "pods/*", "*/*", "", "a/b/c"];
const NAMES: [&str; 4] = ["a", "b", "", "*"];
const URLS: [&str; 7] = ["*", "/healthz", "/healthz*", "/api/*", "/a*b", "", "/**"];
const NAMESPACES: [&str; 3] = ["n1", "n2", ""];
const USERS: [&str; 6] =
    ["alice", "bob", "system:serviceaccount:n1:sa", "system:serviceaccount:n2:sa", "*", ""];
const USER_GROUPS: [&str; 4] = ["dev", "ops", "alice", "system:authenticated"];
const OBJECT_NAMES: [&str; 4] = ["r1", "r2", "r3", "r4"];

fn words(
    from: &'static [&'static str],
    most: usize,
) -> impl Strategy<Value = Vec<portcullis::api::Str>> {
    vec(select(from).prop_map(Into::into), 0..=most)
}

fn rule() -> impl Strategy<Value = PolicyRule> {
    (words(&VERBS, 3), words(&GROUPS, 2), words(&RESOURCES, 3), words(&NAMES, 2), words(&URLS, 2))
        .prop_map(|(verbs, api_groups, resources, resource_names, non_resource_urls)| PolicyRule {
            verbs,
            api_groups,
            resources,
            resource_names,
            non_resource_urls,
        })
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        select(&USERS[..]).prop_map(Subject::user),
        select(&USER_GROUPS[..]).prop_map(Subject::group),
        select(&NAMESPACES[..]).prop_map(|namespace| Subject::service_account(namespace, "sa")),
        Just(Subject { kind: "Robot".into(), name: "alice".into(), ..Subject::default() }),
        Just(Subject { api_group: "odd".into(), ..Subject::user("bob") }),
    ]
}

fn role_ref() -> impl Strategy<Value = RoleRef> {
    (
        select(&["ClusterRole", "Role", "ClusterRole", "Role", "Rolle"][..]),
        select(&OBJECT_NAMES[..]),
    )
        .prop_map(|(kind, name)| RoleRef { kind: kind.into(), ..RoleRef::role(name) })
}

pub(crate) fn object() -> impl Strategy<Value = Object> {
    let place = (select(&["n1", "n2"][..]), select(&OBJECT_NAMES[..]));
    (0..4u8, place, vec(rule(), 0..4), role_ref(), vec(subject(), 0..4)).prop_map(
        |(kind, (namespace, name), rules, role_ref, subjects)| {
            let mut object: Object = match kind {
                0 => ClusterRole { rules, ..Default::default() }.into(),
                1 => Role { rules, ..Default::default() }.into(),
                2 => ClusterRoleBinding { subjects, role_ref, ..Default::default() }.into(),
                _ => RoleBinding { subjects, role_ref, ..Default::default() }.into(),
            };
            let meta = match &mut object {
                Object::ClusterRole(o) => &mut o.metadata,
                Object::Role(o) => &mut o.metadata,
                Object::ClusterRoleBinding(o) => &mut o.metadata,
                Object::RoleBinding(o) => &mut o.metadata,
            };
            meta.name = name.into();
            if kind % 2 == 1 {
                meta.namespace = namespace.into();
            }
            object
        },
    )
}

#[derive(Debug, Clone)]
enum Change {
    Apply(Object),
    Delete(ObjectKey),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => object().prop_map(Change::Apply),
        1 => object().prop_map(|object| Change::Delete(object.key())),
    ]
}

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) user: User,
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    sub: &'static str,
    name: &'static str,
    pub(crate) namespace: &'static str,
    path: Option<&'static str>,
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    let user = (select(&USERS[..]), vec(select(&USER_GROUPS[..]), 0..4))
        .prop_map(|(name, groups)| User::new(name).with_groups(groups));
    let path = prop_oneof![
        2 => Just(None),
        1 => select(&["/healthz", "/healthzz", "/api/v1", "/api", "", "/a*b"][..]).prop_map(Some),
    ];
    (
        user,
        select(&["get", "list", "create", "frobnicate", "*", "", "unknown"][..]),
        select(&["", "apps", "*", "nowhere"][..]),
        select(&["pods", "secrets", "*", "a/b", "", "pods/log", "a"][..]),
        select(&["", "", "log", "*", "c", "b/c"][..]),
        select(&["", "a", "b", "*"][..]),
        select(&NAMESPACES[..]),
        path,
    )
        .prop_map(|(user, verb, group, resource, sub, name, namespace, path)| Asked {
            user,
            verb,
            group,
            resource,
            sub,
            name,
            namespace,
            path,
        })
}

impl Asked {
    pub(crate) fn attributes(&self) -> Attributes<'_> {
        match self.path {
            Some(path) => Attributes::NonResource(NonResourceAttributes { verb: self.verb, path }),
            None => Attributes::Resource(
                ResourceAttributes::new(self.verb, self.resource)
                    .in_group(self.group)
                    .in_namespace(self.namespace)
                    .named(self.name)
                    .with_subresource(self.sub),
            ),
        }
    }
}

fn compare(policy: &portcullis::authz::rbac::Policy, reference: &Reference, asked: &Asked) {
    let attributes = asked.attributes();
    let request = Request { user: &asked.user, attributes };
    let slow = reference.authorize(&asked.user, &attributes);
    let verdict = policy.authorize(&request);
    assert_eq!(verdict.is_allowed(), slow.allowed, "{asked:?}");
    assert_eq!(verdict.reason(), slow.reason, "{asked:?}");
    let principal = policy.principal(&asked.user.clone().into());
    assert_eq!(principal.allows(&attributes), slow.allowed, "{asked:?}");

    let who = policy.who_can(&attributes);
    let (slow_who, slow_errors) = reference.who_can(&attributes);
    let subjects: Vec<Subject> = who.rows.iter().map(|row| row.subject()).collect();
    assert_eq!(subjects, slow_who, "{asked:?}");
    assert_eq!(who.errors, slow_errors, "{asked:?}");

    // The inverse law: a user is allowed exactly if some row means it.
    let means = |row: &portcullis::authz::rbac::Row<'_>| {
        crate::reference::rbac::applies(&row.subject(), &asked.user, row.binding.namespace())
    };
    assert_eq!(who.rows.iter().any(means), slow.allowed, "{asked:?}");
    for row in &who.rows {
        let rule = row.rule().expect("a row names its rule");
        assert!(crate::reference::rbac::allows(&rule, &attributes), "{asked:?} {rule:?}");
    }

    let rules = policy.rules_for(&asked.user, asked.namespace);
    let (slow_rules, errors) = reference.rules_of(&asked.user, asked.namespace);
    let resource = slow_rules.iter().filter(|rule| !rule.resources.is_empty()).count();
    let paths = slow_rules.iter().filter(|rule| !rule.non_resource_urls.is_empty()).count();
    assert_eq!((rules.resource.len(), rules.non_resource.len()), (resource, paths));
    assert_eq!(rules.errors, errors);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_changes_answers_as_the_reference(
        initial in vec(object(), 0..16),
        changes in vec(change(), 0..24),
        questions in vec(asked(), 12),
    ) {
        let inventory = initial.iter().cloned().collect();
        let mut editor = Editor::load(&inventory).unwrap();
        let mut reference = Reference::new(&inventory);
        let mut published = vec![(editor.policy(), reference.clone())];
        for change in changes {
            match change {
                Change::Apply(object) => {
                    editor.apply(&object, &Origin::default()).unwrap();
                    reference.apply(&object);
                }
                Change::Delete(key) => {
                    editor.delete(&key);
                    reference.delete(&key);
                }
            }
            published.push((editor.policy(), reference.clone()));
        }
        // The first, the last and one between: older versions must not have moved.
        let middle = published.len() / 2;
        for version in [0, middle, published.len() - 1] {
            let (policy, reference) = &published[version];
            for asked in &questions {
                compare(policy, reference, asked);
            }
            let names: BTreeSet<String> =
                policy.all_bindings().map(|binding| binding.describe()).collect();
            prop_assert_eq!(names.len(), policy.bindings());
        }
    }

    #[test]
    fn loading_at_once_and_applying_one_by_one_are_the_same(
        objects in vec(object(), 0..24),
        questions in vec(asked(), 8),
    ) {
        let at_once = Editor::load(&objects.iter().cloned().collect()).unwrap().policy();
        let mut editor = Editor::new();
        for object in &objects {
            editor.apply(object, &Origin::default()).unwrap();
        }
        let one_by_one = editor.policy();
        let described = |policy: &portcullis::authz::rbac::Policy| {
            sorted(policy.all_bindings().map(|binding| binding.describe()))
        };
        prop_assert_eq!(described(&at_once), described(&one_by_one));
        for asked in &questions {
            let attributes = asked.attributes();
            let request = Request { user: &asked.user, attributes };
            prop_assert_eq!(at_once.allows(&request), one_by_one.allows(&request));
        }
    }
}
