//! Which objects are kept from which namespaces below their own: the exceptions of HNC.

use crate::api::Str;
use crate::api::inventory::{Kinship, Namespace};
use crate::api::meta::{ObjectMeta, StrMap};
use crate::api::selector::{LabelMatcher, parse_labels};

use super::Hierarchy;

const NONE: &str = "propagate.hnc.x-k8s.io/none";
const SELECT: &str = "propagate.hnc.x-k8s.io/select";
const TREE_SELECT: &str = "propagate.hnc.x-k8s.io/treeSelect";

/// Objects that Rancher manages are copied by nobody else.
const NEVER: (&str, &str) = ("cattle.io/creator", "norman");

/// To whom an object is handed down. An annotation that cannot be read hands it to nobody, as in HNC.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    /// To nobody.
    none: bool,
    /// By labels of the namespace that would inherit it.
    labels: Option<LabelMatcher>,
    /// By its place in the tree.
    tree: Option<Vec<TreeTerm>>,
}

#[derive(Debug)]
struct TreeTerm {
    namespace: Str,
    /// Only outside of it and what is below it.
    is_negated: bool,
}

/// Whether a namespace inherits an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passes {
    Yes,
    No,
    /// Its labels decide, and they are not known.
    Unknown,
}

impl Exceptions {
    /// What an object says; the error is what cannot be read in it.
    pub(super) fn of(metadata: &ObjectMeta) -> Result<Self, String> {
        let text = |key: &str| metadata.annotations.get(key).map_or("", Str::as_str);
        let is_never = metadata.labels.get(NEVER.0).is_some_and(|value| value == NEVER.1);
        // As Go reads booleans; empty is false.
        let none = match text(NONE) {
            "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            other => return Err(format!("`{NONE}` is `{other}`, which is neither true nor false")),
        };
        let labels = match text(SELECT) {
            "" => None,
            selector => {
                let read = parse_labels(selector);
                let read = read.map_err(|error| format!("`{SELECT}` is no selector: {error}"))?;
                Some(LabelMatcher::from(read))
            }
        };
        let tree = match text(TREE_SELECT) {
            "" => None,
            terms => Some(terms.split(',').map(TreeTerm::read).collect::<Result<Vec<_>, _>>()?),
        };
        if tree.iter().flatten().filter(|term| !term.is_negated).count() > 1 {
            return Err(format!("`{TREE_SELECT}` names more than one namespace without `!`"));
        }
        Ok(Self { none: none || is_never, labels, tree })
    }

    /// Whether a namespace inherits the object; `known` is its object, if that was read.
    pub(super) fn passes(
        &self,
        namespace: &str,
        known: Option<&Namespace>,
        hierarchy: &Hierarchy,
    ) -> Passes {
        if self.none {
            return Passes::No;
        }
        let is_within = |term: &TreeTerm| {
            term.namespace == namespace
                || hierarchy.above(namespace).any(|above| above == term.namespace)
        };
        if self.tree.iter().flatten().any(|term| is_within(term) == term.is_negated) {
            return Passes::No;
        }
        let Some(labels) = &self.labels else { return Passes::Yes };
        let Some(known) = known else { return Passes::Unknown };
        match labels.matches(&labels_of(known, hierarchy)) {
            true => Passes::Yes,
            false => Passes::No,
        }
    }
}

/// The labels of a namespace with those that the tree gives it.
fn labels_of(namespace: &Namespace, hierarchy: &Hierarchy) -> StrMap {
    let mut labels = namespace.labels.clone();
    labels.retain(|label, _| !label.ends_with(Kinship::DEPTH));
    let own = std::iter::once(namespace.name.as_str());
    for (depth, name) in own.chain(hierarchy.above(&namespace.name)).enumerate() {
        let label = format!("{name}{}", Kinship::DEPTH);
        labels.insert(label.into(), depth.to_string().into());
    }
    labels
}

impl TreeTerm {
    fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (is_negated, name) = match text.strip_prefix('!') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let is_inner =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=63).contains(&name.len())
            && name.bytes().all(is_inner)
            && !name.starts_with('-')
            && !name.ends_with('-');
        if !is_name {
            return Err(format!(
                "`{TREE_SELECT}` names `{name}`, which no namespace can be called"
            ));
        }
        Ok(Self { namespace: name.into(), is_negated })
    }
}
