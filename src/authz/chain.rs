//! Several authorizers, asked in order.

#[cfg(feature = "conditional-authorization")]
use std::cell::OnceCell;
#[cfg(feature = "conditional-authorization")]
use std::iter;
use std::sync::Arc;

#[cfg(feature = "live-groups")]
use arc_swap::ArcSwapOption;

#[cfg(feature = "conditional-authorization")]
use super::Conditional;
#[cfg(feature = "live-groups")]
use super::GroupResolver;
use super::{Asker, Authorizer, GroupsUnknown, LIVE_GROUPS, Resolved, Rules, SuperUser};
#[cfg(feature = "conditional-authorization")]
use crate::api::authorization::ConditionalMode;
use crate::model::{Attributes, Decision, Explain, Moment, Request, Step, User, Verdict, groups};

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

    /// The same chain, which asks everybody but its gates about users in the groups of now: see
    /// [`live_groups`](super::live_groups) for the rules. An answer that had to do without the groups is a
    /// denial with an error by [`LIVE_GROUPS`], whatever [`OnFailure`] says of members.
    ///
    /// Who is not known yet is looked up through the [runner](Self::with_slow_runner) of slow links, if the
    /// source takes its time.
    #[cfg(feature = "live-groups")]
    #[must_use]
    pub fn with_live_groups(mut self, groups: GroupResolver) -> Self {
        self.live_groups = Some(groups);
        self
    }

    /// Who replaces the groups of users, if somebody does.
    #[cfg(feature = "live-groups")]
    #[must_use]
    pub const fn live_groups(&self) -> Option<&GroupResolver> {
        self.live_groups.as_ref()
    }

    /// The user about whom the authorizers behind the gates are asked. For callers who ask a link by
    /// itself, or look into its policy.
    ///
    /// # Errors
    /// When the groups are to be replaced, and those of now are not to be had.
    #[cfg_attr(
        not(feature = "live-groups"),
        expect(clippy::unnecessary_wraps, reason = "only live groups may be unknown")
    )]
    pub fn asker<'u>(&self, user: &'u User) -> Result<Asker<'u>, GroupsUnknown> {
        #[cfg(feature = "live-groups")]
        if let Some(groups) = &self.live_groups {
            if let Some(known) = groups.known(user) {
                return known;
            }
            let Some(runner) = self.slow_runner.as_ref().filter(|_| groups.is_slow()) else {
                return groups.look_up(user);
            };
            let mut found = None;
            runner(&mut || {
                if found.is_none() {
                    found = Some(groups.look_up(user));
                }
            });
            return found
                .unwrap_or_else(|| Err(groups.unknown(user, &super::LiveGroupsError::NotAsked)));
        }
        Ok(Asker::Presented(user))
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
        walk(self, self.indexed_members(), ask, &mut said).unwrap_or_else(|| {
            let undecided = if said.slow.is_empty() {
                Verdict::deferred(Decision::NoOpinion, self, request)
            } else {
                Verdict::no_opinion(self.reason_with(said.slow, ask))
            };
            undecided.with_errors(said.errors)
        })
    }

    /// An answer about a replaced user, for somebody who keeps it longer than that one. What is yet to
    /// be written is written when asked for, by the same link about the same groups.
    fn kept<'a>(
        &'a self,
        verdict: Verdict<'_>,
        user: &'a User,
        attributes: &'a Attributes<'a>,
        replaced: &Arc<User>,
    ) -> Verdict<'a> {
        let link = verdict.link();
        let member = self.links().find(|member| Some(&*member.name) == link);
        let (by, name): (&dyn Explain, _) = match (link, member) {
            (None, _) => (self, None),
            (Some(_), Some(member)) => (member, Some(&*member.name)),
            (Some(_), None) => (&SUPER_USER_STEP, Some(SUPER_USER)),
        };
        let (decision, moment, errors) =
            (verdict.decision, verdict.moment(), verdict.errors.clone());
        // Who is not to be asked twice has a text, or is asked for it now.
        let is_slow = member.is_some_and(|member| member.is_slow);
        let reason = is_slow.then(|| verdict.reason().into_owned());
        let kept = match (verdict.into_text(), reason) {
            (Some(text), _) => text,
            (None, Some(reason)) => Verdict::new(decision, reason).with_errors(errors),
            (None, None) => {
                Verdict::deferred_for(decision, by, user, attributes).with_errors(errors)
            }
        };
        let kept = kept.at(moment).asked_as(Arc::clone(replaced));
        match name {
            Some(name) => kept.by_link(name),
            None => kept,
        }
    }

    #[cfg(feature = "live-groups")]
    const fn replaces_groups(&self) -> bool {
        self.live_groups.is_some()
    }

    #[cfg(not(feature = "live-groups"))]
    const fn replaces_groups(&self) -> bool {
        false
    }

    /// The name of the source of groups.
    fn groups_from(&self) -> &str {
        #[cfg(feature = "live-groups")]
        if let Some(groups) = &self.live_groups {
            return groups.name();
        }
        ""
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

/// Nothing is decided as long as nobody knows the groups: a denial for one of them may be missing.
fn without_groups<'a>(error: &GroupsUnknown) -> Verdict<'a> {
    Verdict::deny("").with_error(error.to_string()).by_link(LIVE_GROUPS)
}

/// The first that decides.
fn walk<'a>(
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

/// How a link answered.
#[derive(Debug, Clone)]
pub struct LinkAnswer<'a> {
    /// The name of the link; `system:masters` for the built-in step.
    pub name: &'a str,
    /// Its own answer.
    pub verdict: Verdict<'a>,
}

