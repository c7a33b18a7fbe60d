//! Evaluators of a policy: one for each thread, and none when the policy is gone.

use super::*;

#[test]
fn threads_count_together() {
    let authorizer = Arc::new(policy(Evaluator::Machine, "allow if input.user == \"jane\""));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let authorizer = Arc::clone(&authorizer);
            std::thread::spawn(move || {
                let user = jane();
                let request = Request::non_resource(&user, "get", "/");
                for _ in 0..10 {
                    assert!(authorizer.authorize(&request).is_allowed());
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(authorizer.policy().counters().evaluations, 40);
}

#[test]
fn an_evaluator_goes_with_its_policy_and_the_oldest_when_there_are_too_many() {
    // A thread of its own: other tests leave evaluators behind.
    std::thread::spawn(|| {
        let user = jane();
        let request = Request::non_resource(&user, "get", "/");
        let ask =
            |authorizer: &RegoAuthorizer| assert!(authorizer.authorize(&request).is_allowed());
        let kept = policy(Evaluator::Machine, "allow if input.user == \"jane\"");
        ask(&kept);
        let gone = policy(Evaluator::Interpreter, "allow if input.user == \"jane\"");
        ask(&gone);
        assert_eq!(worker::kept(), 2);
        drop(gone);
        ask(&kept);
        assert_eq!(worker::kept(), 1);
        let many: Vec<_> = (0..20)
            .map(|_| policy(Evaluator::Machine, "allow if input.user == \"jane\""))
            .collect();
        many.iter().for_each(ask);
        assert_eq!(worker::kept(), 16);
        ask(&kept);
        assert_eq!(kept.policy().counters().evaluations, 3);
    })
    .join()
    .unwrap();
}

#[test]
fn data_of_its_own_and_shared_data_answer_alike() {
    for size in [10, 100_000] {
        let users: serde_json::Map<_, _> =
            (0..size).map(|n| (format!("user{n}"), serde_json::json!(n))).collect();
        let text = "package portcullis.authz\nallow if data.users[input.user] == 7";
        for evaluator in EVALUATORS {
            let data = serde_json::json!({ "users": users }).into();
            let sources = Sources::module("m.rego", text).with_data(data);
            let policy = Policy::compile(sources, options(evaluator)).unwrap();
            let authorizer = RegoAuthorizer::new(Arc::new(policy), World::default());
            for (name, allows) in [("user7", true), ("user8", false), ("jane", false)] {
                let user = User::new(name);
                let request = Request::non_resource(&user, "get", "/");
                assert_eq!(authorizer.authorize(&request).is_allowed(), allows, "{size} {name}");
            }
        }
    }
}
