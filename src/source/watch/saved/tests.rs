use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const SERVER: &str = "https://10.0.0.1:6443";
const HOUR: Duration = Duration::from_secs(3600);

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn now() -> SystemTime {
    at(1_795_680_000)
}

fn key(namespace: &str, name: &str) -> Key {
    Key { namespace: namespace.into(), name: name.into() }
}

fn kind(watched: Watched, objects: &[(&str, &str, &str)]) -> SavedKind {
    let objects = objects
        .iter()
        .map(|(namespace, name, object)| (key(namespace, name), Box::from(object.as_bytes())));
    SavedKind { watched, resource_version: "4711".to_owned(), objects: objects.collect() }
}

fn small() -> Saved {
    let roles = [("", "view", r#"{"rules":[]}"#), ("", "edit", "{}")];
    Saved {
        server: SERVER.to_owned(),
        at: now(),
        kinds: vec![
            kind(Watched::ClusterRoles, &roles),
            kind(Watched::RoleBindings, &[("shop", "b", r#"{"subjects":[]}"#)]),
            kind(Watched::ResourceSlices, &[]),
        ],
    }
}

struct Folder {
    folder: tempfile::TempDir,
    file: SavedFile,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = SavedFile { path: folder.path().join("cluster.state"), max_age: Some(HOUR) };
        Self { folder, file }
    }

    fn with(saved: &Saved) -> Self {
        let folder = Self::new();
        folder.file.write(saved).unwrap();
        folder
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn read(&self) -> Result<Option<Saved>, SavedError> {
        self.file.read(SERVER, now())
    }

    #[track_caller]
    fn refused(&self) -> SavedError {
        let error = self.read().unwrap_err();
        let text = error.to_string();
        assert!(!text.contains('\n') && text.contains("cluster.state`"), "{text}");
        error
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn what_is_written_is_read_and_only_its_owner_can() {
    let folder = Folder::new();
    assert_eq!(folder.read().unwrap(), None);
    folder.file.write(&small()).unwrap();
    assert_eq!(folder.read().unwrap(), Some(small()));
    let next = Saved { kinds: Vec::new(), ..small() };
    folder.file.write(&next).unwrap();
    assert_eq!(folder.read().unwrap(), Some(next));
    assert_eq!(folder.names(), ["cluster.state"]);
    assert_eq!(fs::metadata(&folder.file.path).unwrap().mode() & 0o777, 0o600);
    let bytes = fs::read(&folder.file.path).unwrap();
    assert!(bytes.starts_with(b"portcullis-cluster-state v1 "));
}

fn any_watched() -> impl Strategy<Value = Watched> {
    prop_oneof![
        Just(Watched::ClusterRoles),
        Just(Watched::Pods),
        Just(Watched::Nodes),
        Just(Watched::CustomResourceDefinitions),
        any::<String>().prop_map(|signer| Watched::SigningRequests { signer: signer.into() }),
        ("[^/]*", any::<String>()).prop_map(|(namespace, labels)| Watched::ConfigMaps {
            namespace: namespace.into(),
            labels: labels.into(),
        }),
    ]
}

fn any_kind() -> impl Strategy<Value = SavedKind> {
    let object = (any::<String>(), any::<String>(), vec(any::<u8>(), 0..200));
    (any_watched(), any::<String>(), vec(object, 0..5)).prop_map(
        |(watched, resource_version, objects)| {
            let objects =
                objects.into_iter().map(|(of, name, json)| (key(&of, &name), json.into()));
            SavedKind { watched, resource_version, objects: objects.collect() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_state_survives(
        server in any::<String>(),
        nanos in 0..4_000_000_000_000_000_000_u64,
        kinds in vec(any_kind(), 0..5),
    ) {
        let saved = Saved { server, at: UNIX_EPOCH + Duration::from_nanos(nanos), kinds };
        let mut bytes = Vec::new();
        format::encode(&saved, &mut bytes).unwrap();
        prop_assert_eq!(format::decode(&bytes), Ok(saved));
    }

    #[test]
    fn any_bytes_with_a_right_checksum_are_read_or_refused(content in vec(any::<u8>(), 0..300)) {
        // Whoever panics or allocates by what these claim fails here.
        let _ = format::decode(&signed(&content));
    }
}

/// A file with this content, and all right before it.
fn signed(content: &[u8]) -> Vec<u8> {
    use aws_lc_rs::digest::{SHA256, digest};

    let length = 26 + 1 + 1 + 20 + 1 + 64 + 1 + content.len();
    let mut file = format!("portcullis-cluster-state v1 {length:020} ").into_bytes();
    let sum = digest(&SHA256, &[&file, content].concat());
    file.extend(sum.as_ref().iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    file.push(b'\n');
    file.extend(content);
    file
}

/// Of a state with one empty kind: the parts in front of it.
fn parts(kind: &str, objects: u64) -> Vec<u8> {
    let text =
        |text: &str| [&u32::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat();
    [
        &5_u64.to_le_bytes()[..],
        &0_u32.to_le_bytes(),
        &text("s"),
        &1_u32.to_le_bytes(),
        &text(kind),
        &text("7"),
        &objects.to_le_bytes(),
    ]
    .concat()
}

#[test]
fn the_format_is_what_it_says_so_that_other_builds_read_it() {
    let read = format::decode(&signed(&parts("Roles", 0))).unwrap();
    let kinds = vec![SavedKind {
        watched: Watched::Roles,
        resource_version: "7".to_owned(),
        objects: Vec::new(),
    }];
    assert_eq!(read, Saved { server: "s".to_owned(), at: at(5), kinds });
}

#[test]
fn a_checksum_that_is_right_over_nonsense_does_not_make_it_sense() {
    let content = |bytes: Vec<u8>| match format::decode(&signed(&bytes)) {
        Err(format::Wrong::Damaged(Damage::Content { offset, expected })) => {
            (offset - 114, expected)
        }
        other => panic!("{other:?}"),
    };
    let whole = parts("Roles", 0);
    for cut in 0..whole.len() {
        content(whole[..cut].to_vec());
    }
    assert_eq!(content([&whole[..], b"x"].concat()).1, "the end");
    // However many objects it claims, there is room for as many as there are bytes.
    assert_eq!(content(parts("Roles", u64::MAX)), (43, "a number"));
    assert_eq!(content(parts("Rolls", 0)).1, "a kind that is saved");
    for kind in ["BootstrapSecrets", "ServiceAccountSecrets", "SecretMetadata"] {
        assert_eq!(content(parts(kind, 0)).1, "a kind that is saved");
    }
    let mut long = whole.clone();
    long[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(content(long), (16, "as long as it says"));
    let mut late = whole;
    late[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(content(late).1, "a time");
}

#[test]
fn no_bit_can_be_flipped_unnoticed() {
    let folder = Folder::with(&small());
    let bytes = fs::read(&folder.file.path).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let wrong = format::decode(&bytes).expect_err("flipped");
            // A digit of the version may become another, and the name of the format another name.
            match (at, wrong) {
                (0..26, format::Wrong::NotOurs) | (26, format::Wrong::Version(2..)) => {}
                (26.., format::Wrong::Damaged(_)) => {}
                (_, wrong) => panic!("byte {at}, bit {bit}: {wrong:?}"),
            }
        }
    }
    let mut bytes = bytes;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&folder.file.path, &bytes).unwrap();
    let error = folder.refused();
    assert!(
        matches!(&error, SavedError::Damaged { damage: Damage::Checksum { .. }, .. }),
        "{error}"
    );
    let said = format!("damaged, so nothing of it counts: its {} bytes do not have", last + 1);
    assert!(error.to_string().contains(&said), "{error}");
}

#[test]
fn no_byte_can_be_missing_or_added_unnoticed() {
    let folder = Folder::with(&small());
    let bytes = fs::read(&folder.file.path).unwrap();
    for length in 0..bytes.len() {
        let wrong = format::decode(&bytes[..length]).expect_err("cut");
        assert!(matches!(wrong, format::Wrong::Damaged(_)), "{length}: {wrong:?}");
    }
    let found = u64::try_from(bytes.len()).unwrap();
    let longer = format::decode(&[&bytes[..], b"\n"].concat());
    let damage = Damage::Length { found: found + 1, written: found };
    assert_eq!(longer, Err(format::Wrong::Damaged(damage)));
    fs::write(&folder.file.path, &bytes[..bytes.len() - 1]).unwrap();
    let text = folder.refused().to_string();
    assert!(
        text.contains(&format!("it has {} bytes, and {found} were written", found - 1)),
        "{text}"
    );
}

#[test]
fn a_newer_version_is_told_from_damage_and_other_files_from_both() {
    let folder = Folder::with(&small());
    let path = &folder.file.path;
    let text = fs::read(path).unwrap();
    fs::write(path, [b"portcullis-cluster-state v12 ", &text[28..]].concat()).unwrap();
    let error = folder.refused();
    assert!(matches!(error, SavedError::Version { found: 12, .. }), "{error}");
    assert!(error.to_string().contains("saved by a newer build"), "{error}");
    for not in [&b"hello\n"[..], b"{\"kind\":\"List\"}", &[0; 200], b"portcullis-other v1 "] {
        fs::write(path, not).unwrap();
        let error = folder.refused();
        assert!(matches!(error, SavedError::NotOurs { .. }), "{error}");
        let error = folder.file.write(&small()).unwrap_err();
        assert!(matches!(error, SavedError::NotOurs { .. }), "{error}");
        assert_eq!(fs::read(path).unwrap(), not, "somebody's file was replaced");
    }
    // Version 0 never was, and a version is a number.
    for first in ["v0 ", "v01 ", "v ", "v1", "vx ", "v+2 ", "v99999999999999999999999 "] {
        fs::write(path, format!("portcullis-cluster-state {first}")).unwrap();
        let error = folder.refused();
        assert!(matches!(error, SavedError::Damaged { .. }), "{first}: {error}");
    }
    // What a crash of the system may leave is replaced.
    fs::write(path, "").unwrap();
    folder.refused();
    folder.file.write(&small()).unwrap();
    assert_eq!(folder.read().unwrap(), Some(small()));
}

#[test]
fn a_state_counts_for_its_api_server_only() {
    let folder = Folder::with(&small());
    let error = folder.file.read("https://10.0.0.2:6443", now()).unwrap_err();
    assert!(matches!(error, SavedError::OtherServer { .. }), "{error}");
    for server in [SERVER, "https://10.0.0.2:6443"] {
        assert!(error.to_string().contains(&format!("`{server}`")), "{error}");
    }
    assert!(folder.file.read("https://10.0.0.1:6443/", now()).unwrap().is_some());
}

#[test]
fn a_state_counts_up_to_its_age_and_clocks_that_jump_are_told() {
    let folder = Folder::with(&small());
    let second = Duration::from_secs(1);
    let read = |now| folder.file.read(SERVER, now);
    assert!(read(now() + HOUR).unwrap().is_some());
    let error = read(now() + HOUR + second).unwrap_err();
    assert!(matches!(error, SavedError::TooOld { .. }), "{error}");
    let said = "saved at 2026-11-26T08:00:00Z, 1h1s ago, and what is older than 1h is not believed";
    assert!(error.to_string().contains(said), "{error}");

    assert!(read(now() - 300 * second).unwrap().is_some());
    for ahead in [301 * second, 100 * 365 * 24 * HOUR] {
        let Some(then) = now().checked_sub(ahead) else { continue };
        let error = read(then).unwrap_err();
        assert!(matches!(error, SavedError::FromTheFuture { .. }), "{error}");
    }
    let error = read(now() - 301 * second).unwrap_err();
    assert!(error.to_string().contains("5m1s after what the clock says now"), "{error}");
    assert!(error.to_string().contains("set the clock right"), "{error}");
}

#[test]
fn without_a_limit_any_age_counts_and_is_told() {
    let mut folder = Folder::with(&small());
    folder.file.max_age = None;
    let told = |now| folder.file.read(SERVER, now).unwrap().unwrap().age(now).to_string();
    assert_eq!(told(now() + 100 * HOUR), "saved at 2026-11-26T08:00:00Z, 100h ago");
    assert_eq!(told(now()), "saved at 2026-11-26T08:00:00Z, 0s ago");
    assert_eq!(told(now() - HOUR / 60), "saved at 2026-11-26T08:00:00Z, just now");
    assert_eq!(
        told(now() - 2 * HOUR),
        "saved at 2026-11-26T08:00:00Z, 2h in the future: the clock of this machine went back since, or \
         was wrong then"
    );
}

#[test]
fn secrets_are_never_written() {
    let folder = Folder::with(&small());
    let before = fs::read(&folder.file.path).unwrap();
    for watched in
        [Watched::BootstrapSecrets, Watched::ServiceAccountSecrets, Watched::SecretMetadata]
    {
        let name = watched.name();
        let mut saved = small();
        saved.kinds.push(kind(watched, &[("kube-system", "bootstrap-token-abcdef", "{}")]));
        let error = folder.file.write(&saved).unwrap_err();
        assert!(matches!(error, SavedError::Secrets { .. }), "{error}");
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
    assert_eq!(fs::read(&folder.file.path).unwrap(), before);
    assert_eq!(folder.names(), ["cluster.state"]);
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    let mut names = Vec::new();
    for watched in kind::WHOLE {
        let name = watched.name().into_owned();
        assert_eq!(Watched::from_name(&name), Some(watched));
        assert!(!names.contains(&name), "{name}");
        names.push(name);
    }
    for not in ["", "roles", "Roles/", "ConfigMaps", "ConfigMaps/x", "SigningRequests"] {
        assert_eq!(Watched::from_name(not), None, "{not}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_told_before_anything_is_lost() {
    let folder = Folder::new();
    let path = folder.folder.path().join("state/cluster.state");
    let file = SavedFile { path, max_age: None };
    for error in [file.read(SERVER, now()).unwrap_err(), file.write(&small()).unwrap_err()] {
        assert!(matches!(error, SavedError::NoFolder { .. }), "{error}");
        assert!(error.to_string().contains("state`: this folder is not there"), "{error}");
    }
    assert!(folder.names().is_empty());
    // A folder is no file, and neither is a device.
    for path in [folder.folder.path(), Path::new("/dev/zero")] {
        let file = SavedFile { path: path.to_owned(), max_age: None };
        for error in [file.read(SERVER, now()).unwrap_err(), file.write(&small()).unwrap_err()] {
            assert!(matches!(error, SavedError::NoFile { .. }), "{error}");
        }
    }
}

#[test]
fn a_file_that_others_may_write_is_not_believed_and_one_that_they_may_read_is() {
    let folder = Folder::with(&small());
    let path = &folder.file.path;
    let set = |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o620, 0o602, 0o666, 0o660] {
        set(mode);
        let error = folder.refused();
        assert!(matches!(error, SavedError::Writable { .. }), "{error}");
        assert!(error.to_string().contains(&format!("(mode {mode:04o})")), "{error}");
    }
    set(0o644);
    assert_eq!(folder.read().unwrap(), Some(small()));
    // A new one is closed again.
    set(0o666);
    folder.file.write(&small()).unwrap();
    assert_eq!(folder.read().unwrap(), Some(small()));
}

#[test]
fn a_file_or_link_of_another_user_is_not_believed_and_a_link_of_ones_own_is() {
    let folder = Folder::new();
    let real = folder.folder.path().join("real");
    symlink("real", &folder.file.path).unwrap();
    assert_eq!(folder.read().unwrap(), None);
    for _ in 0..2 {
        folder.file.write(&small()).unwrap();
        assert_eq!(folder.read().unwrap(), Some(small()));
        assert_eq!(folder.names(), ["cluster.state", "real"]);
        assert!(fs::symlink_metadata(&folder.file.path).unwrap().is_symlink());
        assert!(fs::symlink_metadata(&real).unwrap().is_file());
    }
    if !is_root() {
        println!("skipped: only root can give a file away");
        return;
    }
    let nobody = 65_534;
    chown(&real, Some(nobody), None).unwrap();
    let error = folder.refused();
    assert!(matches!(error, SavedError::Owner { owner: 65_534, me: 0, .. }), "{error}");
    chown(&real, Some(0), None).unwrap();
    assert_eq!(folder.read().unwrap(), Some(small()));
    std::os::unix::fs::lchown(&folder.file.path, Some(nobody), None).unwrap();
    for error in [folder.refused(), folder.file.write(&small()).unwrap_err()] {
        assert!(matches!(error, SavedError::Link { owner: 65_534, .. }), "{error}");
    }
}

#[test]
fn drafts_that_a_crash_left_are_removed_and_those_of_others_are_not() {
    let folder = Folder::new();
    let path = |name: &str| folder.folder.path().join(name);
    let left = ".cluster.state.00000000000000ff.draft";
    let kept = [
        ".cluster.state.00000000000000fg.draft",
        ".cluster.state.00ff.draft",
        ".cluster.state.draft",
        ".other.state.00000000000000ff.draft",
        "cluster.state.00000000000000ff.draft",
    ];
    for name in kept.iter().chain([&left]) {
        fs::write(path(name), "half").unwrap();
    }
    let draft = draft::Draft::new(folder.folder.path(), "cluster.state".as_ref()).unwrap();
    let names = folder.names();
    let mine = names.iter().find(|name| name.len() == left.len() && !name.contains("00000"));
    let mine = mine.expect("a draft").clone();
    folder.file.write(&small()).unwrap();
    let names = folder.names();
    assert!(!names.contains(&left.to_owned()), "{names:?}");
    assert!(names.contains(&mine), "one that is being written was removed: {names:?}");
    assert!(kept.iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    drop(draft);
    assert!(!folder.names().contains(&mine));
}
