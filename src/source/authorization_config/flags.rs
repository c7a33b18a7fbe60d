//! The flags of kube-apiserver, from the manifest of its static pod or a file of flags.

use std::sync::Arc;

use super::error::{ConfigurationError, Problem};
use super::{EntryPlaces, Loaded, joined};
use crate::api::authorization_config::{FlagError, ModeFlags};
use crate::model::Origin;
use crate::source::document::{self, Node, Value};
use crate::source::text::narrow;

/// The flags of an API server, and the chain that they amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerFlags {
    /// The flags.
    pub flags: ModeFlags,
    /// The chain; `None` when it stands in the file of [`ModeFlags::config`].
    pub chain: Option<Loaded>,
}

/// A word of the command line and its line.
struct Word {
    text: String,
    line: u32,
}

/// Reads the manifest of a pod that runs kube-apiserver, or a text of flags: words between white space,
/// of which `#` begins a comment at the beginning of a line and `\` ends one. `name` is what messages
/// call it.
///
/// ```
/// use portcullis::source::authorization_config;
///
/// let manifest = "
/// kind: Pod
/// spec:
///   containers:
///   - command:
///     - kube-apiserver
///     - --authorization-mode=Node,RBAC,Node
/// ";
/// let error =
///     authorization_config::server_flags("kube-apiserver.yaml", manifest.as_bytes()).unwrap_err();
/// assert_eq!(
///     error.problems()[0].to_string(),
///     r#"kube-apiserver.yaml:7: authorization-mode ["Node" "RBAC" "Node"] has mode specified more than once"#,
/// );
/// ```
///
/// # Errors
/// Everything that the API server says about the flags (S-CHAIN-14, 15); when the text is neither.
pub fn server_flags(name: &str, bytes: &[u8]) -> Result<ServerFlags, ConfigurationError> {
    let name: Arc<str> = Arc::from(name);
    let words = words(&name, bytes)?;
    let place = |flag: &str| {
        let flag = format!("--{flag}");
        let word = words.iter().find(|word| {
            word.text
                .strip_prefix(&flag)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        });
        Origin::new(Arc::clone(&name), 0, word.map_or(0, |word| word.line))
    };
    let problem = |error: &FlagError| {
        let flag = error.flag();
        Problem::new(place(flag), format!("--{flag}"), error.to_string())
    };
    let flags = ModeFlags::from_args(words.iter().map(|word| word.text.as_str()))
        .map_err(|error| joined(vec![problem(&error)]))?;
    let origin = place("authorization-mode");
    let chain = match flags.build() {
        Ok(configuration) => {
            let places = configuration.authorizers.iter().map(|_| EntryPlaces::at(&origin));
            Some(Loaded { places: places.collect(), configuration })
        }
        Err(errors) if matches!(errors.as_slice(), [FlagError::SeeConfig(_)]) => None,
        Err(errors) => return Err(joined(errors.iter().map(problem).collect())),
    };
    Ok(ServerFlags { flags, chain })
}

fn words(name: &Arc<str>, bytes: &[u8]) -> Result<Vec<Word>, ConfigurationError> {
    // A file of flags may be YAML, too, as one text; only a manifest is an object.
    if let Ok(document) = document::read(name, bytes.to_vec())
        && let Some(root) = &document.root
        && matches!(root.value, Value::Map(_))
    {
        return command(root).ok_or_else(|| {
            let message = "no container here runs kube-apiserver; name the manifest of its static \
                           pod, or a file of its flags";
            let origin = Origin::new(Arc::clone(name), 0, root.line);
            joined(vec![Problem::new(origin, "spec.containers", message)])
        });
    }
    let text = String::from_utf8_lossy(bytes);
    let mut words = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim_start().starts_with('#') {
            continue;
        }
        let text = text.trim_end().trim_end_matches('\\');
        words.extend(text.split_whitespace().map(|word| Word {
            text: word.chars().filter(|c| !matches!(c, '"' | '\'')).collect(),
            line: narrow(line),
        }));
    }
    Ok(words)
}

/// The command line of the container that runs the API server.
fn command(root: &Node) -> Option<Vec<Word>> {
    let items = |node: Option<&Node>| match node {
        Some(Node { value: Value::List(items), .. }) => items.clone(),
        _ => Vec::new(),
    };
    let containers = items(root.get("spec").and_then(|spec| spec.get("containers")));
    containers.iter().find_map(|container| {
        let words = [container.get("command"), container.get("args")];
        let words = words.into_iter().flat_map(items).filter_map(|word| {
            word.as_str().map(|text| Word { text: text.to_owned(), line: word.line })
        });
        let words: Vec<Word> = words.collect();
        let image = container.text("image");
        let runs = image.contains("kube-apiserver")
            || words.iter().any(|word| word.text.ends_with("kube-apiserver"));
        runs.then_some(words)
    })
}
