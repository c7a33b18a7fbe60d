//! Real documents with odd features, and what a real API server and kubectl made of the same bytes
//! (`../shared/real-cluster/odd`). Every file is read as the server read it, or reported for the
//! reason it gave. Where we differ on purpose, [`DIFFERENCES`] says why; one that heals fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use portcullis::api::inventory::Inventory;
use portcullis::source::{self, LoadError, LoadOptions, Loaded, Notice};
use serde_json::{Value, json};

/// (recording, file, why we differ)
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "server",
        "derived/leading-empty-docs.yaml",
        "the server reads the first document, which is empty; we read all, as kubectl does",
    ),
    (
        "server",
        "name-missing/tektoncd+pipeline__examples_v1_pipelineruns_pipelinerun.yaml.doc0.yaml",
        "the server makes up a name for generateName; we leave it empty",
    ),
    (
        "server",
        "rbac-nested-in_None/antrea-io+antrea__multicluster_config_overlays_member_kustomization.yaml.doc0.yaml",
        "no kind: the server took it for a ClusterRole because of where it was sent to",
    ),
    (
        "server",
        "rbac-nested-in_None/metallb+metallb__config_prometheus-frr_kustomization.yaml.doc0.yaml",
        "no kind: the server took it for a ClusterRole because of where it was sent to",
    ),
    (
        "kubectl",
        "derived/yaml-directive.yaml",
        "kubectl cuts the document off its directive and fails; we read it, as the server does",
    ),
];

#[test]
fn every_odd_document_is_read_as_the_api_server_read_it() {
    let Some(folder) = folder() else { return };
    let mut differing = BTreeSet::new();
    for verdict in lines(&folder.join("verdicts.ndjson")) {
        let file = verdict["file"].as_str().unwrap();
        if let Err(how) = against_server(&folder, file, &verdict) {
            differing.insert(("server", file.to_owned(), how));
        }
    }
    judge("server", differing);
}

#[test]
fn every_odd_document_is_split_and_parsed_as_by_kubectl() {
    let Some(folder) = folder() else { return };
    let mut differing = BTreeSet::new();
    for parse in lines(&folder.join("kubectl-parse.ndjson")) {
        let file = parse["file"].as_str().unwrap();
        if let Err(how) = against_kubectl(&folder, file, &parse) {
            differing.insert(("kubectl", file.to_owned(), how));
        }
    }
    judge("kubectl", differing);
}

#[test]
fn every_odd_document_of_the_index_loads_or_says_why_not() {
    let Some(folder) = folder() else { return };
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let mut unreadable = BTreeSet::new();
    for line in index.lines().skip(1) {
        let file = line.rsplit('\t').next().unwrap();
        if file.is_empty() || !folder.join(file).is_file() {
            continue;
        }
        if let Err(error) = load(&folder, file) {
            assert!(matches!(error, LoadError::Yaml { .. }), "{file}: {error}");
            unreadable.insert(file.to_owned());
        }
    }
    // Templates whose braces YAML takes for a map as a key.
    let known = [
        "linkerd2__test_integration_multicluster_testdata_allow.golden.doc1.yaml",
        "linkerd2__test_integration_multicluster_testdata_allow.golden.doc4.yaml",
    ];
    assert!(
        unreadable.iter().all(|file| known.iter().any(|known| file.ends_with(known))),
        "{unreadable:#?}"
    );
}

