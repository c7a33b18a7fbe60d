//! The house rules that no compiler checks, held over the source tree: the layer table, the length
//! of files, module docs, unfinished work, and reasons beside features and dependencies.
//!
//! Each rule is a pure function over a path and a text that lists what is wrong, and has a test
//! that it does find a bad example.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The layer table of the design: a module imports only from lower layers and from itself.
const LAYERS: [&[&str]; 7] = [
    &["model", "util"],
    &["api", "crypto", "cel"],
    &["authz", "authn", "pki"],
    &["snapshot", "source"],
    &["query", "webhook"],
    &["cli"],
    // Documentation only; nothing imports it.
    &["manual"],
];

/// Inside these a child sees its parent's traits, and never a sister.
const SISTERLESS: [&str; 2] = ["authz", "authn"];

/// More lines of code than this in one file are questioned.
const LONGEST_FILE: usize = 400;

/// One broken rule: where, and what.
#[derive(Debug, PartialEq, Eq)]
struct Complaint(String);

impl Complaint {
    fn new(path: &str, line: usize, what: impl std::fmt::Display) -> Self {
        Self(format!("{path}:{line}: {what}"))
    }
}

// ---- the rules ---------------------------------------------------------------------------------

/// No path upwards or sideways. `children` are the modules directly inside the sisterless ones, as
/// `authz/rbac`.
fn layers(path: &str, text: &str, children: &BTreeSet<String>) -> Vec<Complaint> {
    let module = module_path(path);
    let Some(own) = module.first() else {
        return Vec::new();
    };
    let Some(own_layer) = layer(own) else {
        return vec![Complaint::new(path, 1, format!("`{own}` is not in the layer table"))];
    };
    let mut complaints = Vec::new();
    for (line, used) in used_paths(&module, text) {
        let Some(top) = used.first() else { continue };
        let written = used.join("::");
        let what = match layer(top) {
            None => Some("is not a module of the layer table; import from the defining module"),
            Some(_) if top == own => is_sister(&module, &used, children).then_some("is a sister"),
            Some(layer) if layer > own_layer => Some("is a higher layer"),
            Some(layer) if layer == own_layer => Some("is a stranger on the same layer"),
            Some(_) => None,
        };
        if let Some(what) = what {
            complaints.push(Complaint::new(path, line, format!("`crate::{written}` {what}")));
        }
    }
    complaints
}

/// A file is not too long to be read at once; tests that moved beside do not count.
fn length(path: &str, text: &str) -> Vec<Complaint> {
    if path.ends_with("tests.rs") {
        return Vec::new();
    }
    let lines = without_tests(text).lines().map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    if code <= LONGEST_FILE {
        return Vec::new();
    }
    let what = format!("{code} lines of code, more than {LONGEST_FILE}: split it");
    vec![Complaint::new(path, 1, what)]
}

/// A module says first which question it answers.
fn module_doc(path: &str, text: &str) -> Vec<Complaint> {
    let is_module = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| path.ends_with(name));
    if is_module && !text.starts_with("//! ") {
        return vec![Complaint::new(path, 1, "does not open with a `//!` doc")];
    }
    Vec::new()
}

/// Nothing is left for later.
fn unfinished(path: &str, text: &str) -> Vec<Complaint> {
    // Written in halves, since this file is read too.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in words.iter().filter(|word| line.contains(**word)) {
            complaints.push(Complaint::new(path, index + 1, format!("holds a {word}")));
        }
    }
    complaints
}

/// Every feature and every dependency has a comment above it.
fn manifest_comments(path: &str, text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut section = "";
    let mut above = "";
    for (index, line) in text.lines().enumerate() {
        let header = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let entry = line.split_once('=').map(|(key, _)| key.trim_end());
        let needs_reason = match (header, entry) {
            (Some(header), _) => {
                section = header;
                header.contains("dependencies.")
            }
            (None, Some(key)) => {
                let explained = section == "features" || section.ends_with("dependencies");
                explained && !key.is_empty() && !key.starts_with([' ', '#', '"'])
            }
            (None, None) => false,
        };
        if needs_reason && !above.starts_with('#') {
            let name = header.or(entry).unwrap_or(line);
            let what = format!("`{name}` in [{section}] has no comment above it");
            complaints.push(Complaint::new(path, index + 1, what));
        }
        above = line;
    }
    complaints
}

