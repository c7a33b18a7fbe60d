//! Broken input (`tests/corpus/bad`): each is refused with a message that says where and what to
//! do, and nothing of it is loaded.

use std::fs;
use std::path::Path;

use portcullis::source::{self, LoadError, LoadOptions};

/// (file, how the message begins after the path, what else it holds)
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "billion-laughs.yaml",
        ":6: aliases expand to more than 400000 values",
        "write the document out",
    ),
    ("infinity.yaml", ":1: ", "`.inf` is no number that JSON knows; put it in quotes"),
    ("latin1.yaml", ":4: no valid UTF-8 at byte 80", "save the file as UTF-8"),
    ("tab-indent.yaml", ":4: not YAML", "tab"),
    ("template.yaml", ":3: not YAML", "a template must be rendered first"),
    ("text-after-dashes.yaml", ":6 (document 2): not YAML", "put it on the next line"),
    ("text-after-end.yaml", ":4: not YAML", "put `---` before it"),
    ("third-line.ndjson", ":3 (document 3): not JSON", "expected ident (column 2)"),
    ("truncated.json", ":3: not JSON", "EOF while parsing a list"),
    ("unknown-anchor.yaml", ":1: not YAML", "anchor"),
    ("yaml-1.2.yaml", ":1: not YAML", "remove the `%YAML` line"),
];

#[test]
fn broken_documents_are_refused_with_place_and_remedy() {
    for (file, begins, holds) in REFUSED {
        let path = folder().join(file);
        let error = load(&path).expect_err(file).to_string();
        let rest = error.strip_prefix(&path.display().to_string()).unwrap_or(&error);
        assert!(rest.starts_with(begins) && rest.contains(holds), "{file}: {error}");
    }
}

#[test]
fn one_broken_file_refuses_the_whole_folder() {
    assert!(load(&folder()).is_err());
}

#[test]
fn objects_with_wrong_types_are_listed_and_the_rest_is_loaded() {
    let loaded = load(&folder().join("wrong-types.yaml")).unwrap();
    let reasons: Vec<String> =
        loaded.report.skipped.iter().map(|skipped| skipped.reason.to_string()).collect();
    assert_eq!(
        reasons,
        [
            "`roleRef` must be an object, but is a list (line 4)",
            "`subjects[0].name` must be a string, but is the number `12` (line 12); put it in quotes",
            "`metadata.labels` must be an object, but is a list (line 16)",
        ]
    );
    assert_eq!(loaded.inventory.role_bindings.len(), 1);
}

#[test]
fn a_line_of_ten_megabytes_is_read() {
    let long = "x".repeat(10 << 20);
    let text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: a}}\n# {long}\n\
         rules:\n- verbs: [get, {long}]\n"
    );
    let loaded = source::parse("long.yaml", text.as_bytes(), &LoadOptions::default()).unwrap();
    let rule = &loaded.inventory.cluster_roles[0].value.rules[0];
    assert_eq!(rule.verbs[1].len(), long.len());
}

#[test]
fn a_missing_file_an_empty_folder_and_stdin_twice_are_refused() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(load(empty.path()), Err(LoadError::NoFiles { .. })));
    assert!(matches!(load(&empty.path().join("x.yaml")), Err(LoadError::Read { .. })));
    let twice = source::load(&["-".into(), "-".into()], &LoadOptions::default(), &mut |_| {});
    assert!(matches!(twice, Err(LoadError::StdinTwice)));
}

#[test]
fn a_folder_is_read_in_order_with_all_below_it() {
    let folder = tempfile::tempdir().unwrap();
    let role = |name: &str| {
        format!(
            r#"{{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{{"name":"{name}"}}}}"#
        )
    };
    fs::create_dir_all(folder.path().join("b/c")).unwrap();
    fs::create_dir_all(folder.path().join("..data")).unwrap();
    for (file, name) in [
        ("z.yml", "4"),
        ("a.json", "1"),
        ("b/c/x.jsonl", "2"),
        ("b/y.ndjson", "3"),
        ("notes.txt", "no"),
        ("..data/a.json", "no"),
    ] {
        fs::write(folder.path().join(file), role(name)).unwrap();
    }
    let mut calls = 0;
    let loaded =
        source::load(&[folder.path().into()], &LoadOptions::default(), &mut |_| calls += 1)
            .unwrap();
    let names: Vec<_> = loaded
        .inventory
        .cluster_roles
        .iter()
        .map(|role| role.value.metadata.name.as_str())
        .collect();
    assert_eq!(names, ["1", "2", "3", "4"]);
    assert_eq!(loaded.report.files, 4);
    assert!(calls >= 4);
}

fn load(path: &Path) -> Result<source::Loaded, LoadError> {
    source::load(&[path.into()], &LoadOptions::default(), &mut |_| {})
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/bad")
}
