//! URLs as Go reads them: which have which parts, and what is wrong with the others, in its words.

use crate::util::goquote::Quoted;

/// The parts of a URL that matter here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Url {
    /// In small letters.
    pub(super) scheme: String,
    /// Whether there is a user name, which may be empty.
    pub(super) has_user: bool,
    /// What follows the question mark.
    pub(super) query: String,
    /// What follows the hash.
    pub(super) fragment: String,
}

/// Reads a URL.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
    let told = |text: &str, error: String| format!("parse {}: {error}", Quoted(text));
    let url = without_fragment(before).map_err(|error| told(before, error))?;
    unescape(fragment, Part::Path).map_err(|error| told(text, error))?;
    Ok(Url { fragment: fragment.to_owned(), ..url })
}

fn without_fragment(text: &str) -> Result<Url, String> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let (scheme, rest) = scheme(text)?;
    let mut url = Url { scheme: scheme.to_ascii_lowercase(), ..Url::default() };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    query.clone_into(&mut url.query);
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            return Ok(url);
        }
        if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let path = match rest.strip_prefix("//") {
        Some(after) if !scheme.is_empty() || !after.starts_with('/') => {
            let end = after.find('/').unwrap_or(after.len());
            let (authority, path) = after.split_at(end);
            url.has_user = check_authority(authority)?;
            path
        }
        _ => rest,
    };
    unescape(path, Part::Path)?;
    Ok(url)
}

/// The scheme, empty when there is none, and what follows it.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(("", text)) };
    let mut bytes = scheme.bytes();
    let Some(first) = bytes.next() else { return Err("missing protocol scheme".to_owned()) };
    let is_scheme = first.is_ascii_alphabetic()
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    Ok(if is_scheme { (scheme, rest) } else { ("", text) })
}

/// Whether there is a user name.
fn check_authority(authority: &str) -> Result<bool, String> {
    let Some((user, host)) = authority.rsplit_once('@') else {
        return check_host(authority).map(|()| false);
    };
    check_host(host)?;
    let known = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(known) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    unescape(user, Part::Path).map(|()| true)
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(_) => {
            let end = host.rfind(']').ok_or("missing ']' in host")?;
            host.split_at_checked(end + 1).unwrap_or((host, ""))
        }
        None => host.split_at(host.rfind(':').unwrap_or(host.len())),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    let has_colon = port.is_empty() || port.starts_with(':');
    if !has_colon || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("invalid port {} after host", Quoted(port)));
    }
    match name.split_once("%25") {
        // What follows is the zone of an address.
        Some((address, zone)) if name.starts_with('[') => {
            unescape(address, Part::Host)?;
            unescape(zone, Part::Zone)
        }
        _ => unescape(name, Part::Host),
    }
}

/// Where something stands that may be escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Zone,
    Path,
}

/// Whether what is escaped is escaped well, and what must be is.
fn unescape(text: &str, part: Part) -> Result<(), String> {
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let escaped = after.split_at_checked(2).filter(|(digits, _)| {
                digits.iter().all(u8::is_ascii_hexdigit)
                    // In a host only what is not ASCII may be escaped, and the sign itself.
                    && (part != Part::Host || !is_ascii(digits) || *digits == *b"25")
            });
            let Some((_, after)) = escaped else {
                let digits = after.get(..2).unwrap_or(after);
                let escape = format!("%{}", String::from_utf8_lossy(digits));
                return Err(format!("invalid URL escape {}", Quoted(&escape)));
            };
            rest = after;
        } else if part != Part::Path && byte.is_ascii() && !is_of_host(byte) {
            let character = char::from(byte).to_string();
            return Err(format!("invalid character {} in host name", Quoted(&character)));
        }
    }
    Ok(())
}

/// Whether two hexadecimal digits say less than 0x80.
fn is_ascii(digits: &[u8]) -> bool {
    digits.first().is_some_and(|digit| (b'0'..b'8').contains(digit))
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err()
    }

    #[test]
    fn parts_are_found() {
        let url = parse("HTTPS://me:pw@issuer.example:8443/realms/a%20b?x=1#y").unwrap();
        assert_eq!(url.scheme, "https");
        assert!(url.has_user);
        assert_eq!((url.query.as_str(), url.fragment.as_str()), ("x=1", "y"));
        let plain = parse("https://issuer.example/").unwrap();
        assert_eq!(plain, Url { scheme: "https".to_owned(), ..Url::default() });
        // Nothing stands behind the question mark and the hash.
        assert_eq!(parse("https://issuer.example/?#").unwrap(), plain);
        assert!(parse("https://@issuer.example").unwrap().has_user);
        for other in ["", "issuer.example", "//issuer.example", "///x", "mailto:x", "https:/x"] {
            assert!(!parse(other).unwrap().has_user, "{other}");
        }
    }

    #[test]
    fn what_is_no_url_is_told_in_the_words_of_go() {
        let cases = [
            ("https://a b/", r#"parse "https://a b/": invalid character " " in host name"#),
            ("https://a:x/#f", r#"parse "https://a:x/": invalid port ":x" after host"#),
            ("https://[::1/", r#"parse "https://[::1/": missing ']' in host"#),
            ("https://[::1]x", r#"parse "https://[::1]x": invalid port "x" after host"#),
            ("https://a/%zz", r#"parse "https://a/%zz": invalid URL escape "%zz""#),
            ("https://a/%2", r#"parse "https://a/%2": invalid URL escape "%2""#),
            ("https://a%41/", r#"parse "https://a%41/": invalid URL escape "%41""#),
            ("https://a/#%", r##"parse "https://a/#%": invalid URL escape "%""##),
            (":a", r#"parse ":a": missing protocol scheme"#),
            ("1:a", r#"parse "1:a": first path segment in URL cannot contain colon"#),
            ("https://{@a", r#"parse "https://{@a": net/url: invalid userinfo"#),
            ("https://a\n", r#"parse "https://a\n": net/url: invalid control character in URL"#),
        ];
        for (text, expected) in cases {
            assert_eq!(refusal(text), expected);
        }
        for good in ["https://[fe80::1%25en0]:1/", "https://[::1]:", "https://ä%C3%A4/ä"] {
            assert!(parse(good).is_ok(), "{good}");
        }
    }
}
