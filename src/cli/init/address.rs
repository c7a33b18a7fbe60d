//! Where the API server finds the review server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// A host, by IP address or name, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    host: String,
    ip: Option<IpAddr>,
    port: u16,
}

impl Address {
    /// The host, as it stands in a certificate: without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The URL of a path.
    pub(super) fn url(&self, path: &str) -> String {
        match self.ip {
            Some(ip) => format!("https://{}{path}", SocketAddr::new(ip, self.port)),
            None => format!("https://{}:{}{path}", self.host, self.port),
        }
    }

    /// Where a server is to listen that is found here.
    pub(super) fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), self.port)
    }

    /// What to mind about this place.
    pub(super) fn advice(&self) -> &'static str {
        match self.ip {
            Some(ip) if ip.is_loopback() => {
                "The address is a loopback one: run it on every control-plane node."
            }
            Some(_) => "Every API server must reach that address without help of the cluster.",
            None => "Every API server must resolve that name without the cluster's DNS.",
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write HOST:PORT, such as 127.0.0.1:9443 or [::1]:9443".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(form());
        }
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(form)?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let ip: Option<IpAddr> = match inner {
            Some(inner) => Some(inner.parse::<std::net::Ipv6Addr>().map_err(|_| form())?.into()),
            None => host.parse::<Ipv4Addr>().ok().map(IpAddr::from),
        };
        if ip.is_some_and(|ip| ip.is_unspecified()) {
            return Err("the API server cannot connect to every interface: write the address it \
                        reaches, and the other as --listen"
                .to_owned());
        }
        let host = inner.unwrap_or(host);
        let is_name =
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        if ip.is_none() && (host.is_empty() || !is_name) {
            return Err(form());
        }
        Ok(Self { host: host.to_owned(), ip, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_urls_and_listeners() {
        for (text, url, listen) in [
            ("127.0.0.1:9443", "https://127.0.0.1:9443/authorize", "127.0.0.1:9443"),
            ("[::1]:1", "https://[::1]:1/authorize", "[::1]:1"),
            ("10.96.0.53:443", "https://10.96.0.53:443/authorize", "10.96.0.53:443"),
            ("a.example:9443", "https://a.example:9443/authorize", "0.0.0.0:9443"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.url("/authorize"), url);
            assert_eq!(address.listen().to_string(), listen);
        }
    }

    #[test]
    fn what_cannot_be_connected_to_is_refused() {
        for text in [
            "",
            "127.0.0.1",
            ":9443",
            "127.0.0.1:",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "a:+1",
            "0.0.0.0:9443",
            "[::]:9443",
            "::1:9443",
            "https://a:9443",
            "[a]:1",
            "a b:1",
            "[::1:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
