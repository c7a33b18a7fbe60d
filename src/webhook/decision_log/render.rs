//! From a record to a line; runs on the writer's thread.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::super::digest::{DigestKey, Masked};
use super::super::metrics::{Decided, Proved};
use super::record::{Entry, Texts, What};
use crate::api::decision_line::{
    DecisionLine, LineAttributes, LineDecision, LineKind, LineOrigin, LineStep, LineUser, Mask,
};
use crate::authz::{Authorizer, SuperUser};
use crate::model::{Attributes, Decision, Explain, Moment, Request, Step, User, groups};
use crate::snapshot::{Mode, Snapshot};

/// How lines are made.
#[derive(Debug)]
pub(super) struct Renderer {
    pub(super) key: Arc<DigestKey>,
    pub(super) mask: Mask,
}

impl Renderer {
    /// Appends the line of a record, with its end.
    pub(super) fn render(&self, entry: &Entry, into: &mut Vec<u8>) {
        let start = into.len();
        let line = match &entry.what {
            What::Authorize { .. } => self.authorize(entry, into),
            What::Authenticate { .. } => self.authenticate(entry, into),
        };
        match line {
            Ok(()) => into.push(b'\n'),
            // Only maps with keys that are no strings fail to become JSON, and there are none.
            Err(_) => into.truncate(start),
        }
    }

    fn authorize(&self, entry: &Entry, into: &mut Vec<u8>) -> serde_json::Result<()> {
        let What::Authorize {
            decided,
            moment,
            asked_as,
            shadow,
            snapshot,
            groups,
            is_resource,
            has_selectors,
            errors,
        } = &entry.what
        else {
            return Ok(());
        };
        let mut texts = entry.texts();
        let request_id = texts.take();
        let user = texts.take_user(*groups);
        let request = Request { user: &user, attributes: texts.take_attributes(*is_resource) };
        let masked = Masked::new(&self.key, self.mask, Some(&user), names(&request.attributes))
            .hiding(asked_as.as_deref());
        let reason = masked.text(texts.take());
        let link = texts.take();
        let errors = texts.take_all(*errors, |error| masked.text(error));
        let asked_as = asked_as.as_deref().unwrap_or(&user);
        let asked = Request { user: asked_as, attributes: request.attributes };
        let path = path_of(snapshot, &asked, *decided, link, *moment);
        let line = DecisionLine {
            kind: LineKind::Authorize,
            decision: match decided {
                Decided::Allow => LineDecision::Allow,
                Decided::Deny => LineDecision::Deny,
                Decided::NoOpinion => LineDecision::NoOpinion,
                Decided::Error | Decided::Malformed => LineDecision::Error,
            },
            request_id: masked.text(request_id),
            reason,
            link: Cow::Borrowed(link),
            errors,
            user: Some(line_user(&user, &masked)),
            attributes: Some(line_attributes(&request.attributes, *has_selectors, &masked)),
            grant_ends: grant_ends(snapshot, &asked, *decided, link, *moment)
                .map_or(Cow::Borrowed(""), |end| Cow::Owned(end.to_string())),
            path: path.into_iter().map(|step| line_step(step, &masked)).collect(),
            shadow: shadow.map_or("", |difference| difference.as_str()).into(),
            ..self.base(entry)
        };
        serde_json::to_writer(into, &line)
    }

    fn authenticate(&self, entry: &Entry, into: &mut Vec<u8>) -> serde_json::Result<()> {
        let What::Authenticate { proved, token, has_user, groups, audiences } = &entry.what else {
            return Ok(());
        };
        let mut texts: Texts<'_> = entry.texts();
        let request_id = texts.take();
        let user = has_user.then(|| texts.take_user(*groups));
        let masked = Masked::new(&self.key, self.mask, user.as_ref(), []);
        let authenticator = masked.text(texts.take());
        let error = texts.take();
        // Who could not be proved to be somebody is not known, so what is said about them may hold
        // any name.
        let errors = match (error, self.mask) {
            ("", _) => Vec::new(),
            (error, Mask::None) => vec![Cow::Borrowed(error)],
            (error, _) => vec![masked.user(error)],
        };
        let line = DecisionLine {
            kind: LineKind::Authenticate,
            decision: match proved {
                Proved::Authenticated => LineDecision::Authenticated,
                Proved::Unknown => LineDecision::Unknown,
                Proved::Error | Proved::Malformed => LineDecision::Error,
            },
            request_id: masked.text(request_id),
            errors,
            user: user.as_ref().map(|user| line_user(user, &masked)),
            token: Cow::Owned(token.to_string()),
            authenticator,
            audiences: texts.take_all(*audiences, |audience| masked.text(audience)),
            ..self.base(entry)
        };
        serde_json::to_writer(into, &line)
    }

