//! What the system says, as Go writes it.

use std::io::{self, ErrorKind};

use crate::source::text::narrow;

/// Go's text of a system error: `no such file or directory`.
pub(in crate::source) fn go_text(error: &io::Error) -> String {
    if error.kind() == ErrorKind::InvalidInput && error.raw_os_error().is_none() {
        return "invalid argument".to_owned();
    }
    let text = error.to_string();
    let text = text.split_once(" (os error").map_or(text.as_str(), |(text, _)| text);
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_lowercase().chain(rest).collect())
}

/// The last line of a text, where one that is cut off ends.
pub(super) fn lines_of(text: &str) -> u32 {
    narrow(text.trim_end().lines().count().max(1))
}
