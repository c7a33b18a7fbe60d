//! How long does an ABAC decision take, by what is asked and how it ends?
//!
//! Ten thousand lines, either spread over many subjects or all about one: the API server reads
//! them one after the other, so its cost is that of the last line; ours should not depend on
//! either. Every class asserts its answer.

#![expect(clippy::unwrap_used, reason = "a bench on a policy that does not load must stop")]
#![expect(clippy::print_stdout, reason = "the size of the policy belongs to the report")]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::authz::Authorizer;
use portcullis::authz::abac::Policy;
use portcullis::model::{
    Attributes, Decision, NonResourceAttributes, Request, ResourceAttributes, User,
};

/// What a policy file may reasonably grow to.
const LINES: usize = 10_000;

/// Two users to every ten lines, as in clusters where teams have a handful of grants each.
const USERS: usize = 2_000;

/// Groups are fewer than users, and have as many lines.
const GROUPS: usize = 300;

const NAMESPACES: usize = 200;

const RESOURCES: [&str; 8] =
    ["pods", "services", "deployments", "secrets", "configmaps", "jobs", "nodes", "events"];

const API_GROUPS: [&str; 4] = ["", "apps", "batch", "example.com"];

/// A generator that yields the same numbers for ever.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % end
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list.get(self.below(list.len())).copied().unwrap_or_default()
    }
}

