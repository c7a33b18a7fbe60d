//! What do the bytes of an answer say? Entries and result messages, without the panics of the client
//! library on those that say nothing.

use ldap3::asn1::{PL, StructureTag};

use super::DirectoryError;
use crate::authn::ldap::Entry;

/// So much of a server's message is told.
const LONGEST_MESSAGE: usize = 200;

/// An entry and how many bytes it has (RFC 4511 section 4.5.2).
pub(super) fn entry(tag: StructureTag) -> Result<(Entry, usize), DirectoryError> {
    let mut parts = constructed(tag)?.into_iter();
    let dn = String::from_utf8(primitive(parts.next())?).map_err(|_| DirectoryError::Malformed)?;
    let mut size = dn.len();
    let mut entry = Entry::new(dn);
    for attribute in constructed(parts.next().ok_or(DirectoryError::Malformed)?)? {
        let mut parts = constructed(attribute)?.into_iter();
        let name = primitive(parts.next())?;
        let name = String::from_utf8(name).map_err(|_| DirectoryError::Malformed)?;
        let values = constructed(parts.next().ok_or(DirectoryError::Malformed)?)?;
        let values: Vec<Vec<u8>> =
            values.into_iter().map(|value| primitive(Some(value))).collect::<Result<_, _>>()?;
        size += name.len() + values.iter().map(Vec::len).sum::<usize>();
        entry = entry.with(&name, values);
    }
    Ok((entry, size))
}

fn constructed(tag: StructureTag) -> Result<Vec<StructureTag>, DirectoryError> {
    match tag.payload {
        PL::C(parts) => Ok(parts),
        // An empty list may look like a value of no bytes.
        PL::P(bytes) if bytes.is_empty() => Ok(Vec::new()),
        PL::P(_) => Err(DirectoryError::Malformed),
    }
}

fn primitive(tag: Option<StructureTag>) -> Result<Vec<u8>, DirectoryError> {
    match tag.map(|tag| tag.payload) {
        Some(PL::P(bytes)) => Ok(bytes),
        _ => Err(DirectoryError::Malformed),
    }
}

/// A server's message in one line, and not more of it than is of use.
pub(super) fn message(text: &str) -> String {
    let text = text.trim_matches(|character: char| character == '\0' || character.is_whitespace());
    let visible = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().take(LONGEST_MESSAGE).map(visible).collect()
}

#[cfg(test)]
mod tests {
    use ldap3::asn1::TagClass;

    use super::*;

    fn p(text: &str) -> StructureTag {
        StructureTag { class: TagClass::Universal, id: 4, payload: PL::P(text.as_bytes().to_vec()) }
    }

    fn c(parts: Vec<StructureTag>) -> StructureTag {
        StructureTag { class: TagClass::Universal, id: 16, payload: PL::C(parts) }
    }

    #[test]
    fn an_entry_is_read_and_its_damaged_twins_are_errors() {
        let attributes = c(vec![c(vec![p("UID"), c(vec![p("a"), p("bc")])])]);
        let (read, size) = entry(c(vec![p("uid=a"), attributes])).unwrap();
        assert_eq!(read, Entry::new("uid=a").with("uid", ["a", "bc"]));
        assert_eq!(size, 11);
        for damaged in [
            p("uid=a"),
            c(vec![]),
            c(vec![p("uid=a")]),
            c(vec![p("uid=a"), p("x")]),
            c(vec![p("uid=a"), c(vec![p("x")])]),
            c(vec![p("uid=a"), c(vec![c(vec![p("x")])])]),
            c(vec![p("uid=a"), c(vec![c(vec![p("x"), c(vec![c(vec![])])])])]),
        ] {
            assert_eq!(entry(damaged), Err(DirectoryError::Malformed));
        }
    }

    #[test]
    fn a_message_is_one_line_of_limited_length() {
        assert_eq!(message("a\r\nb\0"), "a  b");
        assert_eq!(message(&"é".repeat(999)).chars().count(), LONGEST_MESSAGE);
    }
}
