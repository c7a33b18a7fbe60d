//! Several authorizers, asked in order.

mod principal;
mod replaced;
mod walk;

#[cfg(feature = "conditional-authorization")]
use std::cell::OnceCell;
#[cfg(feature = "conditional-authorization")]
use std::iter;
use std::sync::Arc;

#[cfg(feature = "conditional-authorization")]
use super::Conditional;
#[cfg(feature = "live-groups")]
use super::GroupResolver;
#[cfg(feature = "conditional-authorization")]
use super::LIVE_GROUPS;
use super::{Asker, Authorizer, Rules, SuperUser};
#[cfg(feature = "conditional-authorization")]
use crate::api::authorization::ConditionalMode;
use crate::model::{Decision, Explain, Request, Step, User, Verdict, groups};

pub use principal::ChainPrincipal;
pub use walk::{LinkAnswer, Walk};

use replaced::without_groups;

/// Authorizers in order: the first that allows or denies decides (S-CHAIN-1).
///
/// The built-in `system:masters` step stands before all of them, as in the API server, unless
/// [`Chain::without_super_user`] leaves it out. Only a gate comes before it: see
/// [`Chain::with_gate`].
///
/// ```
/// use portcullis::authz::{AlwaysAllow, AlwaysDeny, Authorizer, Chain};
/// use portcullis::model::{Request, User};
///
/// let chain = Chain::new().with("AlwaysDeny", AlwaysDeny);
/// let jane = User::new("jane");
/// let request = Request::non_resource(&jane, "get", "/healthz");
/// assert_eq!(chain.authorize(&request).reason(), "Everything is forbidden.");
///
/// let chain = chain.with("AlwaysAllow", AlwaysAllow);
/// assert!(chain.authorize(&request).is_allowed());
///
/// let root = User::new("root").with_groups(["system:masters"]);
/// assert!(Chain::new().authorize(&Request::non_resource(&root, "get", "/")).is_allowed());
/// ```
#[derive(Clone, Default)]
pub struct Chain {
    gates: Vec<Member>,
    members: Vec<Member>,
    no_super_user: bool,
    on_failure: OnFailure,
    slow_runner: Option<SlowRunner>,
    #[cfg(feature = "live-groups")]
    live_groups: Option<GroupResolver>,
}

/// Calls what it is given, once, where waiting holds up nobody else.
pub type SlowRunner = Arc<dyn Fn(&mut dyn FnMut()) + Send + Sync>;

/// What follows when a member that can deny has no opinion because it failed: its denial may be
/// what is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The next member is asked, and its allow counts: as the API server does (S-CHAIN-1).
    #[default]
    Continue,
    /// The walk ends with a denial that carries the errors. For servers whose answer is final:
    /// a denial with an error is a failure to the API server (S-CHAIN-6), never a plain no. Members
    /// that [settle their failures](Authorizer::settles_failures) are taken at their word.
    Deny,
}

#[derive(Clone)]
struct Member {
    name: Arc<str>,
    authorizer: Arc<dyn Authorizer>,
    /// Whether a failure of it may hide a denial.
    may_hide: bool,
    is_slow: bool,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.names().collect();
        let mut chain = f.debug_struct("Chain");
        chain
            .field("gates", &self.gates().collect::<Vec<_>>())
            .field("members", &names)
            .field("no_super_user", &self.no_super_user)
            .field("on_failure", &self.on_failure);
        #[cfg(feature = "live-groups")]
        chain.field("live_groups", &self.live_groups);
        chain.finish()
    }
}

impl Chain {
    /// A chain of the built-in step alone: everybody else gets no opinion.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same chain with one more authorizer at its end.
    #[must_use]
    pub fn with(self, name: &str, authorizer: impl Authorizer + 'static) -> Self {
        self.with_shared(name, Arc::new(authorizer))
    }

    /// The same for an authorizer that is held elsewhere too.
    #[must_use]
    pub fn with_shared(mut self, name: &str, authorizer: Arc<dyn Authorizer>) -> Self {
        self.members.push(Member::new(name, authorizer));
        self
    }