#[test]
fn yaml_scalars_are_resolved_as_by_kubectl() {
    let Some(folder) = folder() else { return };
    for case in lines(&folder.join("yaml-scalars.ndjson")) {
        let scalar = case["scalar"].as_str().unwrap();
        // `data: {value: …}` of a role's labels: only strings and null load.
        let value = scalar.replace('\n', "\n      ");
        let text = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: x\n  labels:\n    value: {value}\n"
        );
        let nested = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: x\n  labels:\n    value:\n      {value}\n"
        );
        let loaded = source::parse("scalar.yaml", text.as_bytes(), &LoadOptions::default())
            .or_else(|_| source::parse("scalar.yaml", nested.as_bytes(), &LoadOptions::default()));
        let rc = case["rc"].as_i64().unwrap();
        let Ok(loaded) = loaded else {
            assert_ne!(rc, 0, "{scalar}: {:?}", loaded.map(drop));
            continue;
        };
        assert_eq!(rc, 0, "{scalar} loads and should not");
        let label = || loaded.inventory.cluster_roles[0].value.metadata.labels["value"].to_string();
        let found = loaded.report.skipped.first().map(|skipped| skipped.reason.to_string());
        let found = found.as_deref().unwrap_or_default();
        match &case["json"] {
            Value::String(text) => assert_eq!(label(), *text, "{scalar}"),
            Value::Null => assert_eq!(label(), "", "{scalar}"),
            Value::Bool(value) => {
                assert!(found.contains(&format!("the boolean `{value}`")), "{scalar}: {found}");
            }
            Value::Number(value) => {
                assert!(found.contains(&format!("the number `{value}`")), "{scalar}: {found}");
            }
            Value::Array(_) => assert!(found.contains("a list"), "{scalar}: {found}"),
            Value::Object(_) => assert!(found.contains("an object"), "{scalar}: {found}"),
        }
    }
}

fn against_server(folder: &Path, file: &str, verdict: &Value) -> Result<(), String> {
    let warn = &verdict["warn"];
    let message = warn["message"].as_str().unwrap_or_default();
    let kind = verdict["kind"].as_str().unwrap();
    let loaded = match (load(folder, file), warn["http"].as_u64().unwrap()) {
        (Err(LoadError::Yaml { .. }), 400) if message.contains("yaml:") => return Ok(()),
        (Err(error), _) => return Err(format!("refused: {error}")),
        (Ok(loaded), _) => loaded,
    };
    let objects = objects(&loaded.inventory, kind);
    let report = &loaded.report;
    match warn["http"].as_u64().unwrap() {
        201 => {
            let expected = normal(&warn["object"]);
            let found = objects.first().map(normal).unwrap_or(Value::Null);
            if found == expected { Ok(()) } else { Err(format!("{found} for {expected}")) }
        }
        // Nothing about the text: the name is taken, or the namespace is not there.
        409 => needs(objects.len() == 1, "an object"),
        404 if message.contains("not found\"") || message.starts_with("namespaces ") => {
            needs(objects.len() == 1, "an object")
        }
        // A group that the server does not know, or a version it no longer serves.
        404 if message.starts_with("404 page") => {
            needs(objects.is_empty() && report.other_kinds.len() == 1, "of no interest")
        }
        404 => {
            let old = report.notices.iter().any(|it| matches!(it, Notice::OldVersion { .. }));
            needs(!objects.is_empty() && old, "an object of an old version")
        }
        // Only validation refuses it; it is loaded as written.
        422 => {
            let name = message.split('"').nth(1).unwrap();
            let found =
                objects.first().map(|it| it["metadata"]["name"].as_str().unwrap_or_default());
            needs(found == Some(name), &format!("an object named {name}"))
        }
        // The same document, sent to where the newer version is served.
        400 if message.contains("does not match the expected API version") => {
            let old = report.notices.iter().any(|it| matches!(it, Notice::OldVersion { .. }));
            needs(!objects.is_empty() && old, "an object of an old version")
        }
        400 => {
            let reasons: Vec<String> =
                report.skipped.iter().map(|skipped| skipped.reason.to_string()).collect();
            if objects.is_empty() && reasons.len() == 1 && same_reason(message, &reasons[0]) {
                Ok(())
            } else {
                Err(format!("{reasons:?} for {message}"))
            }
        }
        other => Err(format!("unknown verdict {other}")),
    }
}

/// Whether our reason names the field and the types that the server's does.
fn same_reason(server: &str, ours: &str) -> bool {
    if let Some(error) = server.split_once("json: cannot unmarshal ").map(|(_, error)| error) {
        let (found, rest) = error.split_once(" into Go struct field ").unwrap();
        let field = rest.split(' ').next().unwrap().rsplit('.').next().unwrap();
        let found = match found {
            "bool" => "the boolean",
            "number" => "the number",
            "string" => "the string",
            "array" => "a list",
            _ => "an object",
        };
        return ours.contains(found) && ours.contains(field);
    }
    server.contains("no kind") && ours.contains("has no kind")
}

