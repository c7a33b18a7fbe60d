//! Thousands of changes to one policy: names that come back, roles that go while bound, namespaces
//! that outgrow the index, scopes that are packed, and readers that hold on to older versions.
//! At checkpoints the engine is held against the slow reference.

use std::collections::BTreeSet;

use portcullis::api::rbac::{
    ClusterRole, ClusterRoleBinding, Object, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use portcullis::authz::Authorizer;
use portcullis::authz::rbac::{Editor, Policy};
use portcullis::model::{Attributes, Origin, Request, ResourceAttributes, User};

use crate::reference::rbac::Reference;

/// A debug build takes a second or two; `CHURN_STEPS` asks for more.
const STEPS: usize = 4_000;
const CHECKPOINT: usize = 500;
const SEED: u64 = 20_261_125;

// SplitMix64: the same changes every time, from a few lines.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    fn one_of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(u64::try_from(from.len()).unwrap())).unwrap()]
    }

    fn name(&mut self, prefix: &str, bound: u64) -> String {
        format!("{prefix}{}", self.below(bound))
    }
}

const VERBS: [&str; 5] = ["get", "list", "delete", "*", "odd"];
const RESOURCES: [&str; 5] = ["pods", "secrets", "*", "pods/log", "*/log"];
const NAMESPACES: u64 = 150;

fn rule(random: &mut Random) -> PolicyRule {
    // Now and then more pairs than a table is made for.
    let padding: u64 = if random.below(40) == 0 { 70 } else { 0 };
    let words = |of: &'static str| (0..padding).map(move |at| format!("{of}{at}").as_str().into());
    // Verbs that come and go use up those with a bit of their own.
    let verb = if random.below(3) == 0 { random.name("verb", 200) } else { "get".to_owned() };
    PolicyRule {
        verbs: vec![verb.as_str().into(), random.one_of(&VERBS).into()],
        api_groups: words("g").chain(["".into()]).collect(),
        resources: words("r").chain([random.one_of(&RESOURCES).into()]).collect(),
        resource_names: (0..random.below(3)).map(|_| random.name("o", 3).as_str().into()).collect(),
        ..PolicyRule::default()
    }
}

fn subject(random: &mut Random) -> Subject {
    match random.below(4) {
        0 => Subject::user(random.name("u", 12)),
        1 => Subject::group(random.name("g", 4)),
        2 => Subject::service_account("", random.name("sa", 3)),
        _ => Subject::service_account(random.name("n", NAMESPACES), "sa0"),
    }
}

fn object(random: &mut Random) -> Object {
    let subjects: Vec<Subject> = (0..random.below(6)).map(|_| subject(random)).collect();
    let rules: Vec<PolicyRule> = (0..random.below(3)).map(|_| rule(random)).collect();
    let role_ref = match random.below(3) {
        0 => RoleRef::role(random.name("r", 4)),
        _ => RoleRef::cluster_role(random.name("r", 8)),
    };
    let namespace = random.name("n", NAMESPACES).as_str().into();
    match random.below(8) {
        0 => {
            let mut object = ClusterRole { rules, ..ClusterRole::default() };
            object.metadata.name = random.name("r", 8).as_str().into();
            object.into()
        }
        1 => {
            let mut object = Role { rules, ..Role::default() };
            object.metadata.name = random.name("r", 4).as_str().into();
            object.metadata.namespace = namespace;
            object.into()
        }
        2 => {
            let mut object = ClusterRoleBinding { subjects, role_ref, ..Default::default() };
            object.metadata.name = random.name("b", 12).as_str().into();
            object.into()
        }
        _ => {
            let mut object = RoleBinding { subjects, role_ref, ..Default::default() };
            object.metadata.name = random.name("b", 3).as_str().into();
            object.metadata.namespace = namespace;
            object.into()
        }
    }
}