/// The change log has a section for what is there.
fn changelog(path: &str, text: &str) -> Vec<Complaint> {
    let is_section = |line: &str| {
        line.strip_prefix("## ").map(|rest| rest.trim_start_matches(['[', 'v'])).is_some_and(
            |rest| {
                rest.to_lowercase().starts_with("unreleased")
                    || rest.starts_with(|first: char| first.is_ascii_digit())
            },
        )
    };
    if text.lines().any(is_section) {
        return Vec::new();
    }
    vec![Complaint::new(path, 1, "has neither an Unreleased section nor one of a version")]
}

// ---- reading Rust, as far as the rules need it ---------------------------------------------------

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// `src/authz/rbac/eval.rs` is `[authz, rbac, eval]`; the crate root is empty.
fn module_path(path: &str) -> Vec<String> {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    if matches!(parts.as_slice(), [root] if root == "lib" || root == "main") {
        parts.clear();
    }
    parts
}

fn is_sister(module: &[String], used: &[String], children: &BTreeSet<String>) -> bool {
    let ([parent, own, ..], [_, other, ..]) = (module, used) else {
        return false;
    };
    SISTERLESS.contains(&parent.as_str())
        && own != other
        && children.contains(&format!("{parent}/{other}"))
}

/// Every path from the crate root, and every `super::` path outside of inline tests, from the crate
/// root on, with its line. Comments do not count: prose may point upwards.
fn used_paths(module: &[String], text: &str) -> Vec<(usize, Vec<String>)> {
    let code = without_comments(text);
    let mut paths = Vec::new();
    collect_paths(&code, "crate::", &mut paths);
    let outside_tests = without_tests(&code);
    let mut relative = Vec::new();
    collect_paths(outside_tests, "super::", &mut relative);
    for (line, tail) in relative {
        // The first `super` was the mark; further ones are in front of the tail.
        let ups = 1 + tail.iter().take_while(|segment| *segment == "super").count();
        let depth = module.len().saturating_sub(ups);
        let mut full = module[..depth].to_vec();
        full.extend_from_slice(&tail[ups - 1..]);
        // Inside an inline module `super` is the file itself: such a path only seems to leave it.
        if depth > 0 || full.first().is_some_and(|top| layer(top).is_some()) {
            paths.push((line, full));
        }
    }
    paths.sort();
    paths
}

/// Finds each whole-word `mark` and reads the paths behind it.
fn collect_paths(code: &str, mark: &str, into: &mut Vec<(usize, Vec<String>)>) {
    for (start, _) in code.match_indices(mark) {
        let (before, rest) = code.split_at(start);
        let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || "_$:".contains(c));
        if let Some(tree) = rest.strip_prefix(mark).filter(|_| is_word) {
            let line = before.matches('\n').count() + 1;
            let mut found = Vec::new();
            read_tree(tree, &[], &mut found);
            into.extend(found.into_iter().map(|path| (line, path)));
        }
    }
}

/// Reads `a::b`, `a::{b, c::d}` or `{a, b::c}`; returns what is left.
fn read_tree<'a>(code: &'a str, prefix: &[String], into: &mut Vec<Vec<String>>) -> &'a str {
    let code = code.trim_start();
    if let Some(mut rest) = code.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let before = rest.len();
            rest = read_tree(rest, prefix, into).trim_start();
            // An item may be renamed: skip to its end.
            rest = rest.trim_start_matches(|c: char| c != ',' && c != '}');
            rest = rest.strip_prefix(',').unwrap_or(rest);
            if rest.is_empty() || rest.len() == before {
                return rest;
            }
        }
    }
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    let (word, rest) = code.split_at(end);
    let mut path = prefix.to_vec();
    if !word.is_empty() && word != "self" {
        path.push(word.to_owned());
    }
    match rest.strip_prefix("::") {
        Some(rest) if !word.is_empty() && !rest.starts_with(['<', '*']) => {
            read_tree(rest, &path, into)
        }
        _ => {
            into.push(path);
            rest
        }
    }
}

/// Blanks out what follows `//`, keeping the lines. A `//` inside of a string hides the rest of that
/// line, which no import shares.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

/// The text up to its inline tests, which stand last.
fn without_tests(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]\nmod tests {").map_or(text, |(code, _)| code)
}

