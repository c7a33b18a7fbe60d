use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::pattern::Pattern;
use crate::pki::requested::Requested;

/// The alternative names that may be asked for; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlternativeNames {
    /// DNS names, as they are written.
    pub dns_names: Vec<Pattern>,
    /// Addresses.
    pub ip_addresses: Vec<AddressRange>,
    /// Mailboxes.
    pub email_addresses: Vec<Pattern>,
    /// URIs.
    pub uris: Vec<Pattern>,
}

impl AlternativeNames {
    /// The first name that may not be asked for.
    pub(super) fn first_other(&self, requested: &Requested<'_>) -> Option<String> {
        let other = |names: &[String], patterns: &[Pattern]| {
            let mut names = names.iter();
            names.find(|name| !patterns.iter().any(|pattern| pattern.matches(name))).cloned()
        };
        other(requested.dns_names, &self.dns_names)
            .or_else(|| {
                let mut addresses = requested.ip_addresses.iter();
                let range = |address| self.ip_addresses.iter().any(|range| range.holds(address));
                addresses.find(|address| !range(**address)).map(ToString::to_string)
            })
            .or_else(|| other(requested.email_addresses, &self.email_addresses))
            .or_else(|| other(requested.uris, &self.uris))
    }
}

/// Addresses that begin alike: `10.0.0.0/8`, `fd00::/8`, or one address.
///
/// ```
/// use portcullis::pki::policy::AddressRange;
///
/// let range: AddressRange = "10.1.0.0/16".parse()?;
/// assert!(range.holds("10.1.2.3".parse()?) && !range.holds("10.2.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    bits: u32,
}

/// Not a range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write an address such as `10.0.0.1`, or the first of a range such as `10.0.0.0/8`")]
pub struct AddressRangeError;

impl AddressRange {
    /// Whether this address is in it. IPv4 and IPv6 are never the same.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4()
            && begin(self.first, self.bits) == begin(address, self.bits)
    }
}

/// The first bits of an address.
fn begin(address: IpAddr, bits: u32) -> u128 {
    let (value, length) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    // Nothing is left when no bit counts.
    value.checked_shr(length - bits).unwrap_or(0)
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let (first, bits) = match text.split_once('/') {
            Some((first, bits)) => (first, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = first.parse().map_err(|_| AddressRangeError)?;
        let longest = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(longest), str::parse).map_err(|_| AddressRangeError)?;
        let range = Self { first, bits };
        // A range that does not begin at its first address is a slip.
        let is_first = bits <= longest
            && begin(first, bits).checked_shl(longest - bits).unwrap_or(0) == begin(first, longest);
        if is_first { Ok(range) } else { Err(AddressRangeError) }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, address: &str) -> bool {
        range.parse::<AddressRange>().unwrap().holds(address.parse().unwrap())
    }

    #[test]
    fn an_address_in_the_range_is_held_and_the_next_one_is_not() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("0.0.0.0/0", "255.1.2.3", "::"),
            ("::/0", "ffff::1", "10.0.0.1"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("::1/128", "::1", "::2"),
        ] {
            assert!(holds(range, inside) && !holds(range, outside), "{range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in
            ["", "10.0.0.0/33", "10.0.0.1/8", "::1/0", "a", "10.0.0.0/", "/8", "10.0.0.0/-1"]
        {
            assert_eq!(text.parse::<AddressRange>(), Err(AddressRangeError), "{text}");
        }
    }
}
