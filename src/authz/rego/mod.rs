//! What do policies in Rego say? An authorizer over compiled modules.

mod builtins;
mod error;
mod modules;
mod options;
mod policy;
mod warning;

pub use error::CompileError;
pub use modules::{Module, RegoVersion, Sources};
pub use options::{Budget, Clock, Evaluator, Limits, OnError, Options};
pub use policy::Policy;
pub use warning::Warning;

use std::sync::Arc;

use super::{Authorizer, Rules};
use crate::api::inventory::Inventory;
use crate::model::{Request, User, Verdict};

/// What Rego may ask about the cluster.
#[derive(Debug, Default)]
pub struct Facts {}

impl Facts {
    /// What an inventory tells.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let _ = inventory;
        Self {}
    }
}

/// What a policy meets in its chain.
#[derive(Clone)]
pub struct World {
    /// Who answers `portcullis.rbac.*`; `None`: nobody, and the functions are undefined.
    pub rbac: Option<Arc<dyn Authorizer>>,
    /// What is known of the cluster.
    pub facts: Arc<Facts>,
}

/// A policy in its chain.
pub struct RegoAuthorizer {
    policy: Arc<Policy>,
    world: World,
}

impl RegoAuthorizer {
    /// A policy among these.
    #[must_use]
    pub const fn new(policy: Arc<Policy>, world: World) -> Self {
        Self { policy, world }
    }
}

impl Authorizer for RegoAuthorizer {
    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        let _ = (&self.policy, &self.world.rbac, &self.world.facts);
        Verdict::no_opinion("")
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::incomplete("Rego policies do not support user rule resolution")
    }
}
