use std::collections::BTreeMap;
use std::sync::Arc;

use super::cache::Recall;
use super::mode::node_name;
use super::{Allowed, Check, Constrained, Mode, Options, Refused, Target, extra, forbidden};
use crate::authz::Authorizer;
use crate::model::{Attributes, Request, ResourceAttributes, ServiceAccountName, User, groups};
use crate::util::aggregate::aggregate;

/// The group of users, groups and the like in constrained modes, and of uids and extra values always.
const AUTHENTICATION: &str = "authentication.k8s.io";

/// From so many on, all are asked for at once first (S-IMP-14).
const MANY: usize = 4;

/// What the requester's extra values are replaced by, for their own node (S-IMP-11).
const NODE_KEYS: &str = "authentication.kubernetes.io/associated-node-keys";

/// Somebody who tries to act as another.
struct Attempt<'a> {
    authorizer: &'a dyn Authorizer,
    requester: Arc<User>,
    target: &'a Target,
    attributes: &'a Attributes<'a>,
    constrained: Constrained,
    checks: Vec<Check>,
}

/// Why one mode, or one check of it, refuses: the message of an HTTP 403.
type Refusal = String;

/// See [`super::check`]; `recall` is what is remembered of earlier ones.
pub(super) fn check(
    authorizer: &dyn Authorizer,
    requester: &User,
    target: &Target,
    attributes: &Attributes<'_>,
    options: &Options,
    recall: Option<&Recall<'_>>,
) -> Result<Allowed, Refused> {
    let mut attempt = Attempt {
        authorizer,
        requester: Arc::new(requester.clone()),
        target,
        attributes,
        constrained: options.constrained,
        checks: Vec::new(),
    };
    let modes = match options.constrained {
        Constrained::On => &Mode::ALL[..],
        Constrained::Off => &[Mode::Legacy],
    };
    let remembered = recall.and_then(|recall| recall.mode(&requester.name)).or(options.first);
    let first = remembered.filter(|first| modes.contains(first));
    let others = modes.iter().copied().filter(|mode| Some(*mode) != first);
    let mut refusal = None;
    for mode in first.into_iter().chain(others) {
        if !mode.fits(requester, target) {
            continue;
        }
        match attempt.by(mode, recall) {
            Ok(user) => {
                if let Some(recall) = recall {
                    recall.keep_mode(&requester.name, mode);
                }
                return Ok(Allowed { user, mode, checks: attempt.checks });
            }
            Err(message) => drop(refusal.get_or_insert(message)),
        }
    }
    // The classic mode is always tried, and says no if nobody else did.
    Err(Refused { message: refusal.unwrap_or_default(), checks: attempt.checks })
}

