//! A decision allocates nothing: not in an engine, not in the chain, not for a resolved principal,
//! whatever the answer.
//!
//! A binary of its own, since the counter is the allocator of the whole process, with one test in it,
//! so that nothing else runs meanwhile.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::path::{Path, PathBuf};

    use portcullis::api::authorization::{PreparedReview, SubjectAccessReviewSpec};
    use portcullis::authz::rbac::NOT_AFTER;
    use portcullis::authz::rbac::aggregation::Aggregation;
    use portcullis::authz::{Authorizer, Rules, abac};
    use portcullis::model::{Clock, Decision, Request, User, Verdict};
    use portcullis::snapshot::{Config, Mode, Snapshot, SuperUserStep, compile};
    use portcullis::source::{self, Input, LoadOptions};
    use stats_alloc::Region;

    use crate::ALLOCATOR;

    /// How often `work` allocates. The least of three counts: the harness shares the allocator and may
    /// have something to do, but not every time; a decision that allocates does so each time.
    fn allocations(mut work: impl FnMut()) -> usize {
        work();
        let counts = (0..3).map(|_| {
            let region = Region::new(ALLOCATOR);
            work();
            let change = region.change();
            change.allocations + change.reallocations
        });
        counts.min().unwrap()
    }

    #[test]
    fn a_decision_allocates_nothing() {
        assert!(allocations(|| drop(black_box(Box::new(1)))) == 1, "the counter counts");
        let questions = ["rbac-1", "union-1", "rbac-bootstrap-1", "abac-1"].map(questions).concat();
        let mut answers = [0; 3];
        for snapshot in snapshots() {
            let counts = check(&snapshot, &questions);
            for (sum, count) in answers.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        let [allowed, denied, undecided] = answers;
        assert!(allowed > 500 && undecided > 500, "{allowed} allowed, {undecided} undecided");
        a_revocation_list_allocates_nothing_for_those_who_are_not_on_it();
        #[cfg(feature = "node")]
        nodes_and_those_who_are_none_are_answered_without_allocating();
        // No mode of Kubernetes denies for good; an authorizer of one's own does.
        assert!(denied > 0, "{denied} denied");
        #[cfg(feature = "webhook")]
        a_review_allocates_little();
    }

    /// The Node authorizer alone, and in front of RBAC as every cluster has it.
    #[cfg(feature = "node")]
    fn nodes_and_those_who_are_none_are_answered_without_allocating() {
        let inputs = ["tests/corpus/node-1/graph.json", "policies/rbac/sample-cluster.yaml"]
            .map(|path| Input::from(here(path)));
        let loaded = source::load(&inputs, &LoadOptions::default(), &mut |_| {}).unwrap();
        let questions = ["node-1", "union-1"].map(questions).concat();
        for modes in [&[Mode::Node][..], &[Mode::Node, Mode::Rbac]] {
            let config = Config::new(modes.iter().copied());
            let [allowed, denied, undecided] =
                check(&compile(&loaded.inventory, &config).unwrap(), &questions);
            assert!(allowed > 300 && denied == 0 && undecided > 500, "{allowed} {undecided}");
        }
    }

    /// Asked before everything else, of users with and without a certificate.
    fn a_revocation_list_allocates_nothing_for_those_who_are_not_on_it() {
        use portcullis::model::{
            CREDENTIAL_ID, Fingerprint, Revocation, RevocationEntry, SharedRevocations,
        };

        let entry =
            |what| RevocationEntry { what, at: 0, reason: String::new(), by: String::new() };
        let list = (0..200).map(|byte| Fingerprint::from_bytes([byte; 32]));
        let list = list.map(|fingerprint| entry(Revocation::Certificate { fingerprint }));
        let sam = Revocation::User { name: "sam".to_owned(), issued_before: 0 };
        let list = list.chain([entry(sam)]).collect();
        let config =
            Config::new([Mode::AlwaysAllow]).with_revocations(SharedRevocations::new(list));
        let snapshot = compile(&Default::default(), &config).unwrap();
        let with = |id: &str| {
            let mut user = User::new("jane").with_groups(["dev"]);
            user.extra.insert(CREDENTIAL_ID.to_owned(), vec![id.to_owned()]);
            user
        };
        let certificate = |byte| with(&Fingerprint::from_bytes([byte; 32]).credential_id());
        for user in [User::new("jane"), with("JTI=1"), certificate(201)] {
            let request = Request::non_resource(&user, "get", "/");
            assert!(snapshot.authorize(&request).is_allowed());
            assert_eq!(allocations(|| decide(&snapshot, &request)), 0, "{user:?}");
            let principal = snapshot.principal(&user);
            let count = allocations(|| {
                black_box(principal.authorize(black_box(&request.attributes)).decision);
            });
            assert_eq!(count, 0, "principal of {user:?}");
        }
        let revoked = certificate(1);
        let request = Request::non_resource(&revoked, "get", "/");
        assert_eq!(snapshot.authorize(&request).decision, Decision::Deny);
        // Even a refusal allocates only when its reason is asked for.
        assert_eq!(allocations(|| decide(&snapshot, &request)), 0);
    }

    /// From the bytes of a body to the bytes of the answer. What is allocated: the lists of groups and
    /// extra values as they are read, the reason, and the answer.
    #[cfg(feature = "webhook")]
    fn a_review_allocates_little() {
        use portcullis::authn::cache::{CacheConfig, TokenCache};
        use portcullis::authn::chain::TokenChain;
        use portcullis::webhook::{App, Asker};

        let policy = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: shop}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: dev}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
