use std::sync::Arc;

use super::{Chain, Member, SUPER_USER, SUPER_USER_STEP};
use crate::authz::{Asker, GroupsUnknown, LIVE_GROUPS};
#[cfg(feature = "live-groups")]
use crate::authz::{GroupResolver, LiveGroupsError};
use crate::model::{Attributes, Decision, Explain, Moment, Request, Step, User, Verdict};

impl Chain {
    /// The same chain, which asks everybody but its gates about users in the groups of now: see
    /// [`live_groups`](crate::authz::live_groups) for the rules. An answer that had to do without the groups is a
    /// denial with an error by [`LIVE_GROUPS`], whatever [`OnFailure`](crate::authz::OnFailure) says of members.
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
            return found.unwrap_or_else(|| Err(groups.unknown(user, &LiveGroupsError::NotAsked)));
        }
        Ok(Asker::Presented(user))
    }

    /// An answer about a replaced user, for somebody who keeps it longer than that one. What is yet to
    /// be written is written when asked for, by the same link about the same groups.
    pub(super) fn kept<'a>(
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

    /// The name of the source of groups, where they are replaced.
    #[must_use]
    pub fn groups_from(&self) -> Option<&str> {
        #[cfg(feature = "live-groups")]
        if let Some(groups) = &self.live_groups {
            return Some(groups.name());
        }
        None
    }
}

/// Nothing is decided as long as nobody knows the groups: a denial for one of them may be missing.
pub(super) fn without_groups<'a>(error: &GroupsUnknown) -> Verdict<'a> {
    Verdict::deny("").with_error(error.to_string()).by_link(LIVE_GROUPS)
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
