//! What one client, and all of them together, may take.

use std::net::IpAddr;

use super::field::{Field, Object};
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
    set(&mut reviews.max_groups, object.get("maxGroups").and_then(|field| field.count()));
    set(&mut reviews.max_extra_bytes, object.get("maxExtraBytes").and_then(|field| field.size()));
    let bytes = object.get("identityCacheBytes").and_then(|field| field.size());
    set(&mut reviews.identity_cache_bytes, bytes.and_then(|bytes| u64::try_from(bytes).ok()));
    object.finish();
    Some(limits)
}

fn transport(object: &Object<'_>, limits: &mut Limits) {
    let number = |name| object.get(name).and_then(|field| field.count());
    set(&mut limits.connections, number("connections"));
    set(&mut limits.connections_per_source, number("connectionsPerSource"));
    set(&mut limits.requests, number("requests"));
    set(&mut limits.requests_per_connection, number("requestsPerConnection"));
    set(&mut limits.headers, number("headers"));
    set(&mut limits.pending_resets, number("pendingResets"));
    set(&mut limits.error_resets, number("errorResets"));
    set(&mut limits.streams, object.get("streams").and_then(|field| field.count()));
    set(&mut limits.body_bytes, object.get("bodyBytes").and_then(|field| field.size()));
    let header_bytes = object.get("headerBytes").and_then(|field| {
        let bytes = u32::try_from(field.size()?).ok();
        if bytes.is_none() {
            field.note("must be less than `4Gi`");
        }
        bytes
    });
    set(&mut limits.header_bytes, header_bytes);
    let time = |name| object.get(name).and_then(|field| field.positive_duration());
    set(&mut limits.handshake_time, time("handshakeTime"));
    set(&mut limits.header_time, time("headerTime"));
    set(&mut limits.body_time, time("bodyTime"));
    set(&mut limits.idle_time, time("idleTime"));
}

fn handshakes(field: Field<'_>, limits: &mut HandshakeLimits) {
    let Some(object) = field.object() else { return };
    set(&mut limits.burst, object.get("burst").and_then(|field| field.count()));
    let recovery = object.get("recovery").and_then(|field| field.positive_duration());
    set(&mut limits.recovery, recovery);
    set(&mut limits.sources, object.get("sources").and_then(|field| field.count()));
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