/// A request on its way through a chain.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    /// Who was asked, in order: the last one decided, if anybody did.
    pub answers: Vec<LinkAnswer<'a>>,
    /// The names of those who were not asked any more.
    pub unasked: Vec<&'a str>,
    /// What it came to, as [`Chain::authorize`](Authorizer::authorize) answers.
    pub verdict: Verdict<'a>,
}

impl Chain {
    /// Answers one request and keeps what every link said on the way. Each is asked once.
    ///
    /// ```
    /// use portcullis::authz::{AlwaysAllow, AlwaysDeny, Chain};
    /// use portcullis::model::{Request, User};
    ///
    /// let chain = Chain::new().with("AlwaysDeny", AlwaysDeny).with("AlwaysAllow", AlwaysAllow);
    /// let jane = User::new("jane");
    /// let request = Request::non_resource(&jane, "get", "/");
    /// let walk = chain.walk(&request);
    /// assert_eq!(walk.answers[1].verdict.reason(), "Everything is forbidden.");
    /// assert_eq!(walk.verdict.link(), Some("AlwaysAllow"));
    /// ```
    #[must_use]
    pub fn walk<'a>(&'a self, request: &'a Request<'a>) -> Walk<'a> {
        let (mut answers, mut unasked) = (Vec::new(), Vec::new());
        let mut decided: Option<Verdict<'a>> = None;
        let (mut errors, mut asker) = (Vec::new(), Asker::Presented(request.user));
        let members = self.members.iter().map(Turn::Of);
        let steps = [
            self.replaces_groups().then_some(Turn::Groups),
            (!self.no_super_user).then_some(Turn::SuperUser),
        ];
        let turns = self.gates.iter().map(Turn::Of).chain(steps.into_iter().flatten());
        for turn in turns.chain(members) {
            let name = turn.name();
            if decided.is_some() {
                unasked.push(name);
                continue;
            }
            let verdict = match (&turn, &asker) {
                (Turn::Groups, _) => match self.asker(request.user) {
                    Ok(found) => {
                        let verdict = Verdict::no_opinion(self.told(request.user, &found));
                        asker = found;
                        answers.push(LinkAnswer { name, verdict });
                        continue;
                    }
                    Err(error) => Verdict::deny("").with_error(error.to_string()),
                },
                (turn, Asker::Presented(_)) => self.ask_in_turn(turn, request),
                (turn, Asker::Replaced(user)) => {
                    let replaced = Request { user, attributes: request.attributes };
                    let verdict = self.ask_in_turn(turn, &replaced).by_link(name);
                    self.kept(verdict, request.user, &request.attributes, user)
                }
            };
            let ends_walk = matches!(&turn, Turn::Of(member) if self.ends_walk(member));
            decided = match verdict.decision {
                Decision::Allow | Decision::Deny => Some(verdict.clone().by_link(name)),
                Decision::NoOpinion if ends_walk && !verdict.errors.is_empty() => {
                    Some(Verdict::deny("").with_errors(verdict.errors.clone()).by_link(name))
                }
                Decision::NoOpinion => {
                    errors.extend(verdict.errors.iter().cloned());
                    None
                }
            };
            answers.push(LinkAnswer { name, verdict });
        }
        let verdict = decided.unwrap_or_else(|| {
            let opinions = answers.iter().filter(|answer| answer.name != LIVE_GROUPS);
            let reasons = opinions.map(|answer| answer.verdict.reason().into_owned());
            Verdict::no_opinion(joined(reasons)).with_errors(errors)
        });
        Walk { answers, unasked, verdict }
    }

    fn ask_in_turn<'a>(&'a self, turn: &Turn<'a>, request: &'a Request<'a>) -> Verdict<'a> {
        match turn {
            Turn::Of(member) => self.ask(member, || member.authorizer.authorize(request)),
            Turn::Groups | Turn::SuperUser => SUPER_USER_STEP.authorize(request),
        }
    }

    /// What became of the groups of a user, in one line.
    fn told(&self, user: &User, asker: &Asker<'_>) -> String {
        let Asker::Replaced(replaced) = asker else {
            return "groups as presented: those of this user are not replaced".to_owned();
        };
        let list = |groups: &[String]| match groups {
            [] => "none".to_owned(),
            groups => groups.join(", "),
        };
        let gone: Vec<String> =
            user.groups.iter().filter(|group| !replaced.is_member(group)).cloned().collect();
        let gone = match gone.is_empty() {
            true => String::new(),
            false => format!("; gone: {}", list(&gone)),
        };
        format!("groups replaced by those of {}: {}{gone}", self.groups_from(), list(&replaced.groups))
    }
}

