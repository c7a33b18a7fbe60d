//! What one client, and all of them together, may take.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::source::config_file::{Field, Object};
use crate::webhook::authorize::ReviewLimits;
use crate::webhook::server::{HandshakeLimits, Limits};

/// What one client, and all of them together, may take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Connections, requests, times.
    pub transport: Limits,
    /// What a review may carry.
    pub reviews: ReviewLimits,
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

pub(super) fn limits(field: Field<'_>) -> Option<LimitsConfig> {
    let object = field.object()?;
    let mut limits = LimitsConfig::default();
    transport(&object, &mut limits.transport);
    if let Some(field) = object.get("handshakes") {
        handshakes(field, &mut limits.transport.handshakes);
    }
    let reviews = &mut limits.reviews;
    set(&mut reviews.max_groups, number(&object, "maxGroups"));
    let extra =
        size(&object, "maxExtraBytes", &(1..=64 << 20), "at most `64Mi`: it is part of a body");
    set(&mut reviews.max_extra_bytes, extra);
    object.finish();
    Some(limits)
}

/// A limit that is none is a mistake: a server that takes everything falls to one client.
fn number<T: TryFrom<usize>>(object: &Object<'_>, name: &'static str) -> Option<T> {
    let field = object.get(name)?;
    let count = field.within(
        field.count()?,
        &(1..=1_000_000),
        "at most 1000000, which is no limit any more",
    )?;
    T::try_from(count).ok()
}

fn size(
    object: &Object<'_>,
    name: &'static str,
    range: &RangeInclusive<usize>,
    bounds: &str,
) -> Option<usize> {
    let field = object.get(name)?;
    field.within(field.size()?, range, bounds)
}

fn time(object: &Object<'_>, name: &'static str) -> Option<Duration> {
    const RANGE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);
    let field = object.get(name)?;
    let bounds = "from `1ms` to `24h`: less cuts everybody off, more nobody";
    field.within(field.positive_duration()?, &RANGE, bounds)
}

fn transport(object: &Object<'_>, limits: &mut Limits) {
    set(&mut limits.connections, number(object, "connections"));
    set(&mut limits.connections_per_source, number(object, "connectionsPerSource"));
    set(&mut limits.requests, number(object, "requests"));
    set(&mut limits.requests_per_connection, number(object, "requestsPerConnection"));
    let headers = object.get("headers").and_then(|field| {
        let bounds = "from 16 to 1000: each takes memory in every request, and clients send a few";
        field.within(field.count()?, &(16..=1_000), bounds)
    });
    set(&mut limits.headers, headers);
    set(&mut limits.pending_resets, number(object, "pendingResets"));
    set(&mut limits.error_resets, number(object, "errorResets"));
    set(&mut limits.streams, number(object, "streams"));
    let bounds = "from `1Ki` to `64Mi`: no review fits into less, and none needs more";
    set(&mut limits.body_bytes, size(object, "bodyBytes", &(1 << 10..=64 << 20), bounds));
    let bounds = "from `1Ki` to `1Mi`: no request fits into less, and none needs more";
    let bytes = size(object, "headerBytes", &(1 << 10..=1 << 20), bounds);
    set(&mut limits.header_bytes, bytes.and_then(|bytes| u32::try_from(bytes).ok()));
    set(&mut limits.handshake_time, time(object, "handshakeTime"));
    set(&mut limits.header_time, time(object, "headerTime"));
    set(&mut limits.body_time, time(object, "bodyTime"));
    set(&mut limits.idle_time, time(object, "idleTime"));
}

fn handshakes(field: Field<'_>, limits: &mut HandshakeLimits) {
    let Some(object) = field.object() else { return };
    set(&mut limits.burst, number(&object, "burst"));
    set(&mut limits.recovery, time(&object, "recovery"));
    set(&mut limits.sources, number(&object, "sources"));
    let loopback = object.get("exemptLoopback").and_then(|field| field.boolean());
    set(&mut limits.exempt_loopback, loopback);
    set(&mut limits.exempt, object.get("exempt").map(|field| addresses(&field)));
    object.finish();
}

fn addresses(field: &Field<'_>) -> Vec<IpAddr> {
    let items = field.list().unwrap_or_default();
    let address = |item: &Field<'_>| {
        let address = item.text()?.parse().ok();
        if address.is_none() {
            item.note("must be an IP address, such as `10.0.0.1`");
        }
        address
    };
    items.iter().filter_map(address).collect()
}