impl Attempt<'_> {
    /// The user that comes of it by one mode.
    fn by(&mut self, mode: Mode, recall: Option<&Recall<'_>>) -> Result<User, Refusal> {
        if !mode.is_constrained() {
            self.ask_for_all(mode, &Arc::clone(&self.requester))?;
            return Ok(self.impersonated(mode));
        }
        let (requester, target) = self.as_kept(mode);
        if let Some(user) =
            recall.and_then(|it| it.whole(mode, &requester, &target, self.attributes))
        {
            return Ok(self.renamed(user));
        }
        self.ask_on(mode, &requester)?;
        if let Some(user) = recall.and_then(|recall| recall.part(mode, &requester, &target)) {
            // The API server keeps it as new for the whole.
            if let Some(recall) = recall {
                recall.keep_whole(mode, &requester, &target, self.attributes, &user);
            }
            return Ok(self.renamed(user));
        }
        self.ask_for_all(mode, &requester)?;
        let user = self.impersonated(mode);
        if let Some(recall) = recall {
            recall.keep_part(mode, &requester, &target, &user);
            recall.keep_whole(mode, &requester, &target, self.attributes, &user);
        }
        Ok(user)
    }

    /// Who asks for what, as far as it makes a difference: a service account is the same on every node
    /// (S-IMP-11).
    fn as_kept(&self, mode: Mode) -> (Arc<User>, Target) {
        if mode != Mode::AssociatedNode {
            return (Arc::clone(&self.requester), self.target.clone());
        }
        let keys = self.requester.extra.keys().cloned().collect();
        let extra = BTreeMap::from([(NODE_KEYS.to_owned(), keys)]);
        let requester = User {
            name: self.requester.name.clone(),
            uid: self.requester.uid.clone(),
            groups: self.requester.groups.clone(),
            extra,
        };
        (Arc::new(requester), Target::new("system:node:*"))
    }

    /// What was kept of one node is true of every other.
    fn renamed(&self, user: User) -> User {
        User { name: self.target.user.clone(), ..user }
    }

    /// Who comes of it (S-IMP-6, S-IMP-12).
    fn impersonated(&self, mode: Mode) -> User {
        let Target { user, uid, groups, extra } = self.target;
        let groups = match mode {
            Mode::AssociatedNode | Mode::ArbitraryNode => vec![groups::NODES.to_owned()],
            _ => groups.clone(),
        };
        let mut user = User::impersonated(user, groups);
        user.uid.clone_from(uid);
        user.extra.clone_from(extra);
        user
    }

    /// May the requester do this, while acting as another by that mode?
    fn ask_on(&mut self, mode: Mode, requester: &Arc<User>) -> Result<(), Refusal> {
        let verb = format!("impersonate-on:{mode}:{}", self.attributes.verb());
        let asked = match *self.attributes {
            Attributes::Resource(asked) => {
                Attributes::Resource(ResourceAttributes { verb: &verb, ..asked })
            }
            Attributes::NonResource(mut asked) => {
                asked.verb = &verb;
                Attributes::NonResource(asked)
            }
        };
        self.ask(mode, requester, &asked)
    }

    /// May the requester act as each thing that the target is?
    fn ask_for_all(&mut self, mode: Mode, requester: &Arc<User>) -> Result<(), Refusal> {
        self.ask_for_user(mode, requester)?;
        match self.constrained {
            Constrained::On => {
                self.ask_for_uid(mode, requester)?;
                self.ask_for_groups(mode, requester)?;
                self.ask_for_extra(mode, requester)
            }
            // S-IMP-4.
            Constrained::Off => {
                self.ask_for_groups(mode, requester)?;
                self.ask_for_extra(mode, requester)?;
                self.ask_for_uid(mode, requester)
            }
        }
    }

    fn ask_for_user(&mut self, mode: Mode, requester: &Arc<User>) -> Result<(), Refusal> {
        let user = &self.target.user;
        let node = node_name(user).filter(|_| mode.is_constrained());
        let asked = match (node, ServiceAccountName::parse(user)) {
            (Some(_), _) if mode == Mode::AssociatedNode => of(mode, "nodes").named("*"),
            (Some(node), _) => of(mode, "nodes").named(node),
            (None, Ok(account)) => {
                of(mode, "serviceaccounts").in_namespace(account.namespace).named(account.name)
            }
            (None, Err(_)) => of(mode, "users").named(user),
        };
        self.ask(mode, requester, &Attributes::Resource(asked))
    }

    fn ask_for_uid(&mut self, mode: Mode, requester: &Arc<User>) -> Result<(), Refusal> {
        if self.target.uid.is_empty() {
            return Ok(());
        }
        let asked = of(mode, "uids").in_group(AUTHENTICATION).named(&self.target.uid);
        self.ask(mode, requester, &Attributes::Resource(asked))
    }

    fn ask_for_groups(&mut self, mode: Mode, requester: &Arc<User>) -> Result<(), Refusal> {
        let (target, asked) = (self.target, of(mode, "groups"));
        let has = |group: &str| target.groups.iter().any(|named| named == group);
        if mode.is_constrained() {
            // S-IMP-13.
            if has("") {
                let detail = "impersonating the empty string group is not allowed";
                return Err(forbidden::message(requester, &Attributes::Resource(asked), detail));
            }
            if has(groups::MASTERS) {
                let asked = Attributes::Resource(asked.named(groups::MASTERS));
                let detail = "impersonating the system:masters group is not allowed";
                return Err(forbidden::message(requester, &asked, detail));
            }
            if target.groups.len() >= MANY {
                let all = Attributes::Resource(asked.named("*"));
                if self.ask(mode, requester, &all).is_ok() {
                    return Ok(());
                }
            }
        }
        target.groups.iter().try_for_each(|group| {
            self.ask(mode, requester, &Attributes::Resource(asked.named(group)))
        })
    }

    fn ask_for_extra(&mut self, mode: Mode, requester: &Arc<User>) -> Result<(), Refusal> {
        let (target, asked) = (self.target, of(mode, "userextras").in_group(AUTHENTICATION));
        if mode.is_constrained() {
            if let Some(detail) = extra::refusal(&target.extra) {
                return Err(forbidden::message(requester, &Attributes::Resource(asked), &detail));
            }
            let values: usize = target.extra.values().map(Vec::len).sum();
            if target.extra.len() >= MANY || values >= MANY {
                let all = Attributes::Resource(asked.with_subresource("*").named("*"));
                if self.ask(mode, requester, &all).is_ok() {
                    return Ok(());
                }
            }
        }
        for (key, values) in &target.extra {
            for value in values {
                let asked = asked.with_subresource(key).named(value);
                self.ask(mode, requester, &Attributes::Resource(asked))?;
            }
        }
        Ok(())
    }

    /// Puts one question, and words the refusal (S-IMP-5).
    fn ask(
        &mut self,
        mode: Mode,
        requester: &Arc<User>,
        asked: &Attributes<'_>,
    ) -> Result<(), Refusal> {
        let request = Request { user: requester, attributes: *asked };
        let said = self.authorizer.authorize(&request);
        let check = Check::new(mode, requester, asked, &said);
        let error = aggregate(&check.errors);
        let is_allowed = match self.constrained {
            Constrained::On => check.is_allowed(),
            Constrained::Off => check.is_allowed() && error.is_none(),
        };
        let refusal = (!is_allowed).then(|| {
            let reason = check.reason.as_str();
            let detail = match (self.constrained, error) {
                (Constrained::Off, _) | (_, None) => reason.to_owned(),
                (_, Some(error)) if reason.is_empty() => error,
                (_, Some(error)) => format!("{error}: {reason}"),
            };
            forbidden::message(requester, asked, &detail)
        });
        self.checks.push(check);
        refusal.map_or(Ok(()), Err)
    }
}

/// The permission to act as something of that kind. Users and groups are of the core group in the classic
/// mode alone (S-IMP-3, S-IMP-9).
fn of(mode: Mode, resource: &'static str) -> ResourceAttributes<'static> {
    let group = if mode.is_constrained() { AUTHENTICATION } else { "" };
    ResourceAttributes { version: "v1", group, ..ResourceAttributes::new(mode.verb(), resource) }
}