    /// The same chain with one more authorizer before the built-in `system:masters` step, after the
    /// gates that it has: for what nobody may pass, such as a revoked certificate. No API server has
    /// such a step; as a webhook Portcullis comes before its own.
    ///
    /// A gate decides as any member does, its errors count as theirs do, and it is no member of the
    /// union of rules. It is asked each time by principals too, unless it lets itself be resolved.
    ///
    /// ```
    /// use portcullis::authz::{Authorizer, Chain, Rules};
    /// use portcullis::model::{Request, User, Verdict};
    ///
    /// struct Closed;
    ///
    /// impl Authorizer for Closed {
    ///     fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
    ///         Verdict::deny("closed")
    ///     }
    ///     fn rules_for(&self, _: &User, _: &str) -> Rules {
    ///         Rules::default()
    ///     }
    /// }
    ///
    /// let root = User::new("root").with_groups(["system:masters"]);
    /// let request = Request::non_resource(&root, "get", "/");
    /// assert!(Chain::new().with("Closed", Closed).authorize(&request).is_allowed());
    /// assert_eq!(Chain::new().with_gate("Closed", Closed).authorize(&request).reason(), "closed");
    /// ```
    #[must_use]
    pub fn with_gate(mut self, name: &str, authorizer: impl Authorizer + 'static) -> Self {
        self.gates.push(Member::new(name, Arc::new(authorizer)));
        self
    }

    /// The same chain without the built-in `system:masters` step. No API server runs like this;
    /// it serves to see what the policy alone says.
    #[must_use]
    pub fn without_super_user(mut self) -> Self {
        self.no_super_user = true;
        self
    }

    /// The same chain with another rule for members that fail.
    ///
    /// ```
    /// use portcullis::authz::{AlwaysAllow, Authorizer, Chain, OnFailure, Rules};
    /// use portcullis::model::{Decision, Request, User, Verdict};
    ///
    /// /// Would deny some things, if its data were there.
    /// struct Broken;
    ///
    /// impl Authorizer for Broken {
    ///     fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
    ///         Verdict::no_opinion("").with_error("data not loaded")
    ///     }
    ///     fn rules_for(&self, _: &User, _: &str) -> Rules {
    ///         Rules::default()
    ///     }
    /// }
    ///
    /// let chain = Chain::new().with("Broken", Broken).with("AlwaysAllow", AlwaysAllow);
    /// let jane = User::new("jane");
    /// let request = Request::non_resource(&jane, "get", "/");
    /// assert!(chain.authorize(&request).is_allowed());
    ///
    /// let chain = chain.with_on_failure(OnFailure::Deny);
    /// let verdict = chain.authorize(&request);
    /// assert_eq!((verdict.decision, &*verdict.errors), (Decision::Deny, &["data not loaded".to_owned()][..]));
    /// ```
    #[must_use]
    pub fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// The same chain, asking [slow](Authorizer::is_slow) links through `runner`: a server hands its
    /// thread's other work to another thread first. Requests that are decided before do not pay for it.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use portcullis::authz::{AlwaysAllow, Chain};
    ///
    /// let chain = Chain::new()
    ///     .with("AlwaysAllow", AlwaysAllow)
    ///     .with_slow_runner(Arc::new(|ask: &mut dyn FnMut()| ask()));
    /// # let _ = chain;
    /// ```
    #[must_use]
    pub fn with_slow_runner(mut self, runner: SlowRunner) -> Self {
        self.slow_runner = Some(runner);
        self
    }

    /// The names of the gates, in order.
    pub fn gates(&self) -> impl Iterator<Item = &str> {
        self.gates.iter().map(|gate| &*gate.name)
    }

