//! What a request thread hands over: small, one allocation, no text rendered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::digest::Digest;
use super::super::metrics::{Decided, Proved, ShadowDifference};
use super::super::sample::Rate;
use crate::model::{Attributes, Moment, NonResourceAttributes, Request, ResourceAttributes, User};
use crate::snapshot::Snapshot;

/// An access review that was answered.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizeRecord<'a> {
    /// The id of the request.
    pub request_id: &'a str,
    /// Who asked for what.
    pub request: &'a Request<'a>,
    /// How it ended.
    pub decided: Decided,
    /// The reason, as it was answered.
    pub reason: &'a str,
    /// The link of the chain that decided; empty when none did.
    pub link: &'a str,
    /// What the clock showed by which grants end, if it was asked.
    pub moment: Option<Moment>,
    /// The user for whom it was decided, where groups were replaced.
    pub asked_as: Option<&'a Arc<User>>,
    /// What authorizers complained about.
    pub errors: &'a [String],
    /// The policy that answered; the writer asks it for the way to the rule.
    pub snapshot: &'a Arc<Snapshot>,
    /// Counts the policies that served since the start.
    pub generation: u64,
    /// From the read body to the rendered answer.
    pub took: Duration,
    /// The client.
    pub peer: Option<SocketAddr>,
    /// What the candidate policy said, if one was asked.
    pub shadow: Option<ShadowDifference>,
}

/// A token review that was answered.
#[derive(Clone, Copy)]
pub struct AuthenticateRecord<'a> {
    /// The id of the request.
    pub request_id: &'a str,
    /// How it ended.
    pub proved: Proved,
    /// The token. Digested before anything is handed over.
    pub token: &'a str,
    /// Whom it proved.
    pub user: Option<&'a User>,
    /// For which audiences it is good.
    pub audiences: &'a [String],
    /// The authenticator that knew it, or refused it; empty when none did.
    pub authenticator: &'a str,
    /// Why it was refused; empty when it was not.
    pub error: &'a str,
    /// Counts the policies that served since the start.
    pub generation: u64,
    /// From the read body to the rendered answer.
    pub took: Duration,
    /// The client.
    pub peer: Option<SocketAddr>,
}

impl std::fmt::Debug for AuthenticateRecord<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthenticateRecord")
            .field("request_id", &self.request_id)
            .field("proved", &self.proved)
            .field("token", &"[secret]")
            .field("user", &self.user)
            .field("audiences", &self.audiences)
            .field("authenticator", &self.authenticator)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// A record on its way to the writer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: SystemTime,
    pub(super) took: Duration,
    pub(super) generation: u64,
    pub(super) rate: Rate,
    pub(super) peer: Option<SocketAddr>,
    /// So many were dropped since the last one that found room.
    pub(super) dropped_before: u64,
    pub(super) what: What,
    texts: Vec<u8>,
}

/// What differs by kind, and how many texts of a sort there are.
#[derive(Debug)]
pub(super) enum What {
    Authorize {
        decided: Decided,
        moment: Option<Moment>,
        asked_as: Option<Arc<User>>,
        shadow: Option<ShadowDifference>,
        snapshot: Arc<Snapshot>,
        groups: usize,
        is_resource: bool,
        has_selectors: bool,
        errors: usize,
    },
    Authenticate {
        proved: Proved,
        token: Digest,
        has_user: bool,
        groups: usize,
        audiences: usize,
    },
}

impl Entry {
    pub(super) fn authorize(record: &AuthorizeRecord<'_>, rate: Rate) -> Self {
        let AuthorizeRecord { request, errors, snapshot, .. } = *record;
        let attributes = match request.attributes {
            Attributes::Resource(a) => {
                [a.verb, a.group, a.version, a.resource, a.subresource, a.namespace, a.name]
            }
            Attributes::NonResource(a) => [a.verb, a.path, "", "", "", "", ""],
        };
        let (is_resource, has_selectors) = match &request.attributes {
            Attributes::NonResource(_) => (false, false),
            Attributes::Resource(a) => {
                let field = &a.field_selector;
                let label = &a.label_selector;
                let is_empty = field.requirements.is_empty() && label.requirements.is_empty();
                let is_understood = field.parse_error.is_none() && label.parse_error.is_none();
                (true, !is_empty || !is_understood)
            }
        };
        let what = What::Authorize {
            decided: record.decided,
            moment: record.moment,
            asked_as: record.asked_as.cloned(),
            shadow: record.shadow,
            snapshot: Arc::clone(snapshot),
            groups: request.user.groups.len(),
            is_resource,
            has_selectors,
            errors: errors.len(),
        };
        let each = |put: &mut dyn FnMut(&str)| {
            put(record.request_id);
            put_user(request.user, put);
            attributes.into_iter().for_each(&mut *put);
            put(record.reason);
            put(record.link);
            errors.iter().for_each(|error| put(error));
        };
        Self::new(rate, record.took, record.generation, record.peer, what, pack(each))
    }

