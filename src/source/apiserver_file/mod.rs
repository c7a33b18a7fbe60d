//! How does kube-apiserver read the files and flags that configure it, and what does it say when it
//! cannot?
//!
//! What its AuthorizationConfiguration and its AuthenticationConfiguration have in common: bytes to a
//! tree, the version and kind, strict decoding, the words for what is wrong, all with lines; and the
//! command line of a static pod.
//!
//! Absent on purpose: any field of either file, and validation.

mod command_line;
mod decoder;
mod error;
mod header;
mod os_error;
mod tree;

use std::path::Path;
use std::sync::Arc;

pub(super) use command_line::CommandLine;
pub(super) use decoder::{Decoder, Place};
pub(super) use error::Undecodable;
pub use error::{ConfigurationError, Problem};
pub(super) use header::Expected;
#[cfg(feature = "structured-chain")]
pub(super) use os_error::go_text;
pub(super) use tree::Tree;

use crate::model::Origin;

/// The bytes of a file, or what the API server says when it cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(path).map_err(|error| {
        let name = path.display().to_string();
        // Opening a directory works; reading it does not.
        let did = if path.is_dir() { "read" } else { "open" };
        let text = format!("{did} {name}: {}", os_error::go_text(&error));
        Problem::new(Origin::named(name), "", text)
    })
}

/// A file of the expected kind as a tree, and the version that it is in.
pub(super) fn open(
    name: &Arc<str>,
    bytes: &[u8],
    expected: &Expected,
) -> Result<(Tree, String), Problem> {
    let tree = tree::read(name, bytes)?;
    let text = String::from_utf8_lossy(bytes);
    let version = header::version(tree.root.as_ref(), &text, expected)
        .map_err(|(text, line)| Problem::new(Origin::new(Arc::clone(name), 0, line), "", text))?
        .to_owned();
    Ok((tree, version))
}