fn against_kubectl(folder: &Path, file: &str, parse: &Value) -> Result<(), String> {
    let stderr = parse["stderr"].as_str().unwrap();
    let loaded = match load(folder, file) {
        Err(LoadError::Yaml { .. }) if stderr.contains("yaml: ") => return Ok(()),
        Err(error) => return Err(format!("refused: {error}")),
        Ok(loaded) => loaded,
    };
    let report = &loaded.report;
    if stderr.contains("cannot unmarshal") {
        return needs(report.skipped.len() == 1, "a skipped object");
    }
    if stderr.contains("no objects passed") {
        return needs(report.documents == 0, "no documents");
    }
    if stderr.contains("no matches for kind") {
        let old = report.notices.iter().any(|it| matches!(it, Notice::OldVersion { .. }));
        let told = old || !report.skipped.is_empty() || !report.other_kinds.is_empty();
        return needs(told, "an old version or an unknown kind");
    }
    if parse["rc"] != 0 {
        return Err(format!("loads, but kubectl says {stderr}"));
    }
    let replaced =
        report.notices.iter().filter(|it| matches!(it, Notice::Duplicate { .. })).count();
    let counts = [report.objects, report.skipped.len(), report.other_kinds.values().sum()];
    let expected = parse["objects"].as_array().unwrap();
    if counts.iter().sum::<usize>() != expected.len() {
        return Err(format!("{counts:?} objects ({replaced} replaced) for {expected:?}"));
    }
    for object in expected {
        let (kind, name) = (object[0].as_str().unwrap(), object[1].as_str().unwrap_or_default());
        let content = usize::try_from(object[2].as_u64().unwrap()).unwrap();
        let found = objects(&loaded.inventory, kind);
        let skipped = report.skipped.iter().any(|skipped| skipped.kind == kind);
        let known = skipped
            || !matches!(kind, "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding")
            || found.iter().any(|found| {
                let list = found.get("rules").or(found.get("subjects")).and_then(Value::as_array);
                found["metadata"]["name"].as_str().unwrap_or_default() == name
                    && list.map_or(0, Vec::len) == content
            });
        needs(known, &format!("{object}"))?;
    }
    Ok(())
}

fn needs(condition: bool, what: &str) -> Result<(), String> {
    if condition { Ok(()) } else { Err(format!("not as expected: {what}")) }
}

/// The RBAC objects of a kind in the order of their lines, as JSON.
fn objects(inventory: &Inventory, kind: &str) -> Vec<Value> {
    fn all<T: serde::Serialize>(items: &[portcullis::api::inventory::Sourced<T>]) -> Vec<Value> {
        items.iter().map(|item| serde_json::to_value(&item.value).unwrap()).collect()
    }
    let mut objects = match kind {
        "ClusterRole" => all(&inventory.cluster_roles),
        "ClusterRoleBinding" => all(&inventory.cluster_role_bindings),
        "Role" => all(&inventory.roles),
        "RoleBinding" => all(&inventory.role_bindings),
        _ => Vec::new(),
    };
    for object in &mut objects {
        object["kind"] = json!(kind);
    }
    objects
}

/// What does not count: what the server adds, and the difference between `null`, empty and absent.
fn normal(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        // We keep what decisions need.
        for field in ["resourceVersion", "annotations", "ownerReferences", "generateName"] {
            metadata.remove(field);
        }
        metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|name, value| {
            !(value.is_null() || (name == "rules" && value.as_array().is_some_and(Vec::is_empty)))
        });
    }
    object
}

fn load(folder: &Path, file: &str) -> Result<Loaded, LoadError> {
    source::load(&[folder.join(file).into()], &LoadOptions::default(), &mut |_| {})
}

fn judge(recording: &str, differing: BTreeSet<(&str, String, String)>) {
    let known: BTreeSet<&str> =
        DIFFERENCES.iter().filter(|known| known.0 == recording).map(|known| known.1).collect();
    let found: BTreeSet<&str> = differing.iter().map(|(_, file, _)| file.as_str()).collect();
    let new: Vec<_> =
        differing.iter().filter(|(_, file, _)| !known.contains(file.as_str())).collect();
    let healed: Vec<_> = known.difference(&found).collect();
    assert!(new.is_empty(), "new differences: {new:#?}");
    assert!(healed.is_empty(), "listed differences that are none any more: {healed:#?}");
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/real-cluster/odd");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}
