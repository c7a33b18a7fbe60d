use std::net::IpAddr;

use yasna::{DERWriter, Tag};

use super::error::RequestError;
use crate::crypto::asn1::{Reader, tag};

/// The alternative names that are asked for (RFC 5280 §4.2.1.6), by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct AlternativeNames {
    pub(super) dns: Vec<String>,
    pub(super) email: Vec<String>,
    pub(super) ip: Vec<IpAddr>,
    pub(super) uri: Vec<String>,
    pub(super) other: Vec<&'static str>,
}

const EMAIL: u8 = 1;
const DNS: u8 = 2;
const URI: u8 = 6;
const IP: u8 = 7;

impl AlternativeNames {
    /// Reads the content of the extension.
    pub(super) fn read(extension: &[u8]) -> Result<Self, RequestError> {
        const BROKEN: RequestError = RequestError::Malformed("broken subject alternative names");

        let mut names = Self::default();
        let mut reader = Reader::only(extension, tag::SEQUENCE).ok_or(BROKEN)?;
        while !reader.is_empty() {
            let name = reader.any().ok_or(BROKEN)?;
            let text = |kind| text(name.content).ok_or(RequestError::AlternativeName(kind));
            match name.tag {
                _ if name.tag == tag::context(EMAIL) => names.email.push(text("mail address")?),
                _ if name.tag == tag::context(DNS) => names.dns.push(text("DNS name")?),
                _ if name.tag == tag::context(URI) => names.uri.push(text("URI")?),
                _ if name.tag == tag::context(IP) => {
                    let address = address(name.content);
                    names.ip.push(address.ok_or(RequestError::AlternativeName("IP address"))?);
                }
                0xa0 => names.other.push("otherName"),
                0xa3 => names.other.push("x400Address"),
                0xa4 => names.other.push("directoryName"),
                0xa5 => names.other.push("ediPartyName"),
                0x88 => names.other.push("registeredID"),
                _ => return Err(BROKEN),
            }
        }
        Ok(names)
    }

    /// Whether there is none that can be granted.
    pub(super) const fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.email.is_empty() && self.ip.is_empty() && self.uri.is_empty()
    }

    /// Writes the content of the extension, in the order of Go's library, which is that of the API
    /// server's signers: DNS names, mail addresses, IP addresses, URIs.
    pub(super) fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            let mut name = |number: u8, bytes: &[u8]| {
                writer.next().write_tagged_implicit(Tag::context(u64::from(number)), |writer| {
                    writer.write_bytes(bytes);
                });
            };
            self.dns.iter().for_each(|text| name(DNS, text.as_bytes()));
            self.email.iter().for_each(|text| name(EMAIL, text.as_bytes()));
            for address in &self.ip {
                match address {
                    IpAddr::V4(address) => name(IP, &address.octets()),
                    IpAddr::V6(address) => name(IP, &address.octets()),
                }
            }
            self.uri.iter().for_each(|text| name(URI, text.as_bytes()));
        });
    }
}

/// Visible ASCII: a space or a control character in a name hides what it is.
fn text(content: &[u8]) -> Option<String> {
    let is_visible = !content.is_empty() && content.iter().all(u8::is_ascii_graphic);
    is_visible.then(|| content.iter().copied().map(char::from).collect())
}

fn address(content: &[u8]) -> Option<IpAddr> {
    match content.len() {
        4 => <[u8; 4]>::try_from(content).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(content).ok().map(IpAddr::from),
        _ => None,
    }
}
