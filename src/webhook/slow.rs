//! Where authorizers are asked that may take their time: a policy in Rego, another webhook.

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use crate::authz::SlowRunner;

/// Hands the other work of this thread over to another one before it waits. Without a runtime, or on one
/// of a single thread, there is nobody to hand it to.
pub(super) fn runner() -> SlowRunner {
    Arc::new(|ask: &mut dyn FnMut()| {
        match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => block_in_place(ask),
            _ => ask(),
        }
    })
}
