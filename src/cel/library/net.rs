use std::fmt;
use std::net::IpAddr;

use crate::cel::budget::{Budget, Failure};
use crate::cel::function::Call;
use crate::cel::value::Value;

/// A range of addresses, with the address it was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cel) struct Cidr {
    pub(in crate::cel) address: IpAddr,
    bits: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Cidr {
    fn parse(text: &str) -> Result<Self, Failure> {
        let refused = |why: &str| {
            let message = format!(
                "network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix({text:?}): {why}"
            );
            Failure::owned(message)
        };
        let (address, bits) = text.rsplit_once('/').ok_or_else(|| refused("no '/'"))?;
        let address: IpAddr = address.parse().map_err(|_| refused("unable to parse IP"))?;
        let is_number =
            bits == "0" || (!bits.starts_with('0') && bits.bytes().all(|b| b.is_ascii_digit()));
        let number = bits.parse::<u8>().ok().filter(|_| is_number);
        let bits = number.ok_or_else(|| refused(&format!("bad bits after slash: {bits:?}")))?;
        if bits > width(address) {
            return Err(refused("prefix length out of range"));
        }
        if is_mapped(address) {
            let message = format!("IPv4-mapped IPv6 address {text:?} is not allowed");
            return Err(Failure::owned(format!(
                "network address parse error during conversion from string: {message}"
            )));
        }
        Ok(Self { address, bits })
    }

    fn masked(self) -> Self {
        Self { address: mask(self.address, self.bits), bits: self.bits }
    }

    fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && mask(self.address, self.bits) == mask(address, self.bits)
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with nothing behind its first so many bits.
fn mask(address: IpAddr, bits: u8) -> IpAddr {
    let dropped = u32::from(width(address).saturating_sub(bits));
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(dropped).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(dropped).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

fn parse_ip(text: &str) -> Result<IpAddr, Failure> {
    let address: IpAddr = text.parse().map_err(|_| {
        let message = format!("IP Address {text:?} parse error during conversion from string: ParseAddr({text:?}): unable to parse IP");
        Failure::owned(message)
    })?;
    if is_mapped(address) {
        let message = format!("IPv4-mapped IPv6 address {text:?} is not allowed");
        return Err(Failure::owned(message));
    }
    Ok(address)
}

/// Functions of one text, address or range; nothing for those of something else.
pub(in crate::cel) fn of_one<'a>(
    budget: &mut Budget,
    call: Call,
    value: &Value<'a>,
) -> Option<Result<Value<'a>, Failure>> {
    let cost = match (call, value) {
        (Call::IsCanonical, Value::String(_)) => 2 * value.size(),
        (Call::ParseIp | Call::IsIp | Call::ParseCidr | Call::IsCidr, Value::String(_)) => {
            value.size()
        }
        (call, Value::Ip(_) | Value::Cidr(_)) if call != Call::ToText => 1,
        _ => return None,
    };
    if let Err(failure) = budget.spend_tenths(cost) {
        return Some(Err(failure));
    }
    match (call, value) {
        (Call::ParseIp, Value::String(text)) => Some(parse_ip(text.as_str()).map(Value::Ip)),
        (Call::IsIp, Value::String(text)) => Some(Ok(Value::Bool(parse_ip(text.as_str()).is_ok()))),
        (Call::IsCanonical, Value::String(text)) => {
            let parsed = parse_ip(text.as_str());
            Some(parsed.map(|address| Value::Bool(address.to_string() == text.as_str())))
        }
        (Call::ParseCidr, Value::String(text)) => Some(Cidr::parse(text.as_str()).map(Value::Cidr)),
        (Call::IsCidr, Value::String(text)) => {
            Some(Ok(Value::Bool(Cidr::parse(text.as_str()).is_ok())))
        }
        (call, Value::Ip(address)) => property(call, *address).map(Ok),
        (Call::CidrIp, Value::Cidr(cidr)) => Some(Ok(Value::Ip(cidr.address))),
        (Call::PrefixLength, Value::Cidr(cidr)) => Some(Ok(Value::Int(i64::from(cidr.bits)))),
        (Call::Masked, Value::Cidr(cidr)) => Some(Ok(Value::Cidr(cidr.masked()))),
        _ => None,
    }
}

/// `containsIP`, of an address or the text of one.
pub(in crate::cel) fn contains<'a>(
    budget: &mut Budget,
    cidr: Cidr,
    other: &Value<'a>,
) -> Result<Value<'a>, Failure> {
    budget.spend_tenths(2 * Value::Cidr(cidr).size())?;
    let address = match other {
        Value::Ip(address) => *address,
        Value::String(text) => {
            budget.spend_tenths(other.size())?;
            parse_ip(text.as_str())?
        }
        _ => return Err(Failure::text("no such overload")),
    };
    Ok(Value::Bool(cidr.contains(address)))
}

fn property<'a>(call: Call, address: IpAddr) -> Option<Value<'a>> {
    let is_in = |range: &str| Cidr::parse(range).is_ok_and(|range| range.contains(address));
    // Multicast addresses carry flags in front of their scope, which is that of the link here.
    let is_link_multicast = match address {
        IpAddr::V4(_) => is_in("224.0.0.0/24"),
        IpAddr::V6(address) => matches!(address.octets(), [0xff, scope, ..] if scope & 0x0f == 2),
    };
    let is_link_unicast = is_in("169.254.0.0/16") || is_in("fe80::/10");
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    Some(match call {
        Call::Family => Value::Int(if address.is_ipv4() { 4 } else { 6 }),
        Call::IsUnspecified => Value::Bool(address.is_unspecified()),
        Call::IsLoopback => Value::Bool(address.is_loopback()),
        Call::IsLinkLocalMulticast => Value::Bool(is_link_multicast),
        Call::IsLinkLocalUnicast => Value::Bool(is_link_unicast),
        Call::IsGlobalUnicast => Value::Bool(
            !address.is_unspecified()
                && !is_broadcast
                && !address.is_loopback()
                && !address.is_multicast()
                && !is_link_unicast,
        ),
        _ => return None,
    })
}
