//! Saying nothing while the cluster is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::authn::{Answering, Attempt, TokenAuthenticator, ready};
use crate::authz::{Authorizer, Rules};
use crate::model::{Request, SharedRevocations, User, Verdict};
use crate::snapshot::{CompileError, Config, Snapshot, SuperUserStep, compile};

use crate::api::inventory::Inventory;

/// Why, for the log.
const REASON: &str = "the API server has not been heard for too long, so its policy does not count";

/// Whether nothing of the cluster counts. Clones are handles of the same.
#[derive(Debug, Clone, Default)]
pub(in crate::webhook) struct Silence(Arc<AtomicBool>);

impl Silence {
    pub(super) fn set(&self, is_silent: bool) {
        self.0.store(is_silent, Ordering::Release);
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// An authenticator that looks tokens up in the cluster: it knows none while that is lost.
pub(in crate::webhook) struct Hushed {
    pub(in crate::webhook) authenticator: Arc<dyn TokenAuthenticator>,
    pub(in crate::webhook) silence: Silence,
}

impl TokenAuthenticator for Hushed {
    fn name(&self) -> &str {
        self.authenticator.name()
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        match self.silence.is_on() {
            true => ready(Ok(None)),
            false => self.authenticator.authenticate(attempt),
        }
    }
}

/// An authorizer without an opinion.
struct Quiet;

impl Authorizer for Quiet {
    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        Verdict::no_opinion(REASON)
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

/// The policy that serves while the cluster is lost: no opinion about anything, but that the revocation list
/// still denies.
pub(in crate::webhook) fn quiet_policy(
    revocations: Option<&SharedRevocations>,
) -> Result<Snapshot, CompileError> {
    let mut config = Config::default()
        .with_super_user(SuperUserStep::LeaveOut)
        .with_authorizer("ClusterLost", Quiet);
    config.revocations = revocations.cloned();
    compile(&Inventory::default(), &config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::Authenticated;
    use crate::model::Decision;

    #[test]
    fn a_quiet_policy_has_no_opinion_even_about_the_super_users() {
        let policy = quiet_policy(None).unwrap();
        for groups in [vec![], vec!["system:masters"]] {
            let user = User::new("jane").with_groups(groups);
            let request = Request::non_resource(&user, "get", "/");
            let verdict = policy.authorize(&request);
            assert_eq!(verdict.decision, Decision::NoOpinion);
            assert!(verdict.errors.is_empty());
            assert!(verdict.reason().contains("not been heard"), "{}", verdict.reason());
        }
    }

    struct Everybody;

    impl TokenAuthenticator for Everybody {
        fn name(&self) -> &str {
            "everybody"
        }

        fn authenticate<'a>(&'a self, _: Attempt<'a>) -> Answering<'a> {
            let user = User::new("jane");
            ready(Ok(Some(Authenticated { user, audiences: Vec::new(), expires: None })))
        }
    }

    #[tokio::test]
    async fn an_authenticator_knows_nobody_while_it_is_hushed_and_everybody_after() {
        let silence = Silence::default();
        let authenticator: Arc<dyn TokenAuthenticator> = Arc::new(Everybody);
        let hushed = Hushed { authenticator, silence: silence.clone() };
        assert_eq!(hushed.name(), "everybody");
        let attempt = Attempt { token: "t", audiences: &[], now: 0 };
        assert!(hushed.authenticate(attempt).await.unwrap().is_some());
        silence.set(true);
        assert!(hushed.authenticate(attempt).await.unwrap().is_none());
        silence.set(false);
        assert!(hushed.authenticate(attempt).await.unwrap().is_some());
    }
}