/// Who is asked next, in a walk.
enum Turn<'a> {
    Of(&'a Member),
    Groups,
    SuperUser,
}

impl<'a> Turn<'a> {
    fn name(&self) -> &'a str {
        match self {
            Self::Of(member) => &member.name,
            Self::Groups => LIVE_GROUPS,
            Self::SuperUser => SUPER_USER,
        }
    }
}

/// What the built-in step is called where links are named.
const SUPER_USER: &str = groups::MASTERS;

static SUPER_USER_STEP: SuperUser = SuperUser;

impl Authorizer for Chain {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        let ask = |_, member: &'a Member| self.ask(member, || member.authorizer.authorize(request));
        let mut said = Said::default();
        if let Some(verdict) = walk(self, self.closed_gates(request.user), ask, &mut said) {
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
        let step = step.flatten().map(|user| {
            (SUPER_USER.to_owned(), SUPER_USER_STEP.authorize(&about(user)).into())
        });
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

// It is asked again, about the same user: one that has changed its mind has no reason for what it had
// answered.
impl Explain for Member {
    fn reason(&self, request: &Request<'_>, decision: Decision) -> String {
        let verdict = self.authorizer.authorize(request);
        if verdict.decision == decision { verdict.reason().into_owned() } else { String::new() }
    }

    fn path(&self, request: &Request<'_>, decision: Decision) -> Vec<Step> {
        let verdict = self.authorizer.authorize(request);
        if verdict.decision == decision { verdict.path() } else { Vec::new() }
    }

    fn reason_at(&self, request: &Request<'_>, decision: Decision, moment: Moment) -> String {
        self.again(request, decision, moment).reason().into_owned()
    }

    fn path_at(&self, request: &Request<'_>, decision: Decision, moment: Moment) -> Vec<Step> {
        self.again(request, decision, moment).path()
    }

    fn grant_ends(&self, request: &Request<'_>, moment: Moment) -> Option<Moment> {
        self.again(request, Decision::Allow, moment).grant_ends()
    }
}

impl Member {
    /// What it had said at that moment. What is granted by the clock may have ended meanwhile.
    fn again<'a>(
        &'a self,
        request: &'a Request<'a>,
        decision: Decision,
        moment: Moment,
    ) -> Verdict<'a> {
        let mut verdict = self.authorizer.authorize(request).at(Some(moment));
        verdict.decision = decision;
        verdict
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

/// A user whom every member of a chain has met.
///
/// Answers as the chain did when it was made; take a new one when the policy has changed. A
/// [`RevocationGate`](super::RevocationGate) asks the newest list all the same.
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
        if let Some(verdict) = walk(chain, chain.closed_gates(&met.user), ask, &mut said) {
            return verdict;
        }
        match chain.asker(&met.user) {
            Ok(Asker::Presented(_)) => chain.beyond_gates_met(met, attributes, said),
            #[cfg(not(feature = "live-groups"))]
            Ok(Asker::Replaced(_)) => chain.beyond_gates_met(met, attributes, said),
            #[cfg(feature = "live-groups")]
            Ok(Asker::Replaced(user)) => {
                let last = self.replaced.load();
                let verdict = match last.as_deref().filter(|last| Arc::ptr_eq(&last.user, &user)) {
                    Some(last) => {
                        let verdict = chain.beyond_gates_met(last, attributes, said);
                        chain.kept(verdict, &met.user, attributes, &user)
                    }
                    None => {
                        let now = Arc::new(chain.meet(&user));
                        self.replaced.store(Some(Arc::clone(&now)));
                        let verdict = chain.beyond_gates_met(&now, attributes, said);
                        chain.kept(verdict, &met.user, attributes, &user)
                    }
                };
                verdict
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
        walk(self, self.indexed_members(), ask, &mut said).unwrap_or_else(|| {
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

#[cfg(test)]
mod tests;
