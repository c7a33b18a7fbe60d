//! Portcullis itself, and what the API server does.

use std::error::Error;
use std::sync::Arc;

use portcullis::api::inventory::Inventory;
use portcullis::authz::rbac::{Policy, Principal};

use crate::Peer;
use crate::world::queries::Query;
use crate::world::reference::Linear;

/// The engine, for users it has not seen.
pub(crate) struct Indexed<'w> {
    policy: &'w Policy,
    queries: &'w [Query],
}

impl<'w> Indexed<'w> {
    pub(crate) fn new(policy: &'w Policy, queries: &'w [Query]) -> Self {
        Self { policy, queries }
    }
}

impl Peer for Indexed<'_> {
    fn allows(&mut self, index: usize) -> Result<bool, Box<dyn Error>> {
        Ok(self.policy.allows(&self.queries[index].request()))
    }
}

/// The engine, for users whose grants it keeps at hand.
pub(crate) struct Resolved<'w>(Vec<(Principal, &'w Query)>);

impl<'w> Resolved<'w> {
    pub(crate) fn new(policy: &Policy, queries: &'w [Query]) -> Self {
        let resolve = |query: &'w Query| (policy.principal(&Arc::new(query.user.clone())), query);
        Self(queries.iter().map(resolve).collect())
    }
}

impl Peer for Resolved<'_> {
    fn allows(&mut self, index: usize) -> Result<bool, Box<dyn Error>> {
        let (principal, query) = &self.0[index];
        Ok(principal.allows(&query.asked.attributes()))
    }
}

/// Every binding in turn.
pub(crate) struct Scan<'w> {
    linear: Linear<'w>,
    queries: &'w [Query],
}

impl<'w> Scan<'w> {
    pub(crate) fn new(inventory: &'w Inventory, queries: &'w [Query]) -> Self {
        Self { linear: Linear::new(inventory), queries }
    }
}

impl Peer for Scan<'_> {
    fn allows(&mut self, index: usize) -> Result<bool, Box<dyn Error>> {
        let query = &self.queries[index];
        Ok(self.linear.allows(&query.user, &query.asked.attributes()))
    }
}
