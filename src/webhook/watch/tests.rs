use std::fs;
use std::os::unix::fs::symlink;
use std::sync::mpsc::{Receiver, channel};

use tempfile::TempDir;

use super::*;

/// So that what is seen is seen by the watch.
const WATCH_ONLY: WatchOptions = WatchOptions { watch: true, interval: Duration::ZERO };

struct Watched {
    home: TempDir,
    changes: Receiver<()>,
    watcher: Watcher,
}

impl Watched {
    fn new(options: WatchOptions, names: &[&str], prepare: impl Fn(&Path)) -> Self {
        let home = tempfile::tempdir().unwrap();
        // Apart from the temporary directory of everybody.
        let inner = home.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        prepare(&inner);
        let (sender, changes) = channel();
        let paths = names.iter().map(|name| inner.join(name)).collect();
        let watcher = Watcher::start(paths, options, move || sender.send(()).unwrap()).unwrap();
        Self { home, changes, watcher }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("a/b").join(name)
    }

    /// Waits for a change, and until no more come; returns how often it was told.
    #[track_caller]
    fn changed(&self) -> usize {
        self.changes.recv_timeout(Duration::from_secs(10)).expect("a change was not seen");
        let mut times = 1;
        while self.changes.recv_timeout(QUIET * 2).is_ok() {
            times += 1;
        }
        times
    }

    #[track_caller]
    fn quiet(&self) {
        let more = self.changes.recv_timeout(QUIET * 3);
        assert!(more.is_err(), "a change was told that did not happen");
    }
}

fn one_file(home: &Path) {
    fs::write(home.join("server.yaml"), "one").unwrap();
}

fn folder(home: &Path) {
    fs::create_dir_all(home.join("policy/inner")).unwrap();
    fs::write(home.join("policy/a.yaml"), "one").unwrap();
    fs::write(home.join("policy/inner/b.yaml"), "one").unwrap();
}

#[test]
fn a_file_that_is_written_in_place_is_seen() {
    let watched = Watched::new(WATCH_ONLY, &["server.yaml"], one_file);
    fs::write(watched.path("server.yaml"), "two").unwrap();
    watched.changed();
    // As long as before.
    fs::write(watched.path("server.yaml"), "six").unwrap();
    watched.changed();
}

#[test]
fn a_file_that_is_replaced_by_rename_is_seen() {
    let watched = Watched::new(WATCH_ONLY, &["server.yaml"], one_file);
    for text in ["two", "six"] {
        fs::write(watched.path(".server.yaml.swp"), text).unwrap();
        fs::rename(watched.path(".server.yaml.swp"), watched.path("server.yaml")).unwrap();
        watched.changed();
    }
}

#[test]
fn an_editor_that_moves_the_old_file_away_is_seen() {
    let watched = Watched::new(WATCH_ONLY, &["server.yaml"], one_file);
    fs::rename(watched.path("server.yaml"), watched.path("server.yaml~")).unwrap();
    fs::write(watched.path("server.yaml"), "two").unwrap();
    fs::remove_file(watched.path("server.yaml~")).unwrap();
    watched.changed();
}

#[test]
fn reading_and_other_files_beside_are_no_change() {
    let watched = Watched::new(WATCH_ONLY, &["server.yaml", "policy"], |home| {
        one_file(home);
        folder(home);
    });
    fs::read(watched.path("server.yaml")).unwrap();
    fs::read(watched.path("policy/a.yaml")).unwrap();
    fs::write(watched.path("other.yaml"), "one").unwrap();
    watched.quiet();
}

#[test]
fn a_config_map_that_swaps_its_link_is_seen() {
    let write = |home: &Path, version: &str| {
        fs::create_dir_all(home.join(version)).unwrap();
        fs::write(home.join(version).join("rbac.yaml"), "one").unwrap();
        symlink(version, home.join("..data_tmp")).unwrap();
        fs::rename(home.join("..data_tmp"), home.join("..data")).unwrap();
    };
    let mount = |home: &Path| {
        fs::create_dir(home.join("mount")).unwrap();
        write(&home.join("mount"), "..2026_01");
        symlink("..data/rbac.yaml", home.join("mount/rbac.yaml")).unwrap();
    };
    for name in ["mount", "mount/rbac.yaml"] {
        let watched = Watched::new(WATCH_ONLY, &[name], mount);
        for version in ["..2026_02", "..2026_03"] {
            write(&watched.path("mount"), version);
            watched.changed();
        }
    }
}