fn compare(
    policy: &Policy,
    reference: &Reference,
    random: &mut Random,
    answers: &mut BTreeSet<bool>,
) {
    for _ in 0..150 {
        let name = match random.below(3) {
            0 => format!("system:serviceaccount:n{}:sa0", random.below(NAMESPACES)),
            _ => random.name("u", 13),
        };
        let groups = (0..random.below(3)).map(|_| random.name("g", 5));
        let user = User::new(name).with_groups(groups.collect::<Vec<_>>());
        let verb = if random.below(3) == 0 { random.name("verb", 220) } else { "get".to_owned() };
        let (namespace, object) = (random.name("n", NAMESPACES + 1), random.name("o", 4));
        let mut asked = ResourceAttributes::new(&verb, random.one_of(&["pods", "secrets", "x"]))
            .in_namespace(&namespace);
        asked.name = &object;
        asked.subresource = random.one_of(&["", "log"]);
        let attributes = Attributes::Resource(asked);
        let request = Request { user: &user, attributes };
        let expected = reference.authorize(&user, &attributes);
        let verdict = policy.authorize(&request);
        assert_eq!(verdict.is_allowed(), expected.allowed, "{request:?}");
        assert_eq!(verdict.reason(), expected.reason, "{request:?}");
        let principal = policy.principal(&user.clone().into());
        assert_eq!(principal.allows(&attributes), expected.allowed, "{request:?}");
        let listed = policy.who_can(&attributes);
        let who: Vec<Subject> = listed.rows.iter().map(|row| row.subject()).collect();
        assert_eq!((who, listed.errors), reference.who_can(&attributes));
        answers.insert(expected.allowed);
    }
}

#[test]
fn an_edited_policy_answers_as_the_reference_at_every_checkpoint() {
    let steps = std::env::var("CHURN_STEPS").ok().and_then(|n| n.parse().ok()).unwrap_or(STEPS);
    let mut random = Random(SEED);
    let (mut editor, mut reference) = (Editor::new(), Reference::default());
    let mut held: Option<(Policy, Reference)> = None;
    let mut answers = BTreeSet::new();
    for step in 1..=steps {
        let object = object(&mut random);
        // Waves: mostly additions, then mostly removals.
        let removals = if step / 1_000 % 2 == 0 { 3 } else { 8 };
        if random.below(10) < removals {
            editor.delete(&object.key());
            reference.delete(&object.key());
        } else {
            editor.apply(&object, &Origin::default()).unwrap();
            reference.apply(&object);
        }
        if step % CHECKPOINT == 0 {
            compare(&editor.policy(), &reference, &mut random, &mut answers);
            if let Some((policy, reference)) = &held {
                compare(policy, reference, &mut random, &mut answers);
            }
            held = Some((editor.policy(), reference.clone()));
        }
    }
    assert_eq!(answers.len(), 2, "the worlds give only one answer");
}

// Adding one grant must not walk past all the others of its subject. No clock is looked at: done
// the slow way this is thousands of millions of steps, and nobody would wait for it.
#[test]
fn one_subject_in_very_many_bindings_loads_in_reasonable_time() {
    let bindings = 60_000;
    let mut role = ClusterRole { rules: vec![rule_on_pods()], ..ClusterRole::default() };
    role.metadata.name = "reader".into();
    let binding = |at: usize| {
        let mut binding = ClusterRoleBinding {
            subjects: vec![Subject::group("everybody"); 2],
            role_ref: RoleRef::cluster_role(if at == 0 { "reader" } else { "missing" }),
            ..Default::default()
        };
        binding.metadata.name = format!("b{at}").as_str().into();
        Object::from(binding)
    };
    let inventory = std::iter::once(role.into()).chain((0..bindings).map(binding)).collect();
    let mut editor = Editor::load(&inventory).unwrap();
    let jane = User::new("jane").with_groups(["everybody"]);
    let get = Request::resource(&jane, ResourceAttributes::new("get", "pods"));
    assert!(editor.policy().allows(&get));
    assert!(!editor.policy().allows(&Request::resource(&jane, ResourceAttributes::new("x", "y"))));
    editor.delete(&binding(0).key());
    assert!(!editor.policy().allows(&get));
}

fn rule_on_pods() -> PolicyRule {
    PolicyRule {
        verbs: vec!["get".into()],
        api_groups: vec!["".into()],
        resources: vec!["pods".into()],
        ..PolicyRule::default()
    }
}
