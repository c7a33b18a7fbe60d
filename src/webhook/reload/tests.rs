use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use super::*;
use crate::webhook::load::load;
use crate::webhook::load::tests::{ABAC, Home, POLICY, SERVER, allows};

struct House {
    home: Home,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    reloader: Reloader,
}

impl House {
    fn new() -> Self {
        let home = Home::new();
        // What the system tells is the business of other tests.
        home.write("server.yaml", &format!("{SERVER}reload: {{watch: false, interval: 0s}}\n"));
        Self::at(home)
    }

    fn at(home: Home) -> Self {
        let file = home.path("server.yaml");
        let metrics = Arc::new(Metrics::new());
        let live = Arc::new(Live::new(load(&file).unwrap(), Arc::clone(&metrics), at(0)));
        let reloader = Reloader::start(&file, Arc::clone(&live), Arc::clone(&metrics)).unwrap();
        Self { home, live, metrics, reloader }
    }

    fn allows(&self, user: &str) -> bool {
        allows(&self.live.serving().loaded, user, "get")
    }

    fn counted(&self, line: &str) -> bool {
        self.metrics.render().unwrap().lines().any(|counted| counted == line)
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + seconds)
}

#[test]
fn a_change_serves_after_the_attempt() {
    let house = House::new();
    assert!(house.allows("jane") && !house.allows("joan"));
    assert!(house.counted("portcullis_policy_generation 1"));
    house.home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
    assert!(house.allows("jane"), "nothing changes by itself");
    assert_eq!(house.reloader.attempt(at(5)), Attempt::Replaced);
    assert!(!house.allows("jane") && house.allows("joan"));
    let serving = house.live.serving();
    assert_eq!((serving.generation, serving.loaded_at), (2, at(5)));
    assert_eq!(serving.loaded.policy.snapshot.generation(), 2);
    assert!(house.counted("portcullis_policy_generation 2"));
    assert!(house.counted("portcullis_policy_loaded_timestamp_seconds 1005"));
}

#[test]
fn equal_bytes_change_nothing() {
    let house = House::new();
    let before = Arc::clone(&house.live.serving());
    house.home.write("policy/rbac.yaml", POLICY);
    assert_eq!(house.reloader.attempt(at(5)), Attempt::Unchanged);
    assert!(Arc::ptr_eq(&before, &Arc::clone(&house.live.serving())));
    assert_eq!(house.live.status().last_attempt, at(5));
    assert!(house.counted("portcullis_reloads_total{what=\"policy\",result=\"success\"} 0"));
}

#[test]
fn the_last_good_one_serves_until_the_files_are_healed() {
    type Break = fn(&Home);
    let breaks: [(&str, Break); 9] = [
        ("not YAML", |home| home.write("policy/rbac.yaml", "kind: [")),
        ("nothing in it", |home| home.write("policy/rbac.yaml", "")),
        ("cannot be read", |home| fs::remove_dir_all(home.path("policy")).unwrap()),
        ("no policy in this directory", |home| {
            fs::remove_file(home.path("policy/rbac.yaml")).unwrap();
        }),
        ("not a single RoleBinding", |home| {
            home.write("policy/rbac.yaml", POLICY.split("---").next().unwrap());
        }),
        ("no Role, ClusterRole", |home| home.write("policy/rbac.yaml", "kind: ConfigMap")),
        ("not a single policy line", |home| home.write("abac.jsonl", "\n#\n")),
        ("there is no such field", |home| home.write("server.yaml", &format!("{SERVER}more: 1\n"))),
        ("cannot be read", |home| fs::remove_file(home.path("server.yaml")).unwrap()),
    ];
    for (expected, destroy) in breaks {
        let house = House::new();
        let config = fs::read_to_string(house.home.path("server.yaml")).unwrap();
        let revision = house.live.serving().loaded.revision;
        destroy(&house.home);
        for second in [1, 2] {
            assert_eq!(house.reloader.attempt(at(second)), Attempt::Failed, "{expected}");
        }
        assert!(house.allows("jane") && house.allows("bob"), "{expected}");
        assert_eq!(house.live.serving().loaded.revision, revision);
        let status = house.live.status();
        let error = status.last_error.as_ref().unwrap();
        assert!(error.contains(expected), "{error}");
        assert_eq!((status.failing_since, status.last_attempt), (Some(at(1)), at(2)));
        assert!(house.counted("portcullis_reloads_total{what=\"policy\",result=\"failure\"} 2"));

        // As before is healed, and so is anew.
        house.home.write("server.yaml", &config);
        house.home.write("policy/rbac.yaml", POLICY);
        house.home.write("abac.jsonl", ABAC);
        assert_eq!(house.reloader.attempt(at(3)), Attempt::Unchanged, "{expected}");
        assert_eq!(house.live.status().failing_since, None);
        destroy(&house.home);
        assert_eq!(house.reloader.attempt(at(4)), Attempt::Failed);
        house.home.write("server.yaml", &config);
        house.home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
        house.home.write("abac.jsonl", ABAC);
        assert_eq!(house.reloader.attempt(at(5)), Attempt::Replaced, "{expected}");
        assert!(house.allows("joan") && !house.allows("jane"));
        let status = house.live.status();
        assert_eq!((&status.last_error, status.failing_since), (&None, None));
    }
}