#[test]
fn files_that_appear_and_vanish_below_a_folder_are_seen() {
    let watched = Watched::new(WATCH_ONLY, &["policy"], folder);
    fs::write(watched.path("policy/c.yaml"), "one").unwrap();
    watched.changed();
    fs::remove_file(watched.path("policy/inner/b.yaml")).unwrap();
    watched.changed();
    fs::create_dir(watched.path("policy/later")).unwrap();
    watched.changed();
    fs::write(watched.path("policy/later/d.yaml"), "one").unwrap();
    watched.changed();
}

#[test]
fn a_folder_that_is_deleted_and_made_anew_is_still_watched() {
    let watched = Watched::new(WATCH_ONLY, &["policy"], folder);
    for _ in 0..2 {
        fs::remove_dir_all(watched.path("policy")).unwrap();
        watched.changed();
        folder(&watched.path(""));
        watched.changed();
        fs::write(watched.path("policy/inner/b.yaml"), "two").unwrap();
        watched.changed();
    }
}

#[test]
fn a_folder_that_is_replaced_as_a_whole_is_still_watched() {
    let watched = Watched::new(WATCH_ONLY, &["policy", "server.yaml"], |home| {
        folder(home);
        one_file(home);
    });
    folder(&watched.path("new"));
    fs::rename(watched.path("policy"), watched.path("old")).unwrap();
    fs::rename(watched.path("new/policy"), watched.path("policy")).unwrap();
    watched.changed();
    fs::write(watched.path("policy/a.yaml"), "two").unwrap();
    watched.changed();
    fs::write(watched.path("old/a.yaml"), "two").unwrap();
    watched.quiet();
}

#[test]
fn the_folder_around_everything_may_be_replaced_too() {
    let watched = Watched::new(WATCH_ONLY, &["server.yaml"], one_file);
    let around = watched.home.path().join("a");
    fs::create_dir(around.join("c")).unwrap();
    one_file(&around.join("c"));
    fs::rename(around.join("b"), around.join("old")).unwrap();
    fs::rename(around.join("c"), around.join("b")).unwrap();
    watched.changed();
    fs::write(watched.path("server.yaml"), "two").unwrap();
    watched.changed();
}

#[test]
fn a_link_to_a_file_elsewhere_is_watched_at_both_ends() {
    let watched = Watched::new(WATCH_ONLY, &["server.yaml"], |home| {
        for name in ["x", "y"] {
            fs::create_dir_all(home.join(name)).unwrap();
            fs::write(home.join(name).join("real.yaml"), "one").unwrap();
        }
        symlink("x/real.yaml", home.join("server.yaml")).unwrap();
    });
    fs::write(watched.path("x/real.yaml"), "two").unwrap();
    watched.changed();
    symlink("y/real.yaml", watched.path("link")).unwrap();
    fs::rename(watched.path("link"), watched.path("server.yaml")).unwrap();
    watched.changed();
    fs::write(watched.path("y/real.yaml"), "two").unwrap();
    watched.changed();
}

#[test]
fn what_does_not_exist_yet_is_awaited() {
    let watched = Watched::new(WATCH_ONLY, &["x/y/server.yaml"], |_| {});
    fs::create_dir_all(watched.path("x/y")).unwrap();
    fs::write(watched.path("x/y/server.yaml"), "one").unwrap();
    watched.changed();
}

#[test]
fn without_a_watch_the_interval_sees_it() {
    let polling = WatchOptions { watch: false, interval: Duration::from_millis(100) };
    let watched = Watched::new(polling, &["policy"], folder);
    watched.quiet();
    fs::write(watched.path("policy/inner/b.yaml"), "two").unwrap();
    watched.changed();
    let blind = WatchOptions { watch: false, interval: Duration::ZERO };
    let watched = Watched::new(blind, &["policy"], folder);
    fs::write(watched.path("policy/inner/b.yaml"), "two").unwrap();
    watched.quiet();
}

#[test]
fn many_writes_are_few_changes() {
    let watched = Watched::new(WATCH_ONLY, &["policy"], folder);
    for index in 0..50 {
        fs::write(watched.path(&format!("policy/{index}.yaml")), "one").unwrap();
    }
    // More than once only when the machine takes a rest in between.
    let times = watched.changed();
    assert!(times < 10, "{times}");
}

#[test]
fn other_paths_are_looked_at_and_watched() {
    let watched = Watched::new(WATCH_ONLY, &["server.yaml"], |home| {
        one_file(home);
        folder(home);
    });
    fs::write(watched.path("policy/a.yaml"), "two").unwrap();
    watched.quiet();
    watched.watcher.set_paths(vec![watched.path("policy")]);
    watched.changed();
    watched.watcher.set_paths(vec![watched.path("policy")]);
    watched.quiet();
    fs::write(watched.path("policy/a.yaml"), "six").unwrap();
    watched.changed();
    fs::write(watched.path("server.yaml"), "two").unwrap();
    watched.quiet();
}