// ---- the tree ----------------------------------------------------------------------------------

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, as (path from the root, text).
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// `authz/rbac` for `src/authz/rbac.rs` and for `src/authz/rbac/…`.
fn sisterless_children(files: &[(String, String)]) -> BTreeSet<String> {
    let modules = files.iter().map(|(path, _)| module_path(path));
    modules
        .filter_map(|module| match module.as_slice() {
            [parent, child, ..] if SISTERLESS.contains(&parent.as_str()) => {
                Some(format!("{parent}/{child}"))
            }
            _ => None,
        })
        .collect()
}

#[track_caller]
fn assert_tidy(complaints: Vec<Complaint>) {
    let lines: Vec<String> = complaints.into_iter().map(|complaint| complaint.0).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn imports_point_downwards() {
    let files = rust_files("src");
    assert!(files.len() > 10);
    let children = sisterless_children(&files);
    assert_tidy(files.iter().flat_map(|(path, text)| layers(path, text, &children)).collect());
}

#[test]
fn files_are_short_enough_to_be_read() {
    assert_tidy(rust_files("src").iter().flat_map(|(path, text)| length(path, text)).collect());
}

#[test]
fn modules_say_what_they_are_about() {
    let files = rust_files("src");
    assert_tidy(files.iter().flat_map(|(path, text)| module_doc(path, text)).collect());
}

#[test]
fn nothing_is_left_for_later() {
    let folders = ["src", "tests", "examples", "benches"];
    let files: Vec<_> = folders.into_iter().flat_map(rust_files).collect();
    assert_tidy(files.iter().flat_map(|(path, text)| unfinished(path, text)).collect());
}

#[test]
fn features_and_dependencies_have_reasons() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert_tidy(manifest_comments("Cargo.toml", &text));
}

#[test]
fn the_change_log_has_a_section() {
    match fs::read_to_string(root().join("CHANGELOG.md")) {
        Ok(text) => assert_tidy(changelog("CHANGELOG.md", &text)),
        Err(_) => println!("skipped: CHANGELOG.md is absent"),
    }
}

// ---- the rules do bite ---------------------------------------------------------------------------

fn complaints_of(path: &str, text: &str) -> Vec<String> {
    let children = ["authz/rbac", "authz/abac", "authz/chain"].map(str::to_owned);
    let found = layers(path, text, &children.into_iter().collect());
    found.into_iter().map(|complaint| complaint.0).collect()
}

#[test]
fn a_path_upwards_is_found_and_one_downwards_is_not() {
    let up =
        complaints_of("src/api/rbac.rs", "use crate::model::Origin;\nuse crate::authz::Rules;");
    assert_eq!(up, ["src/api/rbac.rs:2: `crate::authz::Rules` is a higher layer"]);
    assert_eq!(complaints_of("src/authz/rbac/mod.rs", "use crate::api::rbac::Role;").len(), 0);
}

#[test]
fn a_path_sideways_is_found_and_one_inside_the_module_is_not() {
    let aside = complaints_of("src/snapshot/compile.rs", "fn f(x: crate::source::Files) {}");
    assert_eq!(
        aside,
        ["src/snapshot/compile.rs:1: `crate::source::Files` is a stranger on the same layer"]
    );
    assert_eq!(complaints_of("src/source/dump.rs", "use crate::snapshot::Snapshot;").len(), 1);
    assert_eq!(complaints_of("src/snapshot/compile.rs", "use crate::snapshot::X;").len(), 0);
    assert_eq!(complaints_of("src/webhook/tls.rs", "use crate::{snapshot, source};").len(), 0);
}

