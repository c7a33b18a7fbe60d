use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

use super::{LONGEST_NAME, LONGEST_PASSWORD};
use crate::authn::Secret;

/// More than the longest name and password take.
const LONGEST: usize = (LONGEST_NAME + 1 + LONGEST_PASSWORD).div_ceil(3) * 4;

/// What an `Authorization: Basic` header says.
pub struct BasicCredentials {
    /// The name: what stands before the first colon.
    pub name: String,
    /// The password: all that stands behind it.
    pub password: Secret,
}

impl fmt::Debug for BasicCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicCredentials")
            .field("name", &self.name)
            .field("password", &self.password)
            .finish()
    }
}

/// Why a header of the scheme `Basic` cannot be read. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BasicHeaderError {
    /// Longer than the longest name and password.
    #[error(
        "the credentials of the Basic header are too long; names may have {LONGEST_NAME} bytes, \
         passwords {LONGEST_PASSWORD}"
    )]
    Long,
    /// Not one base64 text, or one with other characters, wrong padding or bits left over.
    #[error("the credentials of the Basic header are not base64 (RFC 4648 section 4)")]
    Base64,
    /// Other bytes than UTF-8.
    #[error("the credentials of the Basic header are not UTF-8")]
    Utf8,
    /// No name and password.
    #[error("the credentials of the Basic header have no colon between name and password")]
    NoColon,
    /// RFC 7617 section 2 allows none.
    #[error("the credentials of the Basic header hold control characters")]
    Control,
}