";
        let loaded = source::parse("policy.yaml", policy.as_bytes(), &LoadOptions::default());
        let inventory = loaded.unwrap().inventory;
        let snapshot = compile(&inventory, &Config::new([Mode::Rbac])).unwrap();
        let tokens =
            TokenCache::new(std::sync::Arc::new(TokenChain::default()), CacheConfig::default());
        let app = App::new(std::sync::Arc::new(snapshot), tokens.unwrap());
        let body = |verb: &str| {
            format!(
                r#"{{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{{}},"spec":{{"resourceAttributes":{{"namespace":"shop","verb":"{verb}","version":"v1","resource":"pods","name":"web-1"}},"user":"jane@example.com","groups":["dev","ops","oncall","everybody","system:authenticated"],"extra":{{"authentication.kubernetes.io/credential-id":["X509SHA256=307fc61a5843c7a42fbba898e8d0977602e8272e933439f113e694695000c356"]}}}},"status":{{"allowed":false}}}}"#
            )
        };
        let (yes, no) = (body("get"), body("delete"));
        let count = |body: &str, allowed: bool| {
            let reply = app.authorize(body.as_bytes(), Asker::default());
            let said = format!("\"allowed\":{allowed}");
            assert!(reply.body.windows(said.len()).any(|part| part == said.as_bytes()));
            allocations(|| drop(black_box(app.authorize(body.as_bytes(), Asker::default()))))
        };
        let counts = (count(&yes, true), count(&no, false));
        eprintln!("allocations of a review: {} for a yes, {} for a no", counts.0, counts.1);
        assert!(counts.0 <= 12 && counts.1 <= 8, "{counts:?}");
    }

    /// Asks everything in every way; gives how many were allowed, denied and neither.
    fn check(snapshot: &Snapshot, questions: &[PreparedReview]) -> [usize; 3] {
        let name = format!("{:?}", snapshot.links());
        let mut answers = [0; 3];
        for review in questions {
            let request = review.request();
            let at = || format!("{name}: {request:?}");
            answers[match snapshot.authorize(&request).decision {
                Decision::Allow => 0,
                Decision::Deny => 1,
                Decision::NoOpinion => 2,
            }] += 1;
            assert_eq!(allocations(|| decide(snapshot, &request)), 0, "{}", at());
            let principal = snapshot.principal(request.user);
            let attributes = request.attributes;
            let count = allocations(|| {
                black_box(principal.authorize(black_box(&attributes)).decision);
            });
            assert_eq!(count, 0, "principal of {}", at());
            if let Some(rbac) = snapshot.rbac() {
                assert_eq!(
                    allocations(|| drop(black_box(rbac.authorize(&request)))),
                    0,
                    "{}",
                    at()
                );
                let principal = rbac.principal(&request.user.clone().into());
                let count = allocations(|| {
                    black_box(principal.allows(black_box(&attributes)));
                });
                assert_eq!(count, 0, "RBAC principal of {}", at());
            }
            if let Some(abac) = snapshot.abac() {
                assert_eq!(
                    allocations(|| drop(black_box(abac.authorize(&request)))),
                    0,
                    "{}",
                    at()
                );
                let principal = abac.principal(request.user);
                let count = allocations(|| {
                    black_box(principal.authorize(abac, black_box(&attributes)));
                });
                assert_eq!(count, 0, "ABAC principal of {}", at());
            }
        }
        answers
    }

    fn decide(snapshot: &Snapshot, request: &Request<'_>) {
        black_box(snapshot.authorize(black_box(request)).decision);
    }

    /// Says no to whatever is not asked in the name of a service account.
    #[derive(Debug)]
    struct OnlyServiceAccounts;

    impl Authorizer for OnlyServiceAccounts {
        fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
            if request.user.name.starts_with("system:serviceaccount:") {
                return Verdict::no_opinion("");
            }
            Verdict::deny("")
        }

        fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::incomplete("a test")
        }
    }

    fn here(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    fn snapshots() -> Vec<Snapshot> {
        let load = |path: &str| {
            let inputs = [Input::from(here(path))];
            source::load(&inputs, &LoadOptions::default(), &mut |_| {}).unwrap().inventory
        };
        let lines = |path: &str| {
            abac::Policy::parse("policy.jsonl", &std::fs::read_to_string(here(path)).unwrap())
                .unwrap()
        };
        let rbac = || Config::new([Mode::Rbac]).with_aggregation(Aggregation::Stored);
        let mut both = rbac().with_abac(lines("tests/corpus/union-1/policy.jsonl"));
        both.links = [Mode::AlwaysDeny, Mode::Rbac, Mode::Abac].map(Into::into).into();
        let defaults = rbac().with_super_user(SuperUserStep::LeaveOut);
        let alone = Config::new([Mode::Abac]).with_abac(lines("tests/corpus/abac-1/policy.jsonl"));
        let ending = rbac().with_grant_times(Clock::system());
        let denying = rbac().with_authorizer("own", OnlyServiceAccounts);
        [
            ("policies/rbac/sample-cluster.yaml", Config::new([Mode::Rbac])),
            ("tests/corpus/rbac-1/world.json", rbac()),
            ("tests/corpus/rbac-1/world.json", ending),
            ("tests/corpus/rbac-bootstrap-1/world.json", defaults),
            ("tests/corpus/union-1/world.json", both),
            ("tests/corpus/rbac-1/world.json", alone),
            ("tests/corpus/union-1/world.json", denying),
        ]
        .iter()
        .map(|(objects, config)| {
            let mut inventory = load(objects);
            if config.grant_times.is_some() {
                // All of them some day: each decision of somebody who holds something asks the clock.
                let of_cluster = inventory.cluster_role_bindings.iter_mut();
                let of_cluster = of_cluster.map(|it| &mut it.value.metadata);
                let others = inventory.role_bindings.iter_mut().map(|it| &mut it.value.metadata);
                for metadata in of_cluster.chain(others) {
                    metadata.annotations.insert(NOT_AFTER.into(), "9999-01-01T00:00:00Z".into());
                }
            }
            compile(&inventory, config).unwrap()
        })
        .collect()
    }

    /// Every third question of a world, as far as it is one.
    fn questions(world: &str) -> Vec<PreparedReview> {
        let path = here("tests/corpus").join(world).join("queries.ndjson");
        let text = std::fs::read_to_string(path).unwrap();
        let specs = text.lines().step_by(3).map(serde_json::from_str::<SubjectAccessReviewSpec>);
        specs.filter_map(|spec| PreparedReview::of_valid(&spec.unwrap()).ok()).collect()
    }
}
