//! `net.*`: ranges of addresses.

use std::net::IpAddr;

use ipnet::IpNet;
use regorus::Value;

use super::arguments::{members, set, string, within};
use super::{Builtin, Fault};

/// Addresses that `net.cidr_expand` lists, and pairs that `net.cidr_contains_matches` compares.
const MOST: usize = 1 << 16;

pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "net.cidr_contains", arity: 2, run: contains },
    Builtin { name: "net.cidr_contains_matches", arity: 2, run: contains_matches },
    Builtin { name: "net.cidr_expand", arity: 1, run: expand },
    Builtin { name: "net.cidr_intersects", arity: 2, run: intersects },
    Builtin { name: "net.cidr_is_valid", arity: 1, run: is_valid },
    Builtin { name: "net.cidr_merge", arity: 1, run: merge },
    // What `net.cidr_contains` was called before.
    Builtin { name: "net.cidr_overlap", arity: 2, run: contains },
];

/// As Go reads it: bits behind the prefix are dropped.
fn range(function: &str, text: &str) -> Result<IpNet, Fault> {
    let net: Option<IpNet> = text.parse().ok();
    net.map(|net| net.trunc())
        .ok_or_else(|| Fault::Argument(format!("{function}: invalid CIDR address: {text}")))
}

/// A range, or an address as a range of one.
fn range_or_address(function: &str, text: &str) -> Result<IpNet, Fault> {
    text.parse::<IpAddr>().map(IpNet::from).or_else(|_| range(function, text))
}

fn contains(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "net.cidr_contains";
    let outer = range(function, string(function, arguments, 0)?)?;
    let inner = range_or_address(function, string(function, arguments, 1)?)?;
    Ok(Value::from(outer.contains(&inner)))
}

fn intersects(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "net.cidr_intersects";
    let one = range(function, string(function, arguments, 0)?)?;
    let other = range(function, string(function, arguments, 1)?)?;
    Ok(Value::from(one.contains(&other) || other.contains(&one)))
}

fn is_valid(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "net.cidr_is_valid";
    let text = string(function, arguments, 0)?;
    Ok(Value::from(range(function, text).is_ok()))
}

fn expand(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "net.cidr_expand";
    let range = range(function, string(function, arguments, 0)?)?;
    let bits = u32::from(range.max_prefix_len() - range.prefix_len());
    within(function, 1_usize.checked_shl(bits).unwrap_or(usize::MAX), MOST, "addresses")?;
    let text = |address: &dyn ToString| Value::from(address.to_string());
    // `hosts` leaves out the first and the last address of IPv4.
    Ok(match range {
        IpNet::V4(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            set((first..=last).map(|bits| text(&std::net::Ipv4Addr::from_bits(bits))))
        }
        IpNet::V6(net) => {
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            set((first..=last).map(|bits| text(&std::net::Ipv6Addr::from_bits(bits))))
        }
    })
}

/// An address without a prefix stands for the network of its class, as in OPA (Go's `DefaultMask`).
fn classful(function: &str, address: std::net::Ipv4Addr) -> Result<IpNet, Fault> {
    let prefix = match address.octets() {
        [0..128, ..] => 8,
        [128..192, ..] => 16,
        [192..224, ..] => 24,
        _ => return Err(Fault::Argument(format!("{function}: {address} has no default mask"))),
    };
    range(function, &format!("{address}/{prefix}"))
}

fn merge(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "net.cidr_merge";
    let members = members(function, arguments, 0)?;
    within(function, members.len(), MOST, "ranges")?;
    let mut ranges = Vec::with_capacity(members.len());
    for member in members {
        let text = string(function, std::slice::from_ref(member), 0)?;
        match text.parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) => {
                let why = format!("{function}: IPv6 invalid: needs prefix length");
                return Err(Fault::Argument(why));
            }
            Ok(IpAddr::V4(address)) => ranges.push(classful(function, address)?),
            Err(_) => ranges.push(range(function, text)?),
        }
    }
    let merged = IpNet::aggregate(&ranges);
    Ok(set(merged.into_iter().map(|range| Value::from(range.to_string()))))
}