    /// The names of the members, in order; the built-in step has none, and gates are none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| &*member.name)
    }

    /// A gate or a member by its name.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&dyn Authorizer> {
        self.links().find(|link| &*link.name == name).map(|link| &*link.authorizer)
    }

    /// What each member lists for a user in a namespace, in order, with its name.
    pub fn rules_by_member(
        &self,
        user: &User,
        namespace: &str,
    ) -> impl Iterator<Item = (&str, Rules)> {
        let asker = self.asker(user);
        self.members.iter().map(move |member| {
            let rules = match &asker {
                Ok(user) => member.authorizer.rules_for(user, namespace),
                Err(error) => Rules::incomplete(error.to_string()),
            };
            (&*member.name, rules)
        })
    }

    fn ends_walk(&self, member: &Member) -> bool {
        member.may_hide && self.on_failure == OnFailure::Deny
    }

    /// Asks a member, where its kind is asked.
    fn ask<'a>(&self, member: &Member, ask: impl FnOnce() -> Verdict<'a>) -> Verdict<'a> {
        let Some(runner) = self.slow_runner.as_ref().filter(|_| member.is_slow) else {
            return ask();
        };
        let (mut ask, mut verdict) = (Some(ask), None);
        runner(&mut || {
            // A runner that calls twice does not take back what was said.
            if let Some(ask) = ask.take() {
                verdict = Some(ask());
            }
        });
        // A runner that does not run has hidden what may have been a denial.
        verdict.unwrap_or_else(|| Verdict::deny("").with_error("an authorizer was not asked"))
    }

    /// The same for somebody who understands conditions.
    #[cfg(feature = "conditional-authorization")]
    fn ask_conditionally(
        &self,
        member: &Member,
        request: &Request<'_>,
        mode: ConditionalMode,
    ) -> Conditional {
        let mut answer = None;
        let mut ask = || {
            if answer.is_none() {
                answer = Some(member.authorizer.authorize_conditionally(request, mode));
            }
        };
        match self.slow_runner.as_ref().filter(|_| member.is_slow) {
            Some(runner) => runner(&mut ask),
            None => ask(),
        }
        match answer {
            None => Verdict::deny("").with_error("an authorizer was not asked").into(),
            Some(Conditional::Settled(settled))
                if settled.decision == Decision::NoOpinion
                    && !settled.errors.is_empty()
                    && self.ends_walk(member) =>
            {
                Verdict::deny("").with_errors(settled.errors).into()
            }
            // The union does not tell whose denial it is: beside its error it would be taken for a
            // failure, and no more for a no.
            Some(Conditional::Settled(mut settled))
                if settled.decision == Decision::Deny && member.authorizer.settles_failures() =>
            {
                settled.errors.clear();
                Conditional::Settled(settled)
            }
            Some(answer) => answer,
        }
    }

    /// The gates, then the members.
    fn links(&self) -> impl Iterator<Item = &Member> {
        self.gates.iter().chain(&self.members)
    }

    /// The gates that this user does not simply pass, with their place among the links.
    fn closed_gates(&self, user: &User) -> impl Iterator<Item = (usize, &Member)> {
        self.gates.iter().enumerate().filter(|(_, gate)| !gate.authorizer.passes(user))
    }

    /// The members, likewise.
    fn indexed_members(&self) -> impl Iterator<Item = (usize, &Member)> {
        (self.gates.len()..).zip(&self.members)
    }

    /// What the built-in step and the members say.
    fn beyond_gates<'a>(&'a self, request: &'a Request<'a>, mut said: Said) -> Verdict<'a> {
        if self.is_super_user(request.user) {
            return Verdict::deferred(Decision::Allow, &SuperUser, request).by_link(SUPER_USER);
        }
        let ask = |_, member: &'a Member| self.ask(member, || member.authorizer.authorize(request));
        first_to_decide(self, self.indexed_members(), ask, &mut said).unwrap_or_else(|| {
            let undecided = if said.slow.is_empty() {
                Verdict::deferred(Decision::NoOpinion, self, request)
            } else {
                Verdict::no_opinion(self.reason_with(said.slow, ask))
            };
            undecided.with_errors(said.errors)
        })
    }

    /// The collected reason when some must not be asked again: what those said is known.
    fn reason_with<'a>(
        &'a self,
        slow: Vec<(usize, String)>,
        ask: impl Fn(usize, &'a Member) -> Verdict<'a>,
    ) -> String {
        let mut slow = slow.into_iter().peekable();
        joined(self.links().enumerate().map(|(index, member)| {
            match slow.next_if(|(said_by, _)| *said_by == index) {
                Some((_, reason)) => reason,
                None => ask(index, member).reason().into_owned(),
            }
        }))
    }

    fn is_super_user(&self, user: &User) -> bool {
        !self.no_super_user && user.is_member(groups::MASTERS)
    }
}

impl Member {
    fn new(name: &str, authorizer: Arc<dyn Authorizer>) -> Self {
        let may_hide = authorizer.can_deny() && !authorizer.settles_failures();
        let is_slow = authorizer.is_slow();
        Self { name: name.into(), authorizer, may_hide, is_slow }
    }
}

/// What those said who had no opinion, for a collected no opinion keeps it (S-CHAIN-2). Allocates
/// nothing until there is something.
#[derive(Default)]
struct Said {
    errors: Vec<String>,
    /// Reasons of those that are not to be asked twice, with their place among the links.
    slow: Vec<(usize, String)>,
}

