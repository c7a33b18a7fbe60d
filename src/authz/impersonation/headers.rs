use super::{Constrained, Target};

/// What the names of the headers begin with, and what follows, in lower case.
const PREFIX: &str = "impersonate-";
const EXTRA: &str = "extra-";

/// Why the headers of a request name nobody: to be answered with HTTP 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Groups, a uid or extra values, but nobody who has them (S-IMP-2).
    #[error("requested {what} without impersonating a user name")]
    NoUserName {
        /// What was named.
        what: &'static str,
    },
    /// The same, as API servers with the gate off word it.
    #[error("requested {what} without impersonating a user")]
    NoUser {
        /// What was named.
        what: &'static str,
    },
    /// A value, or the key of an extra value, is no text. The API server takes such bytes and no policy can
    /// name them.
    #[error("header `{header}` holds bytes that are not UTF-8")]
    NotText {
        /// The header, in lower case.
        header: String,
    },
}

/// Reads the `Impersonate-*` headers of a request (S-IMP-1); `None`: nobody is to be impersonated. Other
/// headers are passed over. Whoever goes on with the request removes all of these headers (S-IMP-7).
///
/// ```
/// use portcullis::authz::impersonation::{Constrained, parse_headers};
///
/// let headers = [
///     ("Impersonate-User", "bob"),
///     ("impersonate-group", "dev,ops"),
///     ("Impersonate-Extra-Acme.com%2fProject", "some"),
/// ];
/// let headers = headers.map(|(name, value)| (name, value.as_bytes()));
/// let target = parse_headers(headers, Constrained::On)?.unwrap();
/// assert_eq!(target.groups, ["dev,ops"]); // commas separate nothing
/// assert_eq!(target.extra["acme.com/project"], ["some"]);
///
/// let alone = [("Impersonate-Group", &b"dev"[..])];
/// assert!(parse_headers(alone, Constrained::On).is_err());
/// # Ok::<(), portcullis::authz::impersonation::HeaderError>(())
/// ```
///
/// # Errors
/// When groups, a uid or extra values are named without a user (S-IMP-2), or something is no text.
pub fn parse_headers<'h>(
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    constrained: Constrained,
) -> Result<Option<Target>, HeaderError> {
    let (mut user, mut uid) = (None, None);
    let mut target = Target::default();
    let mut has_extra = false;
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let Some(what) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let text = || match std::str::from_utf8(value) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(HeaderError::NotText { header: name.clone() }),
        };
        match what {
            // Of several the first counts, even if it is empty.
            "user" if user.is_none() => user = Some(text()?),
            "uid" if uid.is_none() => uid = Some(text()?),
            "group" => target.groups.push(text()?),
            _ => {
                if let Some(key) = what.strip_prefix(EXTRA) {
                    has_extra = true;
                    let key = unescaped(key)
                        .ok_or_else(|| HeaderError::NotText { header: name.clone() })?;
                    target.extra.entry(key).or_default().push(text()?);
                }
            }
        }
    }
    (target.user, target.uid) = (user.unwrap_or_default(), uid.unwrap_or_default());
    if !target.user.is_empty() {
        return Ok(Some(target));
    }
    let what = match (target.groups.is_empty(), target.uid.is_empty(), has_extra) {
        (true, true, false) => return Ok(None),
        (false, ..) => "groups",
        (true, false, _) => "a uid",
        (true, true, true) => "extra values",
    };
    Err(match constrained {
        Constrained::On => HeaderError::NoUserName { what },
        Constrained::Off => HeaderError::NoUser { what },
    })
}

/// The key of an extra value: percent-encoded, or as it is when an escape is malformed. `None`: the
/// bytes are no text.
fn unescaped(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Some(key.to_owned());
        };
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}