/// The ranges (or addresses) of an operand, each with what it is called in the answer: itself, its
/// position, or its key.
fn named<'a>(
    function: &str,
    arguments: &'a [Value],
    index: usize,
) -> Result<Vec<(&'a str, Value)>, Fault> {
    let term = |value: &'a Value| match value {
        Value::String(text) => Ok(&**text),
        Value::Array(array) => match array.first() {
            Some(Value::String(text)) => Ok(&**text),
            _ => Err(()),
        },
        _ => Err(()),
    };
    let bad = |()| {
        Fault::Argument(format!(
            "{function}: operand {}: element must be string or non-empty array",
            index + 1
        ))
    };
    match arguments.get(index) {
        Some(whole @ Value::String(text)) => Ok(vec![(text, whole.clone())]),
        Some(Value::Array(array)) => array
            .iter()
            .enumerate()
            .map(|(position, value)| Ok((term(value).map_err(bad)?, Value::from(position))))
            .collect(),
        Some(Value::Set(set)) => {
            set.iter_sorted().map(|value| Ok((term(value).map_err(bad)?, value.clone()))).collect()
        }
        Some(Value::Object(object)) => object
            .iter_sorted()
            .map(|(key, value)| Ok((term(value).map_err(bad)?, key.clone())))
            .collect(),
        _ => {
            let want = "one of {string, array, set, object}";
            Err(Fault::Argument(format!("{function}: operand {} must be {want}", index + 1)))
        }
    }
}

fn contains_matches(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "net.cidr_contains_matches";
    let outer = named(function, arguments, 0)?;
    let inner = named(function, arguments, 1)?;
    within(function, outer.len().saturating_mul(inner.len()), MOST, "pairs")?;
    let mut pairs = Vec::new();
    let inner: Vec<(IpNet, Value)> = inner
        .into_iter()
        .map(|(text, name)| Ok((range_or_address(function, text)?, name)))
        .collect::<Result<_, Fault>>()?;
    for (text, name) in outer {
        let range = range(function, text)?;
        for (other, other_name) in &inner {
            if range.contains(other) {
                pairs.push(Value::from(vec![name.clone(), other_name.clone()]));
            }
        }
    }
    Ok(set(pairs))
}

#[cfg(test)]
mod tests {
    use regorus::Value;

    use super::super::{Fault, call};

    fn ask(name: &str, arguments: &str) -> Result<Value, Fault> {
        call(name, &Value::from_json_str(arguments).unwrap())
    }

    #[test]
    fn a_range_contains_its_addresses_and_no_others() {
        for (arguments, want) in [
            (r#"["10.0.0.0/8", "10.255.0.1"]"#, true),
            (r#"["10.0.0.0/8", "11.0.0.0"]"#, false),
            (r#"["10.0.0.0/8", "10.0.0.0/7"]"#, false),
            (r#"["::/0", "10.0.0.1"]"#, false),
            (r#"["10.1.2.3/8", "10.9.9.9"]"#, true),
        ] {
            assert_eq!(ask("net.cidr_contains", arguments), Ok(Value::from(want)), "{arguments}");
        }
        assert!(matches!(
            ask("net.cidr_contains", r#"["x", "10.0.0.1"]"#),
            Err(Fault::Argument(_))
        ));
    }

    #[test]
    fn sixteen_bits_are_expanded_and_seventeen_are_too_many() {
        let all = ask("net.cidr_expand", r#"["10.0.0.0/16"]"#).unwrap();
        assert_eq!(all.as_set().unwrap().len(), 65_536);
        for range in ["10.0.0.0/15", "0.0.0.0/0", "::/0"] {
            let refused = ask("net.cidr_expand", &format!("[\"{range}\"]"));
            assert!(matches!(refused, Err(Fault::Limit(_))), "{range}");
        }
    }
}
