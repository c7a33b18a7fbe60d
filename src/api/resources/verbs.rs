//! Is that a verb? A rule may name any; a question with an unusual one is mostly mistyped.

use super::Note;
use crate::util::nearest::nearest;

/// What kubectl accepts for resources without a warning, in the order of likelihood, and the verbs
/// of checks that the API server makes on its own (S-ATTR-25).
const RESOURCE: [&str; 17] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "use",
    "bind",
    "impersonate",
    "*",
    "approve",
    "sign",
    "escalate",
    "attest",
    "unsafe-delete-ignore-read-errors",
];

/// The same for paths: lower-cased HTTP methods.
const NON_RESOURCE: [&str; 8] = ["get", "put", "post", "head", "options", "delete", "patch", "*"];

/// Beginnings of the verbs of constrained impersonation (S-IMP-9), and the audience check of
/// tokens that a kubelet asks for.
const PREFIXES: [&str; 3] =
    ["impersonate:", "impersonate-on:", "request-serviceaccounts-token-audience"];

/// Says so when a verb on a resource is none that Kubernetes asks about.
///
/// ```
/// use portcullis::api::resources::resource_verb_note;
///
/// let note = resource_verb_note("lst").unwrap();
/// assert_eq!(note.to_string(), "verb 'lst' is not a known verb; did you mean 'list'?");
/// assert_eq!(resource_verb_note("list"), None);
/// ```
#[must_use]
pub fn resource_verb_note(verb: &str) -> Option<Note> {
    if PREFIXES.iter().any(|prefix| verb.starts_with(prefix)) {
        return None;
    }
    note(verb, &RESOURCE)
}

/// Says so when a verb on a path is no HTTP method.
#[must_use]
pub fn non_resource_verb_note(verb: &str) -> Option<Note> {
    note(verb, &NON_RESOURCE)
}

fn note(verb: &str, known: &[&'static str]) -> Option<Note> {
    if known.contains(&verb) {
        return None;
    }
    let lower = verb.to_lowercase();
    let nearest = nearest(&lower, known.iter().copied()).map(str::to_owned);
    Some(Note::UnknownVerb { verb: verb.to_owned(), nearest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(verb: &str, nearest: Option<&str>) -> Option<Note> {
        Some(Note::UnknownVerb { verb: verb.into(), nearest: nearest.map(str::to_owned) })
    }

    #[test]
    fn verbs_of_resources_pass_and_mistyped_ones_are_noted() {
        for verb in ["get", "*", "escalate", "impersonate-on:user-info:list"] {
            assert_eq!(resource_verb_note(verb), None, "{verb}");
        }
        assert_eq!(resource_verb_note("GET"), unknown("GET", Some("get")));
        assert_eq!(resource_verb_note("deleet"), unknown("deleet", Some("delete")));
        assert_eq!(resource_verb_note("frobnicate"), unknown("frobnicate", None));
        assert_eq!(resource_verb_note("post"), unknown("post", None));
    }

    #[test]
    fn methods_pass_on_paths_and_verbs_of_resources_are_noted() {
        assert_eq!(non_resource_verb_note("post"), None);
        assert_eq!(non_resource_verb_note("watch"), unknown("watch", Some("patch")));
        assert_eq!(non_resource_verb_note("list"), unknown("list", None));
    }
}
