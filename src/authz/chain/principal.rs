use std::sync::Arc;

#[cfg(feature = "live-groups")]
use arc_swap::ArcSwapOption;

use super::replaced::without_groups;
use super::{Chain, Member, SUPER_USER, Said, first_to_decide};
use crate::authz::{Asker, Authorizer, Resolved, SuperUser};
use crate::model::{Attributes, Decision, Explain, Request, Step, User, Verdict};

impl Chain {
    /// Resolves a user once, for callers that decide often for one identity.
    ///
    /// ```
    /// use portcullis::authz::{AlwaysDeny, Chain};
    /// use portcullis::model::{Attributes, ResourceAttributes, User};
    ///
    /// let chain = Chain::new().with("AlwaysDeny", AlwaysDeny);
    /// let root = chain.principal(&User::new("root").with_groups(["system:masters"]).into());
    /// let get = Attributes::Resource(ResourceAttributes::new("get", "secrets"));
    /// assert!(root.authorize(&get).is_allowed());
    /// assert!(!chain.principal(&User::new("jane").into()).authorize(&get).is_allowed());
    /// ```
    #[must_use]
    pub fn principal(&self, user: &Arc<User>) -> ChainPrincipal {
        ChainPrincipal {
            chain: self.clone(),
            met: self.meet(user),
            #[cfg(feature = "live-groups")]
            replaced: ArcSwapOption::empty(),
        }
    }

    /// Has every link meet a user.
    fn meet(&self, user: &Arc<User>) -> Met {
        let resolve = |member: &Member| match member.authorizer.resolve(user) {
            Some(resolved) => resolved,
            None => Box::new(Unresolved {
                authorizer: Arc::clone(&member.authorizer),
                user: Arc::clone(user),
            }),
        };
        Met {
            user: Arc::clone(user),
            is_super_user: self.is_super_user(user),
            by: self.links().map(resolve).collect(),
        }
    }
}

/// A user whom every member of a chain has met.
///
/// Answers as the chain did when it was made; take a new one when the policy has changed. A
/// [`RevocationGate`](crate::authz::RevocationGate) asks the newest list all the same.
pub struct ChainPrincipal {
    chain: Chain,
    met: Met,
    /// The user in the groups of now, since they last changed.
    #[cfg(feature = "live-groups")]
    replaced: ArcSwapOption<Met>,
}

/// A user, and everybody who has met them.
struct Met {
    user: Arc<User>,
    is_super_user: bool,
    /// The gates, then the members.
    by: Box<[Box<dyn Resolved>]>,
}

impl std::fmt::Debug for ChainPrincipal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainPrincipal").field("user", &self.met.user.name).finish_non_exhaustive()
    }
}

impl ChainPrincipal {
    /// Whom it stands for, as presented.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.met.user
    }

    /// Answers one request of the user.
    pub fn authorize<'a>(&'a self, attributes: &'a Attributes<'a>) -> Verdict<'a> {
        let (chain, met) = (&self.chain, &self.met);
        let mut said = Said::default();
        let ask = |index, member: &Member| met.ask(chain, index, member, attributes);
        if let Some(verdict) = first_to_decide(chain, chain.closed_gates(&met.user), ask, &mut said)
        {
            return verdict;
        }
        match chain.asker(&met.user) {
            Ok(Asker::Presented(_)) => chain.beyond_gates_met(met, attributes, said),
            #[cfg(not(feature = "live-groups"))]
            Ok(Asker::Replaced(_)) => chain.beyond_gates_met(met, attributes, said),
            #[cfg(feature = "live-groups")]
            Ok(Asker::Replaced(user)) => {
                let last = self.replaced.load_full();
                let last = last.filter(|last| Arc::ptr_eq(&last.user, &user));
                let now = last.unwrap_or_else(|| {
                    let now = Arc::new(chain.meet(&user));
                    self.replaced.store(Some(Arc::clone(&now)));
                    now
                });
                let verdict = chain.beyond_gates_met(&now, attributes, said);
                chain.kept(verdict, &met.user, attributes, &user)
            }
            Err(error) => without_groups(&error),
        }
    }
}

impl Met {
    fn ask<'a>(
        &'a self,
        chain: &Chain,
        index: usize,
        member: &Member,
        attributes: &'a Attributes<'a>,
    ) -> Verdict<'a> {
        // There is one that has met the user for each link.
        match self.by.get(index) {
            Some(met) => chain.ask(member, || met.authorize(attributes)),
            None => Verdict::no_opinion(""),
        }
    }
}

impl Chain {
    /// [`Self::beyond_gates`], by those who have met the user.
    fn beyond_gates_met<'a>(
        &'a self,
        met: &'a Met,
        attributes: &'a Attributes<'a>,
        mut said: Said,
    ) -> Verdict<'a> {
        if met.is_super_user {
            return Verdict::deferred_for(Decision::Allow, &SuperUser, &met.user, attributes)
                .by_link(SUPER_USER);
        }
        let ask = |index, member: &Member| met.ask(self, index, member, attributes);
        first_to_decide(self, self.indexed_members(), ask, &mut said).unwrap_or_else(|| {
            let undecided = if said.slow.is_empty() {
                Verdict::deferred_for(Decision::NoOpinion, self, &met.user, attributes)
            } else {
                Verdict::no_opinion(self.reason_with(said.slow, ask))
            };
            undecided.with_errors(said.errors)
        })
    }
}

/// An authorizer that gains nothing from meeting its user beforehand.
struct Unresolved {
    authorizer: Arc<dyn Authorizer>,
    user: Arc<User>,
}

impl Resolved for Unresolved {
    fn authorize<'a>(&'a self, attributes: &'a Attributes<'a>) -> Verdict<'a> {
        // The verdict outlives a request made here, so whoever wants its reason asks again.
        let request = Request { user: &self.user, attributes: *attributes };
        let verdict = self.authorizer.authorize(&request);
        if self.authorizer.is_slow() {
            // Not to be asked twice; what has its reason ready takes it along.
            let (decision, errors) = (verdict.decision, verdict.errors.clone());
            return verdict
                .into_text()
                .unwrap_or_else(|| Verdict::new(decision, "").with_errors(errors));
        }
        let Verdict { decision, errors, .. } = verdict;
        Verdict::deferred_for(decision, self, &self.user, attributes).with_errors(errors)
    }
}

// An authorizer that has changed its mind has no reason for what it had answered.
impl Explain for Unresolved {
    fn reason(&self, request: &Request<'_>, decision: Decision) -> String {
        let verdict = self.authorizer.authorize(request);
        if verdict.decision == decision { verdict.reason().into_owned() } else { String::new() }
    }

    fn path(&self, request: &Request<'_>, decision: Decision) -> Vec<Step> {
        let verdict = self.authorizer.authorize(request);
        if verdict.decision == decision { verdict.path() } else { Vec::new() }
    }
}
