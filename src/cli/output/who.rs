//! The list of `who-can`.

use std::io::Write;

use portcullis::api::authorization::SubjectAccessReviewSpec;
use portcullis::authz::rbac::GrantTimes;
use portcullis::model::Step;
use portcullis::query::{Authority, Directory, Mark, Row, Subject, WhoCan};
use serde::Serialize;

use super::{PathStep, Table};
use crate::cli::exit::Failure;

/// `User/jane`, `ServiceAccount/shop/web`, `everybody`.
pub(crate) fn name_of(subject: &Subject) -> String {
    match subject.kind.as_str() {
        _ if subject.everybody => "everybody".to_owned(),
        "ServiceAccount" => format!("ServiceAccount/{}/{}", subject.namespace, subject.name),
        kind => format!("{kind}/{}", subject.name),
    }
}

/// Writes the table; `wide` adds where everything stands and writes rules out.
pub(crate) fn write(
    found: &WhoCan<'_>,
    directory: Option<&Directory>,
    wide: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut header = vec!["KIND", "NAME", "NAMESPACE", "BINDING", "ROLE", "RULE", "MARK"];
    // Nearly nobody has such bindings, and the table is wide as it is.
    let has_times = found.rows.iter().any(|row| times_of(row).is_some());
    if has_times {
        header.push("GRANTS");
    }
    if wide {
        header.push("ORIGIN");
    }
    let mut table = Table::new(&header);
    for row in &found.rows {
        let subject = row.subject();
        let grant = cells_of(row, has_times, wide);
        let mut push = |kind: &str, name: String, namespace: &str| {
            let mut cells = vec![kind.to_owned(), name, namespace.to_owned()];
            cells.extend(grant.iter().cloned());
            table.push(cells);
        };
        if subject.everybody {
            push("*", "(everybody)".to_owned(), "");
        } else {
            // Every kubelet is in the group of nodes; in each row it would only be in the way.
            let is_node = row.authority() == Authority::Node;
            let condition = subject.while_in.as_ref().filter(|_| !is_node);
            let condition = condition.map(|group| format!(" (while in Group {group})"));
            let name = format!("{}{}", subject.name, condition.unwrap_or_default());
            push(&subject.kind, name, &subject.namespace);
        }
        for member in directory.into_iter().flat_map(|directory| directory.members(&subject)) {
            // Indented below the group that they are in.
            let Subject { kind, namespace, name, .. } = &member;
            push(&format!("  {kind}"), format!("  {name}"), namespace);
        }
    }
    table.write(out)
}

/// Binding, role, rule and mark, and where they stand.
fn cells_of(row: &Row<'_>, has_times: bool, wide: bool) -> Vec<String> {
    let mark = row.mark().map(|mark| mark.to_string()).unwrap_or_default();
    let (mut cells, origin) = match (row.binding(), row.line()) {
        (Some(binding), _) => {
            let name = match binding.namespace() {
                "" => format!("{}/{}", binding.kind(), binding.name()),
                namespace => format!("{}/{namespace}/{}", binding.kind(), binding.name()),
            };
            let role = format!("{}/{}", binding.role_kind(), binding.role_name());
            let origin = format!("{}, {}", binding.origin(), binding.role_origin());
            (vec![name, role, rule_of(row, wide)], origin)
        }
        (None, Some((text, origin))) => {
            let rule = if wide { text.to_owned() } else { origin.to_string() };
            (vec![row.authority().to_string(), String::new(), rule], origin.to_string())
        }
        (None, None) if row.authority() == Authority::Node => {
            let (role, rule) = way_of(row, wide);
            (vec![row.authority().to_string(), role, rule], String::new())
        }
        (None, None) => {
            (vec![row.authority().to_string(), String::new(), String::new()], String::new())
        }
    };
    cells.push(mark);
    if has_times {
        cells.push(times_of(row).map(|times| times.to_string()).unwrap_or_default());
    }
    if wide {
        cells.push(origin);
    }
    cells
}

/// How a node comes to a grant: the role and the rule that all nodes have, or the objects on the way
/// from what was asked for to the node.
fn way_of(row: &Row<'_>, wide: bool) -> (String, String) {
    let path = row.path();
    let role = path.iter().find(|step| step.kind == "ClusterRole");
    if let (Some(role), Some(rule)) = (role, path.iter().find(|step| step.kind == "rule")) {
        let short = rule.text.split_once(':').map_or(rule.text.as_str(), |(index, _)| index);
        let rule = if wide { rule.text.as_str() } else { short };
        return (format!("ClusterRole/{}", role.text), rule.to_owned());
    }
    let way = path.iter().filter(|step| step.kind != "Node").map(|step| match step.kind {
        "rule" => step.text.clone(),
        kind => format!("{kind} {}", step.text),
    });
    (String::new(), way.collect::<Vec<_>>().join(" -> "))
}

fn times_of(row: &Row<'_>) -> Option<GrantTimes> {
    row.binding()?.times()
}

fn rule_of(row: &Row<'_>, wide: bool) -> String {
    let written = row.path().into_iter().find(|step| step.kind == "rule");
    let Some(Step { text, .. }) = written.filter(|_| wide) else {
        return row.rule().map(|(index, _)| format!("rules[{index}]")).unwrap_or_default();
    };
    text
}

/// The list as a document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer<'a> {
    subjects: Vec<Entry>,
    /// Bindings whose role is not there, as the API server words it.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    errors: &'a [String],
    /// Whether something that could matter was skipped.
    incomplete: bool,
    /// Who tells who is in the groups, where credentials do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups_from: Option<&'a str>,
    spec: &'a SubjectAccessReviewSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    kind: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    /// The user must be in this group besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    while_in: Option<String>,
    /// `built-in`, `Node`, `RBAC`, `ABAC` or `AlwaysAllow`.
    authority: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark_meaning: Option<&'static str>,
    path: Vec<PathStep>,
    /// Since when it is granted, if it was not always.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    /// From when on it is granted no longer, if it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<String>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(
        found: &'a WhoCan<'_>,
        directory: Option<&Directory>,
        is_doubtful: bool,
        spec: &'a SubjectAccessReviewSpec,
    ) -> Self {
        let entry = |row: &Row<'_>| {
            let subject = row.subject();
            let members = directory.map(|directory| directory.members(&subject));
            let mark = row.mark();
            let times = times_of(row);
            Entry {
                kind: if subject.everybody { "*".to_owned() } else { subject.kind.to_string() },
                name: if subject.everybody { "*".to_owned() } else { subject.name.to_string() },
                namespace: subject.namespace.to_string(),
                while_in: subject.while_in.as_ref().map(ToString::to_string),
                authority: row.authority().to_string(),
                mark: mark.map(Mark::as_str),
                mark_meaning: mark.map(Mark::explanation),
                path: row.path().into_iter().map(PathStep::from).collect(),
                not_before: times.and_then(|of| of.not_before).map(|begin| begin.to_string()),
                not_after: times.and_then(|of| of.not_after).map(|end| end.to_string()),
                members: members.iter().flatten().map(name_of).collect(),
            }
        };
        Self {
            subjects: found.rows.iter().map(entry).collect(),
            errors: &found.errors,
            incomplete: is_doubtful || !found.incomplete.is_empty(),
            groups_from: found.groups_from,
            spec,
        }
    }
}
