use std::sync::Arc;

use super::error::Problem;
use crate::model::Origin;
use crate::source::document::{self, Node, Value};
use crate::source::text::narrow;

/// The command line of an API server: in the manifest of a pod that runs it, or a text of flags, which
/// are words between white space, of which `#` begins a comment at the beginning of a line and `\` ends
/// one.
#[derive(Debug)]
pub(in crate::source) struct CommandLine {
    name: Arc<str>,
    words: Vec<Word>,
}

/// A word and its line.
#[derive(Debug)]
struct Word {
    text: String,
    line: u32,
}

impl CommandLine {
    /// Reads it; `name` is what messages call the file.
    pub(in crate::source) fn read(name: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let name: Arc<str> = Arc::from(name);
        // A file of flags may be YAML, too, as one text; only a manifest is an object.
        if let Ok(document) = document::read(&name, bytes.to_vec())
            && let Some(root) = &document.root
            && matches!(root.value, Value::Map(_))
        {
            return match command(root) {
                Some(words) => Ok(Self { name, words }),
                None => Err(Problem::new(
                    Origin::new(name, 0, root.line),
                    "spec.containers",
                    "no container here runs kube-apiserver; name the manifest of its static pod, or a \
                     file of its flags",
                )),
            };
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
        Ok(Self { name, words })
    }

    /// The words.
    pub(in crate::source) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.text.as_str())
    }

    /// Where a flag stands first; its name is without dashes.
    pub(in crate::source) fn place(&self, flag: &str) -> Origin {
        let flag = format!("--{flag}");
        let word = self.words.iter().find(|word| {
            word.text
                .strip_prefix(&flag)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        });
        Origin::new(Arc::clone(&self.name), 0, word.map_or(0, |word| word.line))
    }

    /// What is wrong with a flag.
    pub(in crate::source) fn problem(&self, flag: &str, message: impl Into<String>) -> Problem {
        Problem::new(self.place(flag), format!("--{flag}"), message)
    }
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