/// Reads the value of an `Authorization` header (RFC 7617). `None` when it is of another scheme.
///
/// The scheme is read in any case (RFC 9110 section 11.1). Nothing is trimmed and nothing normalised: the
/// name and the password are the bytes that were sent.
///
/// ```
/// use portcullis::authn::basic::parse_header;
///
/// let jane = parse_header(b"Basic amFuZTpvcGVuOnNlc2FtZQ==")?.expect("of this scheme");
/// assert_eq!(jane.name, "jane");
/// assert!(jane.password.is("open:sesame"));
/// assert!(parse_header(b"Bearer amFuZTpvcGVu")?.is_none());
/// # Ok::<(), portcullis::authn::basic::BasicHeaderError>(())
/// ```
///
/// # Errors
/// [`BasicHeaderError`] for a header of this scheme that says no name and password.
pub fn parse_header(value: &[u8]) -> Result<Option<BasicCredentials>, BasicHeaderError> {
    let scheme = value.iter().take_while(|byte| **byte != b' ').count();
    let (scheme, rest) = value.split_at_checked(scheme).unwrap_or((value, &[]));
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return Ok(None);
    }
    let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
    let credentials = rest.get(blanks..).unwrap_or_default();
    if credentials.len() > LONGEST {
        return Err(BasicHeaderError::Long);
    }
    let mut bytes = Zeroizing::new(vec![0; LONGEST]);
    // With its padding, as RFC 7617 has it, or without any; never with a part of it, nor with bits left over.
    let base64 = if credentials.ends_with(b"=") { STANDARD } else { STANDARD_NO_PAD };
    let length =
        base64.decode_slice(credentials, &mut bytes).map_err(|_| BasicHeaderError::Base64)?;
    let bytes = bytes.get(..length).unwrap_or_default();
    let text = std::str::from_utf8(bytes).map_err(|_| BasicHeaderError::Utf8)?;
    let (name, password) = text.split_once(':').ok_or(BasicHeaderError::NoColon)?;
    if text.contains(char::is_control) {
        return Err(BasicHeaderError::Control);
    }
    if name.len() > LONGEST_NAME || password.len() > LONGEST_PASSWORD {
        return Err(BasicHeaderError::Long);
    }
    Ok(Some(BasicCredentials { name: name.to_owned(), password: Secret::new(password.to_owned()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(credentials: &[u8]) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(credentials)).into_bytes()
    }

    #[track_caller]
    fn read(value: &[u8]) -> (String, String) {
        let read = parse_header(value).unwrap().unwrap();
        (read.name, read.password.expose_secret().to_owned())
    }

    #[track_caller]
    fn refused(value: &[u8]) -> BasicHeaderError {
        parse_header(value).unwrap_err()
    }

    #[test]
    fn the_first_colon_splits_and_everything_else_is_as_it_was_sent() {
        let pair = |name: &str, password: &str| (name.to_owned(), password.to_owned());
        // The two examples of RFC 7617 sections 2 and 2.1.
        assert_eq!(read(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), pair("Aladdin", "open sesame"));
        assert_eq!(read(b"Basic dGVzdDoxMjPCow=="), pair("test", "123\u{a3}"));
        assert_eq!(read(&header(b"a:b:c")), pair("a", "b:c"));
        assert_eq!(read(&header(b" a : b ")), pair(" a ", " b "));
        assert_eq!(read(&header(b":")), pair("", ""));
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_another_scheme_is_no_opinion() {
        for scheme in ["basic", "BASIC", "bAsIc"] {
            assert_eq!(read(format!("{scheme}   YTpi").as_bytes()).0, "a");
        }
        for other in
            [&b"Bearer YTpi"[..], b"", b"Basics YTpi", b"YTpi", b" Basic YTpi", b"Basic\tYTpi"]
        {
            assert!(parse_header(other).unwrap().is_none(), "{other:?}");
        }
    }

    #[test]
    fn base64_may_lack_its_padding_and_may_lack_nothing_else() {
        assert_eq!(read(b"Basic YTpiYw==").1, "bc");
        assert_eq!(read(b"Basic YTpiYw").1, "bc");
        for wrong in [
            "YTpiYw=",
            "YTpiYw===",
            "YTpiYx",
            "YTpi=",
            "YTpiYw== ",
            "YTp iYw",
            "YTpiYw==,x=y",
            "YT-_",
            "a",
            "YTpi\u{e9}",
        ] {
            let value = format!("Basic {wrong}");
            assert_eq!(refused(value.as_bytes()), BasicHeaderError::Base64, "{wrong}");
        }
        // The scheme alone.
        for empty in ["Basic", "Basic "] {
            assert_eq!(refused(empty.as_bytes()), BasicHeaderError::NoColon);
        }
    }

    #[test]
    fn what_is_no_text_with_a_colon_is_refused() {
        assert_eq!(refused(&header(b"a\xff:b")), BasicHeaderError::Utf8);
        assert_eq!(refused(&header(b"jane")), BasicHeaderError::NoColon);
        for control in ["a\0:b", "a:b\0", "a:b\n", "a\r:b", "a:\u{7f}", "a:\u{85}"] {
            assert_eq!(
                refused(&header(control.as_bytes())),
                BasicHeaderError::Control,
                "{control:?}"
            );
        }
    }

    #[test]
    fn the_longest_name_and_password_are_read_and_one_byte_more_is_refused() {
        let of = |name: usize, password: usize| {
            header(format!("{}:{}", "n".repeat(name), "p".repeat(password)).as_bytes())
        };
        assert_eq!(read(&of(LONGEST_NAME, LONGEST_PASSWORD)).0.len(), LONGEST_NAME);
        assert_eq!(refused(&of(LONGEST_NAME + 1, 1)), BasicHeaderError::Long);
        assert_eq!(refused(&of(1, LONGEST_PASSWORD + 1)), BasicHeaderError::Long);
        assert_eq!(refused(&of(1, 100_000)), BasicHeaderError::Long);
    }

    #[test]
    fn debug_shows_no_password() {
        let read = parse_header(&header(b"jane:hunter2")).unwrap().unwrap();
        assert_eq!(format!("{read:?}"), "BasicCredentials { name: \"jane\", password: [secret] }");
    }
}