/// The first that decides.
fn first_to_decide<'a>(
    chain: &'a Chain,
    members: impl Iterator<Item = (usize, &'a Member)>,
    ask: impl Fn(usize, &'a Member) -> Verdict<'a>,
    said: &mut Said,
) -> Option<Verdict<'a>> {
    for (index, member) in members {
        let verdict = ask(index, member);
        match verdict.decision {
            Decision::Allow | Decision::Deny => return Some(verdict.by_link(&member.name)),
            Decision::NoOpinion if !verdict.errors.is_empty() && chain.ends_walk(member) => {
                return Some(Verdict::deny("").with_errors(verdict.errors).by_link(&member.name));
            }
            Decision::NoOpinion => {
                if member.is_slow {
                    said.slow.push((index, verdict.reason().into_owned()));
                }
                said.errors.extend(verdict.errors);
            }
        }
    }
    None
}

/// Reasons, one a line.
fn joined(reasons: impl Iterator<Item = String>) -> String {
    let reasons: Vec<String> = reasons.filter(|reason| !reason.is_empty()).collect();
    reasons.join("\n")
}

/// What the built-in step is called where links are named.
const SUPER_USER: &str = groups::MASTERS;

static SUPER_USER_STEP: SuperUser = SuperUser;

impl Authorizer for Chain {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        let ask = |_, member: &'a Member| self.ask(member, || member.authorizer.authorize(request));
        let mut said = Said::default();
        if let Some(verdict) =
            first_to_decide(self, self.closed_gates(request.user), ask, &mut said)
        {
            return verdict;
        }
        match self.asker(request.user) {
            Ok(Asker::Presented(_)) => self.beyond_gates(request, said),
            Ok(Asker::Replaced(user)) => {
                let replaced = Request { user: &user, attributes: request.attributes };
                let verdict = self.beyond_gates(&replaced, said);
                self.kept(verdict, request.user, &request.attributes, &user)
            }
            Err(error) => without_groups(&error),
        }
    }

    /// The union of S-COND-7, which nobody is asked for whose answers depend on nothing.
    #[cfg(feature = "conditional-authorization")]
    fn authorize_conditionally(&self, request: &Request<'_>, mode: ConditionalMode) -> Conditional {
        let mode = mode.for_verb(request.attributes.verb());
        if mode == ConditionalMode::Unsupported {
            return self.authorize(request).into();
        }
        let ask = |member: &Member, request: &Request<'_>| {
            (member.name.to_string(), self.ask_conditionally(member, request, mode))
        };
        let gates = self.closed_gates(request.user).map(|(_, gate)| ask(gate, request));
        // Nobody needs the groups of somebody whom a gate has refused.
        let asker = OnceCell::new();
        let asker = || asker.get_or_init(|| self.asker(request.user)).as_ref();
        let unknown = iter::once_with(|| asker().err().map(without_groups)).flatten();
        let unknown = unknown.map(|verdict| (LIVE_GROUPS.to_owned(), verdict.into()));
        let about = |user| Request { user, attributes: request.attributes };
        let step = iter::once_with(|| asker().ok().filter(|user| self.is_super_user(user)));
        let step = step
            .flatten()
            .map(|user| (SUPER_USER.to_owned(), SUPER_USER_STEP.authorize(&about(user)).into()));
        let members = self.members.iter();
        let members =
            members.filter_map(|member| asker().ok().map(|user| ask(member, &about(user))));
        Conditional::of_union(gates.chain(unknown).chain(step).chain(members))
    }

    /// Lists concatenated in order (S-CHAIN-4).
    fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        let mut all = Rules::default();
        for (_, rules) in self.rules_by_member(user, namespace) {
            all.resource.extend(rules.resource);
            all.non_resource.extend(rules.non_resource);
            all.incomplete |= rules.incomplete;
            all.errors.extend(rules.errors);
        }
        all
    }
}

impl Explain for Chain {
    /// The reasons of those without an opinion, one a line (S-CHAIN-2).
    fn reason(&self, request: &Request<'_>, _: Decision) -> String {
        joined(self.links().map(|link| link.authorizer.authorize(request).reason().into_owned()))
    }

    fn path(&self, _: &Request<'_>, _: Decision) -> Vec<Step> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
