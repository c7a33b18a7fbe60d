//! The file of the saved state, when its writer is killed and when the disk is full.
//!
//! This binary is its own child: a test that is ignored otherwise writes, told where by the environment.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portcullis::source::watch::saved::{Saved, SavedError, SavedFile, SavedKind};
use portcullis::source::watch::{Key, Watched};

const WHERE: &str = "PORTCULLIS_TEST_SAVED_STATE";
const SERVER: &str = "https://10.0.0.1:6443";

fn file(path: &Path) -> SavedFile {
    SavedFile { path: path.to_owned(), max_age: None }
}

fn time(number: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(number)
}

/// All that such a state says follows from its number. About 100 kB.
fn state(number: u64) -> Saved {
    let binding = |at: u64| {
        let key = Key { namespace: "shop".into(), name: format!("b-{at}").into() };
        let object = format!(r#"{{"of":{number},"at":{at},"pad":"{}"}}"#, "x".repeat(60));
        (key, object.into_bytes().into_boxed_slice())
    };
    Saved {
        server: SERVER.to_owned(),
        at: time(number),
        kinds: vec![SavedKind {
            watched: Watched::RoleBindings,
            resource_version: number.to_string(),
            objects: (0..1000).map(binding).collect(),
        }],
    }
}

/// The number of the state that the file holds, whole and right; `None` when there is none.
#[track_caller]
fn number(path: &Path) -> Option<u64> {
    let saved = file(path).read(SERVER, SystemTime::now()).unwrap()?;
    let number = saved.at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(saved == state(number), "a state that nobody wrote: {number}");
    Some(number)
}

fn child(test: &str, path: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "--nocapture", test]).env(WHERE, path);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn path() -> PathBuf {
    env::var_os(WHERE).expect("run by another test").into()
}

#[test]
#[ignore = "what another test kills"]
fn child_writes_until_it_is_killed() {
    let path = path();
    let first = number(&path).map_or(1, |last| last + 1);
    for next in first.. {
        file(&path).write(&state(next)).unwrap();
    }
}

fn drafts(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_name() != "cluster.state").count()
}

/// Killed when it ends, however that is.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn killed_at_any_moment_a_writer_leaves_the_state_before_or_the_one_after() {
    const ROUNDS: u32 = 12;
    const ENOUGH: Duration = Duration::from_secs(10);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.state");
    let begun = Instant::now();
    let (mut last, mut left, mut moved, mut rounds) = (None, 0, 0, 0);
    while rounds < ROUNDS && begun.elapsed() < ENOUGH {
        let mut child = child("saved_state::child_writes_until_it_is_killed", &path);
        let child = Killed(child.spawn().unwrap());
        // It is at work when the state is another; then it is stopped in the middle of what follows.
        let working = Instant::now();
        while number(&path) == last && working.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(Duration::from_micros(u64::from(rounds) * 397 % 5000));
        drop(child);
        let now = number(&path);
        assert!(now >= last, "{now:?} after {last:?}");
        moved += u32::from(now > last);
        left += u32::from(drafts(folder.path()) > 0);
        assert!(drafts(folder.path()) <= 1, "leftovers gather");
        last = now;
        rounds += 1;
    }
    println!(
        "{rounds} kills, {left} drafts left, at last state {last:?}, in {:?}",
        begun.elapsed()
    );
    assert!(moved * 2 > rounds && left > 0, "never in the middle: {moved} and {left} of {rounds}");
    // The next who writes cleans up.
    file(&path).write(&state(1)).unwrap();
    assert_eq!((number(&path), drafts(folder.path())), (Some(1), 0));
}

#[test]
#[ignore = "what another test runs where no file may grow"]
fn child_writes_once_and_is_told_that_it_cannot() {
    let error = file(&path()).write(&state(2)).unwrap_err();
    assert!(matches!(error, SavedError::Write { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("what was saved before, if anything, is as it was"), "{text}");
    assert!(text.contains("check the space on the disk"), "{text}");
}

#[test]
fn on_a_full_disk_the_state_before_stays_and_the_error_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.state");
    file(&path).write(&state(1)).unwrap();
    let inner = child("saved_state::child_writes_once_and_is_told_that_it_cannot", &path);
    // To a program this is as a disk that is full: no file may become longer than so many blocks.
    for blocks in ["0", "1", "100"] {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f $0 && exec \"$@\"", blocks]);
        shell.arg(inner.get_program()).args(inner.get_args()).env(WHERE, &path);
        let ran = shell.stdin(Stdio::null()).output().unwrap();
        let out = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && out.contains("1 passed"), "{blocks}: {ran:?}");
        assert_eq!((number(&path), drafts(folder.path())), (Some(1), 0));
    }
}