#[test]
fn the_configuration_applies_save_what_needs_a_restart() {
    let house = House::new();
    let config = fs::read_to_string(house.home.path("server.yaml")).unwrap();
    house.home.write("other.yaml", &POLICY.replace("jane", "joan"));
    let other = config.replace("[policy/]", "[other.yaml]");
    house.home.write("server.yaml", &other);
    assert_eq!(house.reloader.attempt(at(1)), Attempt::Replaced);
    assert!(house.allows("joan") && !house.allows("jane"));
    assert_eq!(house.live.status().needs_restart, [""; 0]);
    house.home.write("server.yaml", &other.replace("127.0.0.1:0", "127.0.0.1:1"));
    assert_eq!(house.reloader.attempt(at(2)), Attempt::Replaced);
    assert_eq!(house.live.status().needs_restart, ["listen"]);
    house.home.write("server.yaml", &other);
    assert_eq!(house.reloader.attempt(at(3)), Attempt::Replaced);
    assert_eq!(house.live.status().needs_restart, [""; 0]);
}

#[test]
fn whoever_wants_to_know_is_told_after_the_swap() {
    let mut house = House::new();
    let (sender, told) = channel();
    let live = Arc::clone(&house.live);
    house.reloader = house.reloader.with_published(move |new| {
        assert_eq!(live.serving().generation, new.generation);
        sender.send(new.generation).unwrap();
    });
    assert_eq!(house.reloader.attempt(at(1)), Attempt::Unchanged);
    house.home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
    assert_eq!(house.reloader.attempt(at(2)), Attempt::Replaced);
    house.home.write("policy/rbac.yaml", "kind: [");
    assert_eq!(house.reloader.attempt(at(3)), Attempt::Failed);
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [2]);
}

#[test]
fn tls_files_reload_apart_and_keep_the_last_good_ones() {
    let mut house = House::new();
    house.home.write("tls.crt", "certificate");
    house.home.write("tls.key", "key");
    let config = Arc::clone(&house.live.serving().loaded.config);
    let first = read_tls(&config.listen.tls).unwrap().revision;
    let applied = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&applied);
    house.reloader = house.reloader.with_tls(first, move |bytes| {
        if bytes.certificate == b"broken" {
            return Err("no certificate in it".into());
        }
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let attempt = |text: &str, second| {
        house.home.write("tls.crt", text);
        assert_eq!(house.reloader.attempt(at(second)), Attempt::Unchanged);
        (applied.load(Ordering::SeqCst), house.live.status().tls_error.clone())
    };
    assert_eq!(attempt("certificate", 1), (0, None));
    assert_eq!(attempt("renewed", 2), (1, None));
    assert_eq!(attempt("broken", 3), (1, Some("no certificate in it".to_owned())));
    assert_eq!(attempt("renewed", 4), (1, None));
    let (times, error) = attempt("", 5);
    assert!(times == 1 && error.unwrap().contains("nothing in it"));
    assert!(house.counted("portcullis_reloads_total{what=\"tls\",result=\"success\"} 1"));
    assert!(house.counted("portcullis_reloads_total{what=\"tls\",result=\"failure\"} 2"));
}

#[test]
fn readers_get_a_whole_policy_at_every_moment() {
    let house = House::new();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let serving = house.live.serving();
                    let can = |user| allows(&serving.loaded, user, "get");
                    assert!(can("bob") && can("jane") != can("joan"));
                }
            });
        }
        for round in 0..30 {
            let user = if round % 2 == 0 { "joan" } else { "jane" };
            house.home.write("policy/rbac.yaml", &POLICY.replace("jane", user));
            assert_eq!(house.reloader.attempt(at(round)), Attempt::Replaced);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(house.live.serving().generation, 31);
}

