use super::config::RequestHeaderConfig;
use crate::model::User;

/// A header of the proxy that is no text. An API server takes the bytes as they are; a name that is
/// no UTF-8 can be in no policy, and two of them must not become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("header `{header}` is not UTF-8 text; the proxy must percent-encode or leave it out")]
pub struct NotText {
    /// The header.
    pub header: String,
}

/// Whom the headers name. `None` when they name no user (S-RH-3).
pub(super) fn user(
    config: &RequestHeaderConfig,
    headers: &[(&str, &[u8])],
) -> Result<Option<User>, NotText> {
    let Some(name) = first(&config.username_headers, headers)? else { return Ok(None) };
    let mut user = User::new(name);
    user.uid = first(&config.uid_headers, headers)?.unwrap_or_default().to_owned();
    for name in &config.group_headers {
        for value in lines(name, headers).filter(|value| !value.is_empty()) {
            user.groups.push(text(name, value)?.to_owned());
        }
    }
    // Prefix by prefix, so that the values of a key have their order from the configuration.
    for prefix in &config.extra_prefixes {
        for (name, value) in headers {
            let Some(rest) = without_prefix(name, prefix) else { continue };
            let key = unescaped(&rest.to_ascii_lowercase());
            let key = key.map_err(|_| NotText { header: (*name).to_owned() })?;
            user.extra.entry(key).or_default().push(text(name, value)?.to_owned());
        }
    }
    Ok(Some(user))
}

/// Whether a header is one of those, used or not (S-RH-6).
pub(super) fn reads(config: &RequestHeaderConfig, header: &str) -> bool {
    let RequestHeaderConfig {
        username_headers, uid_headers, group_headers, extra_prefixes, ..
    } = config;
    [username_headers, uid_headers, group_headers]
        .into_iter()
        .flatten()
        .any(|name| name.eq_ignore_ascii_case(header))
        || extra_prefixes.iter().any(|prefix| without_prefix(header, prefix).is_some())
}

/// The value of the first of the headers that has one. Of each only the first line counts, so an
/// empty line hides those below it (S-RH-3).
fn first<'a>(names: &[String], headers: &[(&str, &'a [u8])]) -> Result<Option<&'a str>, NotText> {
    for name in names {
        if let Some(value) = lines(name, headers).next().filter(|value| !value.is_empty()) {
            return text(name, value).map(Some);
        }
    }
    Ok(None)
}

fn lines<'a, 'h>(
    name: &'h str,
    headers: &'h [(&str, &'a [u8])],
) -> impl Iterator<Item = &'a [u8]> + use<'a, 'h> {
    headers
        .iter()
        .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
}

fn text<'a>(header: &str, value: &'a [u8]) -> Result<&'a str, NotText> {
    std::str::from_utf8(value).map_err(|_| NotText { header: header.to_owned() })
}

fn without_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Percent-decoded as Go decodes a segment of a path: `+` stays, and one malformed escape leaves the
/// whole text as it is (S-RH-5).
fn unescaped(text: &str) -> Result<String, std::string::FromUtf8Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let [high, low, after @ ..] = rest else { return Ok(text.to_owned()) };
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
            return Ok(text.to_owned());
        };
        bytes.push(high << 4 | low);
        rest = after;
    }
    String::from_utf8(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}