/// Lines about many subjects: users, groups, and users in groups; one in ten is about a path.
fn many_subjects() -> String {
    let mut random = Seeded(0x9e37_79b9_7f4a_7c15);
    let mut text = String::new();
    for _ in 0..LINES {
        let (user, group) = (random.below(USERS), random.below(GROUPS));
        let subject = match random.below(10) {
            0..=5 => format!(r#""user":"user-{user}""#),
            6..=8 => format!(r#""group":"group-{group}""#),
            _ => format!(r#""user":"user-{user}","group":"group-{group}""#),
        };
        push_line(&mut text, &subject, &mut random);
    }
    text
}

/// As many lines about one user.
fn one_subject() -> String {
    let mut random = Seeded(0x2545_f491_4f6c_dd1d);
    let mut text = String::new();
    for _ in 0..LINES {
        push_line(&mut text, r#""user":"user-0""#, &mut random);
    }
    text
}

fn push_line(text: &mut String, subject: &str, random: &mut Seeded) {
    let readonly = random.below(3) == 0;
    let grant = if random.below(10) == 0 {
        let star = if random.below(2) == 0 { "/*" } else { "" };
        format!(r#""nonResourcePath":"/apis/group-{}{star}""#, random.below(5_000))
    } else {
        let namespace = random.below(NAMESPACES);
        // Wildcards are rarer than names, but there is one of each shape in a large file.
        let resource = if random.below(8) == 0 { "*" } else { random.pick(&RESOURCES) };
        let group = if random.below(8) == 0 { "*" } else { random.pick(&API_GROUPS) };
        format!(r#""apiGroup":"{group}","resource":"{resource}","namespace":"ns-{namespace}""#)
    };
    let head =
        r#"{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"#;
    let _ = writeln!(text, r#"{head}{subject},"readonly":{readonly},{grant}}}}}"#);
}

fn user(name: &str, groups: usize) -> User {
    let named = (0..groups).map(|group| format!("group-{}", group * 7));
    User::new(name).with_groups(named.chain(["system:authenticated".to_owned()]))
}

fn resource(namespace: &'static str, resource: &'static str) -> Attributes<'static> {
    Attributes::Resource(ResourceAttributes::new("get", resource).in_namespace(namespace))
}

fn path(path: &'static str) -> Attributes<'static> {
    Attributes::NonResource(NonResourceAttributes { verb: "get", path })
}

fn authorize(c: &mut Criterion) {
    // One line each that is known to be there.
    let known = |subject: &str| {
        let mut text = String::new();
        for grant in [
            r#""resource":"pods","namespace":"known""#,
            r#""nonResourcePath":"/known""#,
            r#""nonResourcePath":"/known/*""#,
        ] {
            let head =
                r#"{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","#;
            let _ = writeln!(text, r#"{head}"spec":{{{subject},{grant}}}}}"#);
        }
        text
    };
    let many = many_subjects() + &known(r#""user":"known""#) + &known(r#""group":"group-28""#);
    let many = Policy::parse("many.jsonl", &many).unwrap();
    let one = Policy::parse("one.jsonl", &(one_subject() + &known(r#""user":"user-0""#))).unwrap();

    let classes: [(&str, &Policy, User, Attributes<'static>, Decision); 12] = [
        ("user_hit", &many, user("known", 0), resource("known", "pods"), Decision::Allow),
        (
            "user_of_5_groups_hit_in_the_last",
            &many,
            user("user-1", 5),
            resource("known", "pods"),
            Decision::Allow,
        ),
        (
            "user_of_5_groups_miss",
            &many,
            user("user-1", 5),
            resource("ns-1", "endpoints"),
            Decision::NoOpinion,
        ),
        (
            "user_of_5_groups_miss_known_words",
            &many,
            user("user-1", 5),
            resource("known", "nodes"),
            Decision::NoOpinion,
        ),
        (
            "user_of_50_groups_miss",
            &many,
            user("user-1", 42),
            resource("known", "nodes"),
            Decision::NoOpinion,
        ),
        (
            "stranger_miss",
            &many,
            User::new("stranger").with_groups(["system:authenticated"]),
            resource("ns-1", "pods"),
            Decision::NoOpinion,
        ),
        ("path_hit", &many, user("known", 0), path("/known"), Decision::Allow),
        ("prefix_hit", &many, user("known", 0), path("/known/a/b"), Decision::Allow),
        ("one_subject_hit", &one, user("user-0", 5), resource("known", "pods"), Decision::Allow),
        (
            "one_subject_miss",
            &one,
            user("user-0", 5),
            resource("known", "nodes"),
            Decision::NoOpinion,
        ),
        ("one_subject_prefix_hit", &one, user("user-0", 5), path("/known/a/b"), Decision::Allow),
        (
            "one_subject_path_miss",
            &one,
            user("user-0", 5),
            path("/apis/nothing"),
            Decision::NoOpinion,
        ),
    ];
    for (shape, policy, user, attributes, expected) in &classes {
        let request = Request { user, attributes: *attributes };
        c.bench_function(&format!("abac/authorize/{shape}"), |bencher| {
            bencher.iter(|| {
                let decision = policy.authorize(black_box(&request)).decision;
                assert_eq!(decision, *expected);
            });
        });
        let principal = policy.principal(user);
        c.bench_function(&format!("abac/principal/{shape}"), |bencher| {
            bencher.iter(|| {
                let decision = principal.authorize(policy, black_box(attributes));
                assert_eq!(decision, *expected);
            });
        });
    }

    // Every question another one, so that the table is not in the cache for free.
    let mut random = Seeded(7);
    let questions: Vec<(User, String, &str)> = (0..4_096)
        .map(|_| {
            let groups =
                (0..5).map(|_| format!("group-{}", random.below(GROUPS))).collect::<Vec<_>>();
            let asker = User::new(format!("user-{}", random.below(USERS))).with_groups(groups);
            (asker, format!("ns-{}", random.below(NAMESPACES)), random.pick(&RESOURCES))
        })
        .collect();
    let answers = questions.iter().filter(|(user, namespace, resource)| {
        let asked = ResourceAttributes::new("get", resource).in_namespace(namespace);
        many.authorize(&Request::resource(user, asked)).is_allowed()
    });
    let allowed = answers.count();
    assert!((1..questions.len()).contains(&allowed));
    let mut group = c.benchmark_group("abac/authorize");
    group.throughput(criterion::Throughput::Elements(4_096));
    group.bench_function("4096_different_questions", |bencher| {
        bencher.iter(|| {
            let answers = questions.iter().filter(|(user, namespace, resource)| {
                let asked = ResourceAttributes::new("get", resource).in_namespace(namespace);
                many.authorize(&Request::resource(user, asked)).is_allowed()
            });
            assert_eq!(answers.count(), allowed);
        });
    });
    group.finish();
}

fn whole_policy(c: &mut Criterion) {
    let text = many_subjects();
    let policy = Policy::parse("many.jsonl", &text).unwrap();
    c.bench_function("abac/compile/10000_lines", |bencher| {
        bencher.iter(|| {
            let policy = Policy::parse("many.jsonl", black_box(&text)).unwrap();
            assert_eq!(policy.len(), LINES);
        });
    });
    let attributes = resource("ns-1", "pods");
    let rows = policy.who_can(&attributes).len();
    assert!(rows > 0);
    c.bench_function("abac/who_can/10000_lines", |bencher| {
        bencher.iter(|| assert_eq!(policy.who_can(black_box(&attributes)).len(), rows));
    });
    println!("memory: {} bytes for {} lines of {} bytes", policy.memory_usage(), LINES, text.len());
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(700))
        .sample_size(30);
    targets = authorize, whole_policy
}
criterion_main!(benches);