    /// What every line has; the rest is empty.
    fn base(&self, entry: &Entry) -> DecisionLine<'static> {
        let time = jiff::Timestamp::try_from(entry.at).unwrap_or_default();
        DecisionLine {
            time: Cow::Owned(format!("{time:.6}")),
            kind: LineKind::Authorize,
            request_id: Cow::Borrowed(""),
            decision: LineDecision::Error,
            reason: Cow::Borrowed(""),
            link: Cow::Borrowed(""),
            errors: Vec::new(),
            user: None,
            attributes: None,
            token: Cow::Borrowed(""),
            authenticator: Cow::Borrowed(""),
            audiences: Vec::new(),
            grant_ends: Cow::Borrowed(""),
            generation: entry.generation,
            path: Vec::new(),
            latency_us: (entry.took.as_secs_f64() * 1e7).round() / 10.0,
            peer: entry.peer.map_or(Cow::Borrowed(""), |peer| Cow::Owned(peer.to_string())),
            shadow: Cow::Borrowed(""),
            sample_rate: entry.rate.get(),
            masked: self.mask,
            dropped_before: entry.dropped_before,
        }
    }
}

/// The names of objects in a question.
pub(in super::super) fn names<'a>(attributes: &Attributes<'a>) -> [&'a str; 1] {
    match attributes {
        Attributes::Resource(resource) => [resource.name],
        Attributes::NonResource(path) => [path.path],
    }
}

/// The way to the rule, from the link that had decided. One of somebody else's that has changed its
/// mind, or panics, has none; one that takes its time is not asked again.
fn path_of(
    snapshot: &Snapshot,
    request: &Request<'_>,
    decided: Decided,
    link: &str,
    moment: Option<Moment>,
) -> Vec<Step> {
    let answered = match decided {
        Decided::Allow => Decision::Allow,
        Decided::Deny => Decision::Deny,
        // Nothing granted, so there is no way to it.
        Decided::NoOpinion | Decided::Error | Decided::Malformed => return Vec::new(),
    };
    // What ends may have ended meanwhile.
    if let (Some(rbac), Some(moment), true) = (snapshot.rbac(), moment, is_rbac(link)) {
        return rbac.path_at(request, answered, moment);
    }
    static STEP: SuperUser = SuperUser;
    let again = catch_unwind(AssertUnwindSafe(|| {
        let again = match snapshot.chain().link(link) {
            Some(link) if link.is_slow() => return Vec::new(),
            Some(link) => link.authorize(request),
            None if link == groups::MASTERS => STEP.authorize(request),
            None => return Vec::new(),
        };
        if again.decision == answered { again.path() } else { Vec::new() }
    }));
    again.unwrap_or_default()
}

fn is_rbac(link: &str) -> bool {
    link == Mode::Rbac.as_str()
}

/// When the grants end that allowed this, if that is soon.
fn grant_ends(
    snapshot: &Snapshot,
    request: &Request<'_>,
    decided: Decided,
    link: &str,
    moment: Option<Moment>,
) -> Option<Moment> {
    if decided != Decided::Allow || !is_rbac(link) {
        return None;
    }
    let moment = moment?;
    snapshot.is_soon(moment, snapshot.rbac()?.grant_ends(request, moment)?)
}

fn line_user<'t>(user: &'t User, masked: &Masked<'_>) -> LineUser<'t> {
    LineUser {
        name: masked.user(&user.name),
        uid: masked.user(&user.uid),
        groups: user.groups.iter().map(|group| masked.user(group)).collect(),
    }
}

fn line_attributes<'t>(
    attributes: &Attributes<'t>,
    selectors: bool,
    masked: &Masked<'_>,
) -> LineAttributes<'t> {
    match attributes {
        Attributes::Resource(resource) => LineAttributes {
            verb: masked.text(resource.verb),
            group: masked.text(resource.group),
            version: masked.text(resource.version),
            resource: masked.text(resource.resource),
            subresource: masked.text(resource.subresource),
            namespace: masked.text(resource.namespace),
            name: masked.name(resource.name),
            path: None,
            selectors,
        },
        Attributes::NonResource(path) => LineAttributes {
            verb: masked.text(path.verb),
            path: Some(masked.name(path.path)),
            ..LineAttributes::default()
        },
    }
}

fn line_step(step: Step, masked: &Masked<'_>) -> LineStep<'static> {
    let hide = |text: Cow<'static, str>| match masked.text(&text) {
        Cow::Owned(digest) => Cow::Owned(digest),
        Cow::Borrowed(_) => text,
    };
    let LineStep { kind, text, origin } = LineStep::from(step);
    let place = |origin: LineOrigin<'static>| LineOrigin {
        source: hide(origin.source),
        inherited_from: origin.inherited_from.map(hide),
        ..origin
    };
    LineStep { kind, text: hide(text), origin: origin.map(place) }
}
