//! What stands in this kubeconfig, and how do entries get into it without disturbing the rest?
//!
//! Every other byte of a file stays: comments, order, quotes, fields that nobody knows. New text is
//! put in between, and what comes out is read again and compared with what was meant before it is
//! given to anybody. A file that cannot be treated so (JSON, lists in brackets, aliases to what is
//! replaced) is written anew as a whole, and loses its comments.
//!
//! Absent on purpose: writing files, reading those that entries refer to, several files at once (as
//! `KUBECONFIG` lists them).

mod error;
mod layout;
mod plan;
mod read;
mod section;
mod splice;
#[cfg(test)]
mod tests;
mod text;

pub use error::KubeconfigError;
#[cfg(feature = "webhook-client")]
pub(in crate::source) use text::json as to_json;

use crate::api::kubeconfig::{Entries, Kubeconfig};
use crate::source::document::{Node, Value};
use crate::source::text::looks_like_json;
use crate::util::secret::Secret;
use plan::Plan;

/// What becomes of an entry of the same name that says something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// The merge is refused.
    #[default]
    Refuse,
    /// It is replaced as a whole, at its place.
    Replace,
}

/// A merged file.
#[derive(Debug)]
pub struct Merged {
    /// The whole text.
    pub text: Secret,
    /// How it came about.
    pub how: How,
    /// Entries that were replaced, as `user \`jane\``.
    pub replaced: Vec<String>,
}

/// How a merged text came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Nothing had to change.
    Unchanged,
    /// Text was put in between; every other byte is as it was.
    Spliced,
    /// The file was written anew, with the same content.
    Rewritten {
        /// Whether there were comments, which are gone.
        comments_lost: bool,
    },
}

/// Reads a kubeconfig. `name` is what errors call it. An empty file is an empty kubeconfig.
///
/// # Errors
/// When it is no kubeconfig, or a field that matters is of the wrong type.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Kubeconfig, KubeconfigError> {
    read::kubeconfig(name, &read::tree(name, bytes)?)
}

/// A new file with nothing but these entries. A context of a cluster that is not among them leads
/// nowhere until the cluster is added.
///
/// ```
/// use portcullis::api::kubeconfig::{Cluster, Credentials, Entries, Material};
/// use portcullis::authn::Secret;
/// use portcullis::source::kubeconfig;
///
/// let cluster = Cluster { server: "https://api.example:6443".to_owned(), ..Cluster::default() };
/// let token = Credentials::token(Material::Embedded(Secret::new("s3cret".to_owned())));
/// let entries = Entries::new("jane", token, "example").with_cluster(cluster);
/// assert_eq!(
///     kubeconfig::render(&entries).expose_secret(),
///     "\
/// apiVersion: v1
/// kind: Config
/// clusters:
/// - name: example
///   cluster:
///     server: https://api.example:6443
/// users:
/// - name: jane
///   user:
///     token: s3cret
/// contexts:
/// - name: jane@example
///   context:
///     cluster: example
///     user: jane
/// current-context: jane@example
/// "
/// );
/// ```
#[must_use]
pub fn render(entries: &Entries) -> Secret {
    Secret::new(text::document(&plan::whole(entries)))
}

/// Puts entries into a file. `name` is what errors call it.
///
/// # Errors
/// When the file cannot be read, has entries of these names (see [`Existing`]), lacks the cluster,
/// or the result would not read back as what was meant.
pub fn merge(
    name: &str,
    old: &[u8],
    entries: &Entries,
    existing: Existing,
) -> Result<Merged, KubeconfigError> {
    let root = read::tree(name, old)?;
    let plan = Plan::new(name, &root, entries, existing)?;
    let merged =
        |text, how| Merged { text: Secret::new(text), how, replaced: plan.replaced.clone() };
    // Other encodings are written anew.
    let old = std::str::from_utf8(old).ok();
    if plan.is_empty()
        && let Some(old) = old
    {
        return Ok(merged(old.to_owned(), How::Unchanged));
    }
    let spliced = old.and_then(|old| match has_fields(&root) {
        true => splice::splice(old, &plan),
        false => appended(old, &plan.expected),
    });
    if let Some(text) = spliced.filter(|text| is_proved(name, text, &plan.expected)) {
        return Ok(merged(text, How::Spliced));
    }
    let unprovable = |reason| KubeconfigError::Unprovable { path: name.to_owned(), reason };
    let (text, comments_lost) = rewritten(name, old, &root, &plan.expected)
        .ok_or_else(|| unprovable("it has a number too large to be written again"))?;
    if !is_proved(name, &text, &plan.expected) {
        return Err(unprovable("written anew, it would read differently"));
    }
    Ok(merged(text, How::Rewritten { comments_lost }))
}

fn has_fields(root: &Node) -> bool {
    matches!(&root.value, Value::Map(fields) if !fields.is_empty())
}

/// Behind a text in which there is nothing but comments.
fn appended(old: &str, expected: &Node) -> Option<String> {
    let eol = splice::line_break(old);
    let mut text = old.to_owned();
    if !text.is_empty() && !text.ends_with('\n') && text != "\u{feff}" {
        text.push_str(eol);
    }
    text.push_str(&text::document(expected).replace('\n', eol));
    Some(text)
}

/// Whether a text reads as what was meant.
fn is_proved(name: &str, text: &str, expected: &Node) -> bool {
    read::tree(name, text.as_bytes()).is_ok_and(|read| section::same(&read, expected))
}

/// All of it anew, and whether there were comments.
fn rewritten(
    name: &str,
    old: Option<&str>,
    root: &Node,
    expected: &Node,
) -> Option<(String, bool)> {
    let old = old.unwrap_or_default();
    if looks_like_json(old) {
        let mut lines = old.lines().skip(1);
        let indent = lines.next().map(|line| line.len() - line.trim_start().len());
        return Some((text::json(expected, indent)?, false));
    }
    if !text::is_finite(expected) {
        return None;
    }
    let text = text::document(expected).replace('\n', splice::line_break(old));
    Some((text, has_comments(name, old, root)))
}

/// Whether a text has comments: whether it says the same without what looks like one.
fn has_comments(name: &str, text: &str, root: &Node) -> bool {
    /// Each costs a reading.
    const MOST: usize = 100;
    let begins = |(at, _): &(usize, char)| {
        text.get(..*at).is_some_and(|before| {
            before.is_empty() || before.ends_with([' ', '\t', '\n', '\u{feff}'])
        })
    };
    let places = text.char_indices().filter(|(_, c)| *c == '#').filter(begins);
    places.enumerate().any(|(index, (at, _))| {
        let (before, behind) = text.split_at_checked(at).unwrap_or_default();
        let rest = behind.find(['\r', '\n']).and_then(|end| behind.get(end..)).unwrap_or_default();
        index >= MOST || is_proved(name, &format!("{before}{rest}"), root)
    })
}