    pub(super) fn authenticate(record: &AuthenticateRecord<'_>, token: Digest, rate: Rate) -> Self {
        let what = What::Authenticate {
            proved: record.proved,
            token,
            has_user: record.user.is_some(),
            groups: record.user.map_or(0, |user| user.groups.len()),
            audiences: record.audiences.len(),
        };
        let each = |put: &mut dyn FnMut(&str)| {
            put(record.request_id);
            if let Some(user) = record.user {
                put_user(user, put);
            }
            put(record.authenticator);
            put(record.error);
            record.audiences.iter().for_each(|audience| put(audience));
        };
        Self::new(rate, record.took, record.generation, record.peer, what, pack(each))
    }

    fn new(
        rate: Rate,
        took: Duration,
        generation: u64,
        peer: Option<SocketAddr>,
        what: What,
        texts: Vec<u8>,
    ) -> Self {
        Self { at: SystemTime::now(), took, generation, rate, peer, dropped_before: 0, what, texts }
    }

    /// The bytes it takes.
    pub(super) fn size(&self) -> u64 {
        let size = size_of::<Self>().saturating_add(self.texts.len());
        u64::try_from(size).unwrap_or(u64::MAX)
    }

    /// The texts, in the order in which they were put.
    pub(super) fn texts(&self) -> Texts<'_> {
        Texts(&self.texts)
    }
}

fn put_user(user: &User, put: &mut dyn FnMut(&str)) {
    put(&user.name);
    put(&user.uid);
    user.groups.iter().for_each(|group| put(group));
}

/// All texts in one buffer, each behind its length: one allocation for the whole record.
fn pack(each: impl Fn(&mut dyn FnMut(&str))) -> Vec<u8> {
    let mut total = 0;
    each(&mut |text| total += 4 + text.len());
    let mut packed = Vec::with_capacity(total);
    each(&mut |text| {
        // A text of 4 GiB does not come through a body of bounded size; if it did, it is left out.
        let (length, text) = match u32::try_from(text.len()) {
            Ok(length) => (length, text),
            Err(_) => (0, ""),
        };
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(text.as_bytes());
    });
    packed
}

/// Reads texts back.
#[derive(Debug, Clone)]
pub(super) struct Texts<'a>(&'a [u8]);

impl<'a> Texts<'a> {
    /// The next text; empty behind the last one.
    pub(super) fn take(&mut self) -> &'a str {
        let Some((length, rest)) = self.0.split_first_chunk() else {
            return "";
        };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((text, rest)) = rest.split_at_checked(length) else {
            return "";
        };
        self.0 = rest;
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// So many more.
    pub(super) fn take_all<T>(&mut self, count: usize, of: impl Fn(&'a str) -> T) -> Vec<T> {
        (0..count).map(|_| of(self.take())).collect()
    }

    /// A user with so many groups.
    pub(super) fn take_user(&mut self, groups: usize) -> User {
        User {
            name: self.take().to_owned(),
            uid: self.take().to_owned(),
            groups: self.take_all(groups, str::to_owned),
            ..User::default()
        }
    }

    /// What was asked.
    pub(super) fn take_attributes(&mut self, is_resource: bool) -> Attributes<'a> {
        let [verb, group, version, resource, subresource, namespace, name] =
            std::array::from_fn(|_| self.take());
        if is_resource {
            Attributes::Resource(ResourceAttributes {
                verb,
                namespace,
                group,
                version,
                resource,
                subresource,
                name,
                ..ResourceAttributes::default()
            })
        } else {
            Attributes::NonResource(NonResourceAttributes { verb, path: group })
        }
    }
}
