use super::error::PoolError;
use super::options::Encryption;

/// How a connection to a server becomes safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Safety {
    /// TLS from the first byte.
    Tls,
    /// TLS after a word in plain text.
    StartTls,
    /// Not at all.
    None,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) url: String,
    pub(super) safety: Safety,
    /// A name or an IP address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    pub(super) fn parse(url: &str, encryption: Encryption) -> Result<Self, PoolError> {
        let wrong = || PoolError::Url { url: url.to_owned() };
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (safety, default_port) = match (scheme.to_ascii_lowercase().as_str(), encryption) {
            ("ldaps", _) => (Safety::Tls, 636),
            ("ldap", Encryption::Required) => (Safety::StartTls, 389),
            ("ldap", Encryption::PlainText) => (Safety::None, 389),
            _ => return Err(wrong()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or_else(wrong)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
                let port = match port {
                    "" => None,
                    port => Some(port.strip_prefix(':').ok_or_else(wrong)?),
                };
                (host, port)
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(wrong());
        }
        let port = match port {
            None => default_port,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?,
        };
        Ok(Self { url: url.to_owned(), safety, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Option<(Safety, String, u16)> {
        let address = Address::parse(url, Encryption::Required).ok()?;
        Some((address.safety, address.host, address.port))
    }

    #[test]
    fn urls_of_servers_are_read_and_others_are_refused() {
        let is = |safety, host: &str, port| Some((safety, host.to_owned(), port));
        assert_eq!(parse("ldaps://a.example"), is(Safety::Tls, "a.example", 636));
        assert_eq!(parse("LDAP://a.example/"), is(Safety::StartTls, "a.example", 389));
        assert_eq!(parse("ldap://10.0.0.1:3389"), is(Safety::StartTls, "10.0.0.1", 3389));
        assert_eq!(parse("ldaps://[::1]"), is(Safety::Tls, "::1", 636));
        assert_eq!(parse("ldap://[2001:db8::1]:390"), is(Safety::StartTls, "2001:db8::1", 390));
        for wrong in [
            "",
            "ldap://",
            "ldapi://x",
            "http://x",
            "a.example",
            "ldap://u@x",
            "ldap://x/dc=org",
            "ldap://x:0",
            "ldap://x:port",
            "ldap://[x]",
            "ldap://[::1",
            "ldap://[::1]389",
            "ldap://::1",
            "ldap://x?y",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn plain_text_has_to_be_asked_for() {
        let plain = Address::parse("ldap://x", Encryption::PlainText).unwrap();
        assert_eq!(plain.safety, Safety::None);
        let safe = Address::parse("ldaps://x", Encryption::PlainText).unwrap();
        assert_eq!(safe.safety, Safety::Tls);
    }
}