#[test]
fn a_sister_is_found_and_the_parent_is_not() {
    for (path, text) in [
        ("src/authz/rbac/eval.rs", "use crate::authz::abac::Policy;"),
        ("src/authz/rbac/eval.rs", "use super::super::abac::Policy;"),
        ("src/authz/rbac/mod.rs", "use super::abac::Policy;"),
        ("src/authz/rbac/eval.rs", "use crate::authz::{Authorizer, abac::Policy as P};"),
        ("src/authz/chain.rs", "use crate::authz::rbac::table::Table;"),
        ("src/authz/chain.rs", "use crate::{model::User, authz::{rbac}};"),
    ] {
        assert_eq!(complaints_of(path, text).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("src/authz/rbac/eval.rs", "use crate::authz::{Authorizer, Rules};"),
        ("src/authz/rbac/eval.rs", "use super::table::Table;\nuse crate::authz::rbac::Engine;"),
        ("src/authz/mod.rs", "pub use crate::authz::rbac::Engine;"),
        ("src/authz/chain.rs", "use super::Authorizer;"),
        ("src/authz/mod.rs", "mod sealed {\n    pub trait S: super::Authorizer {}\n}"),
        ("src/authz/chain.rs", "\n#[cfg(test)]\nmod tests {\n    use super::*;\n}"),
    ] {
        assert_eq!(complaints_of(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn every_way_to_write_a_path_is_read() {
    for text in [
        "use crate::cli::Args;",
        "pub(crate) use crate::{\n    model::User,\n    cli::{Args, table::*},\n};",
        "let x: Vec<crate::cli::Args> = f();",
        "fn f() { crate::cli::run::<u8>() }",
        "use crate::cli::*;",
        "use crate::cli;",
    ] {
        let found = complaints_of("src/query/who_can.rs", text);
        assert!(!found.is_empty(), "{text}");
        assert!(found.iter().all(|line| line.contains("crate::cli")), "{found:?}");
    }
    for text in ["/// See [`crate::cli`].", "use other_crate::cli::Args;", "$crate::cli!()"] {
        assert_eq!(complaints_of("src/query/who_can.rs", text).len(), 0, "{text}");
    }
}

#[test]
fn imports_through_the_crate_root_and_unknown_modules_are_found() {
    assert_eq!(complaints_of("src/api/meta.rs", "use crate::Request;").len(), 1);
    assert_eq!(complaints_of("src/helpers/mod.rs", "").len(), 1);
    assert_eq!(complaints_of("src/lib.rs", "pub use crate::cli::run;").len(), 0);
}

#[test]
fn a_long_file_is_found_and_comments_and_tests_do_not_count() {
    let code = "let x = 1;\n".repeat(LONGEST_FILE);
    let noise = "// why\n\n".repeat(LONGEST_FILE);
    let tests = format!("\n#[cfg(test)]\nmod tests {{\n{code}}}\n");
    assert_eq!(length("src/a.rs", &format!("{code}{noise}{tests}")).len(), 0);
    assert_eq!(length("src/a.rs", &format!("{code}let y = 2;\n{noise}{tests}")).len(), 1);
    assert_eq!(length("src/a/tests.rs", &format!("{code}{code}")).len(), 0);
}

#[test]
fn a_module_without_a_doc_is_found() {
    assert_eq!(module_doc("src/a/mod.rs", "//! What is a?\n").len(), 0);
    assert_eq!(module_doc("src/a/mod.rs", "use std::fmt;\n//! What is a?\n").len(), 1);
    assert_eq!(module_doc("src/a/b.rs", "use std::fmt;\n").len(), 0);
}

#[test]
fn unfinished_work_is_found() {
    let line = format!("let x = 1; // {}: more", concat!("TO", "DO"));
    let found = unfinished("src/a.rs", &format!("fn f() {{}}\n{line}"));
    assert_eq!(found, [Complaint(format!("src/a.rs:2: holds a {}", concat!("TO", "DO")))]);
    assert_eq!(unfinished("src/a.rs", "// all done").len(), 0);
}

#[test]
fn a_feature_or_dependency_without_a_reason_is_found() {
    let good = "[package]\nname = \"x\"\n\n[features]\n# What it adds.\na = [\n    \"dep:b\",\n]\n\n\
                [dependencies]\n# Why.\nb = \"1\"\n# Why.\n[dependencies.c]\nversion = \"1\"\n";
    assert_eq!(manifest_comments("Cargo.toml", good), []);
    for (bad, name) in [
        (good.replace("# What it adds.\n", ""), "`a` in [features]"),
        (good.replace("# Why.\nb", "b"), "`b` in [dependencies]"),
        (good.replace("# Why.\n[", "["), "`dependencies.c`"),
        (good.replace("[dependencies]\n# Why.", "[dev-dependencies]"), "`b` in [dev-dependencies]"),
    ] {
        let found = manifest_comments("Cargo.toml", &bad);
        assert_eq!(found.len(), 1, "{bad}");
        assert!(found[0].0.contains(name), "{found:?}");
    }
}

#[test]
fn a_change_log_without_a_section_is_found() {
    for text in ["# Changes\n\n## [Unreleased]\n", "## 0.1.0 - 2026\n", "## [0.1.0]\n", "## v1.2\n"]
    {
        assert_eq!(changelog("CHANGELOG.md", text).len(), 0, "{text}");
    }
    assert_eq!(changelog("CHANGELOG.md", "# Changes\n\n## Thanks\n").len(), 1);
}
