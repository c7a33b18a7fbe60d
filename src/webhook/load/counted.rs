use std::sync::Arc;

use crate::authn::chain::TokenChain;
use crate::authn::{Attempt, Finding, Outcome, TokenLookup};
use crate::webhook::metrics::{AuthenticatorKind, Metrics, Tried};

/// A chain whose authenticators are counted by what they say.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) chain: Arc<TokenChain>,
    pub(super) metrics: Arc<Metrics>,
}

impl TokenLookup for Counted {
    fn look_up<'a>(&'a self, attempt: Attempt<'a>) -> Finding<'a> {
        Box::pin(self.chain.find_telling(attempt, |name, outcome: &Outcome| {
            let tried = match outcome {
                Ok(Some(_)) => Tried::Authenticated,
                Ok(None) => Tried::NoOpinion,
                Err(_) => Tried::Error,
            };
            self.metrics.authenticator(AuthenticatorKind::of(name), tried);
        }))
    }
}