/// Runs a house with everything on until `look` says that it is as it should be.
fn run_until(house: House, act: impl FnOnce(&Home, &Live), look: impl Fn(&Live) -> bool) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let House { home, live, reloader, .. } = house;
    runtime.block_on(async {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let reloader = Arc::new(reloader);
        let running = tokio::spawn(Arc::clone(&reloader).run(async { _ = stopped.await }));
        let wait = async |look: &dyn Fn(&Live) -> bool| {
            for _ in 0..500 {
                if look(&live) {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            false
        };
        // The first attempt is made at once.
        assert!(wait(&|live| live.status().last_attempt != at(0)).await, "no first attempt");
        act(&home, &live);
        assert!(wait(&look).await, "{:?}", live.status());
        stop.send(()).unwrap();
        running.await.unwrap();
    });
}

fn joan_serves(live: &Live) -> bool {
    allows(&live.serving().loaded, "joan", "get")
}

fn wait_for_failure(live: &Live) {
    for _ in 0..500 {
        if live.status().failing_since.is_some() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("no failure was seen");
}

/// The watch alone.
fn watched() -> House {
    let home = Home::new();
    home.write("server.yaml", &format!("{SERVER}reload: {{interval: 0s}}\n"));
    House::at(home)
}

#[test]
fn a_running_reloader_sees_a_file() {
    run_until(
        watched(),
        |home, _| home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan")),
        joan_serves,
    );
}

#[test]
fn a_running_reloader_fails_and_heals() {
    run_until(
        watched(),
        |home, live| {
            fs::remove_dir_all(home.path("policy")).unwrap();
            wait_for_failure(live);
            assert!(!joan_serves(live));
            home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
        },
        |live| joan_serves(live) && live.status().failing_since.is_none(),
    );
}

#[test]
fn files_that_a_new_configuration_names_are_watched() {
    run_until(
        watched(),
        |home, live| {
            let config = fs::read_to_string(home.path("server.yaml")).unwrap();
            // Not there yet: the load fails, and succeeds when it comes.
            home.write("server.yaml", &config.replace("[policy/]", "[far/away/]"));
            wait_for_failure(live);
            home.write("far/away/rbac.yaml", &POLICY.replace("jane", "joan"));
        },
        joan_serves,
    );
}

#[test]
fn a_failure_is_tried_again_after_the_interval() {
    let home = Home::new();
    // The watch looks at the files at the same interval and finds that they stay as they are.
    home.write("server.yaml", &format!("{SERVER}reload: {{watch: false, interval: 1s}}\n"));
    run_until(
        House::at(home),
        |home, live| {
            fs::remove_dir_all(home.path("policy")).unwrap();
            wait_for_failure(live);
            let first = live.status().last_attempt;
            thread::sleep(Duration::from_millis(2_500));
            assert!(live.status().last_attempt > first);
            home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
        },
        joan_serves,
    );
}

#[test]
fn sighup_is_enough() {
    let house = House::new();
    run_until(
        house,
        |home, live| {
            home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
            thread::sleep(Duration::from_millis(500));
            assert!(!joan_serves(live), "nothing is watched");
            let pid = std::process::id().to_string();
            assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
        },
        joan_serves,
    );
}

#[test]
fn a_broken_candidate_never_holds_up_what_decides() {
    let home = Home::new();
    let shadow = "shadow: {policy: {paths: [candidate.yaml]}, authorizers: [{type: RBAC}]}\n";
    let reload = "reload: {watch: false, interval: 0s}\n";
    home.write("server.yaml", &format!("{SERVER}{shadow}{reload}"));
    home.write("candidate.yaml", "kind: [");
    let house = House::at(home);
    let problems = || house.live.serving().loaded.shadow_problems.len();
    assert_eq!(problems(), 1);
    house.home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
    assert_eq!(house.reloader.attempt(at(5)), Attempt::Replaced);
    assert!(house.allows("joan") && !house.allows("jane"));
    assert_eq!((problems(), house.live.status().failing_since), (1, None));
    house.home.write("candidate.yaml", POLICY);
    assert_eq!(house.reloader.attempt(at(6)), Attempt::Replaced);
    assert!(problems() == 0 && house.live.serving().loaded.shadow.is_some());
    // And away with it again.
    fs::remove_file(house.home.path("candidate.yaml")).unwrap();
    assert_eq!(house.reloader.attempt(at(7)), Attempt::Replaced);
    assert!(problems() == 1 && house.live.serving().loaded.shadow.is_none());
}
