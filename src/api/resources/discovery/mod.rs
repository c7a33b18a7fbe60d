//! Which resources does that cluster serve? The output of discovery, saved to a file.
//!
//! Understood are the text of `kubectl api-resources` (plain or `-o wide`, with or without its
//! header), and JSON: aggregated discovery (`kubectl get --raw /apis` with the `Accept` header of
//! `apidiscovery.k8s.io`), and APIResourceList, which `kubectl get --raw /apis/apps/v1` and
//! `kubectl api-resources -o json` print. Which of them it is shows from the first byte. Several
//! JSON documents may follow each other in one file.

mod json;
mod text;

use super::ResourceInfo;

/// Why discovery output could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// A line does not have the columns of `kubectl api-resources`.
    #[error(
        "{file}: line {line}: expected the columns of `kubectl api-resources` (NAME SHORTNAMES \
         APIVERSION NAMESPACED KIND), found `{found}`"
    )]
    Columns {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The line's text, cut when it is long.
        found: String,
    },
    /// The file holds no resource.
    #[error("{file}: no resource in it: save the output of `kubectl api-resources -o wide`")]
    Empty {
        /// The file.
        file: String,
    },
    /// The text is of a kubectl before 1.20, which printed no version.
    #[error(
        "{file}: line {line}: the column APIGROUP is of a kubectl older than 1.20: save the \
         output of a newer `kubectl api-resources`, or of `kubectl get --raw /apis`"
    )]
    GroupColumn {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
    /// The JSON is malformed, or a field has the wrong type.
    #[error("{file}: line {line}: document {document}: not discovery JSON: {problem}")]
    Json {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The document, from 1.
        document: usize,
        /// What the parser found.
        problem: String,
    },
    /// The JSON is something else.
    #[error(
        "{file}: document {document}: kind is `{kind}`, expected `APIGroupDiscoveryList` or \
         `APIResourceList`"
    )]
    Kind {
        /// The file.
        file: String,
        /// The document, from 1.
        document: usize,
        /// Its kind.
        kind: String,
    },
    /// The bytes are no UTF-8.
    #[error("{file}: line {line}: not UTF-8 text (a redirect of PowerShell writes UTF-16)")]
    NotText {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
    },
}

/// Reads discovery output; `file` is its name in errors.
///
/// # Errors
/// When the bytes are in none of the forms, or hold no resource. Nothing is skipped: a resource
/// that is missing from the table would be reported as unknown.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<ResourceInfo>, DiscoveryError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        DiscoveryError::NotText { file: file.to_owned(), line }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let resources = if text.trim_start().starts_with(['{', '[']) {
        json::parse(file, text)?
    } else {
        text::parse(file, text)?
    };
    if resources.is_empty() {
        return Err(DiscoveryError::Empty { file: file.to_owned() });
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_shows_from_the_first_byte() {
        let text = b"pods po v1 true Pod\n";
        assert_eq!(parse("f", text).unwrap()[0].plural, "pods");
        let json = br#" {"kind": "APIResourceList", "groupVersion": "v1",
            "resources": [{"name": "pods", "kind": "Pod", "namespaced": true}]}"#;
        assert_eq!(parse("f", json).unwrap()[0].plural, "pods");
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(parse("f", b"\xef\xbb\xbfpods po v1 true Pod\n").unwrap().len(), 1);
    }

    #[test]
    fn nothing_in_the_file_is_an_error() {
        for bytes in ["", "\n\n", "NAME SHORTNAMES APIVERSION NAMESPACED KIND\n"] {
            let error = parse("f.txt", bytes.as_bytes()).unwrap_err();
            assert_eq!(error, DiscoveryError::Empty { file: "f.txt".into() }, "{bytes:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let error = parse("f.txt", b"pods po v1 true Pod\n\xff\xfe").unwrap_err();
        assert_eq!(error, DiscoveryError::NotText { file: "f.txt".into(), line: 2 });
    }
}
