//! The last few differences of each kind, in bounded memory.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::super::decision_log::render::names;
use super::super::digest::{DigestKey, Masked};
use super::super::metrics::ShadowDifference;
use super::{Answer, word};
use crate::api::decision_line::Mask;
use crate::model::{Attributes, Request, User};

/// Longer names are cut; Kubernetes allows 253 bytes.
const LONGEST_NAME: usize = 253;
/// Longer reasons and errors are cut.
const LONGEST_TEXT: usize = 1_024;
/// More groups, or errors, are left out.
const MOST_LISTED: usize = 16;

/// One difference, and how often it was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Of which kind.
    #[serde(serialize_with = "as_word")]
    pub difference: ShadowDifference,
    /// How often it was met for this user, verb and resource since it is remembered.
    pub count: u64,
    /// When first, since it is remembered.
    pub first_seen: String,
    /// When last.
    pub last_seen: String,
    /// Who asked, the first time.
    pub user: String,
    /// Up to 16 of the groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// For what.
    pub verb: String,
    /// The API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The resource, or empty for a path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// The subresource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// The namespace, the first time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The name, the first time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The path, of what is no resource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What the live policy said, the first time.
    pub live: Said,
    /// What the candidate said, the first time; nothing if it panicked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Said>,
}

/// What a policy said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// `allow`, `deny` or `no-opinion`.
    pub decision: &'static str,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What went wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

fn as_word<S: Serializer>(difference: &ShadowDifference, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(difference.as_str())
}

/// What was met.
pub(super) struct Met<'a> {
    pub(super) difference: ShadowDifference,
    pub(super) request: &'a Request<'a>,
    /// The user in the groups of now.
    pub(super) asked_as: Option<&'a User>,
    pub(super) live: Answer<'a>,
    pub(super) candidate: Option<Answer<'a>>,
    pub(super) at: SystemTime,
}

/// The last of one kind, the newest at the back.
#[derive(Debug, Default)]
pub(super) struct Ring {
    kept: VecDeque<(u64, Sample)>,
    /// How many had to make room.
    pub(super) forgotten: u64,
}

impl Ring {
    /// Remembers a difference; says whether it is a new one. `key` tells which are the same.
    pub(super) fn remember(
        &mut self,
        most: usize,
        key: u64,
        at: SystemTime,
        sample: impl FnOnce() -> Sample,
    ) -> Option<&Sample> {
        if let Some(place) = self.kept.iter().position(|(held, _)| *held == key) {
            if let Some((key, mut sample)) = self.kept.remove(place) {
                sample.count += 1;
                sample.last_seen = written(at);
                self.kept.push_back((key, sample));
            }
            return None;
        }
        while self.kept.len() >= most.max(1) {
            self.kept.pop_front();
            self.forgotten += 1;
        }
        self.kept.push_back((key, sample()));
        self.kept.back().map(|(_, sample)| sample)
    }

    /// The newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Sample> {
        self.kept.iter().rev().map(|(_, sample)| sample)
    }
}

impl Met<'_> {
    /// Written out, masked and cut to size.
    pub(super) fn sample(&self, key: &DigestKey, mask: Mask) -> Sample {
        let Self { request, .. } = self;
        let masked = Masked::new(key, mask, Some(request.user), names(&request.attributes))
            .hiding(self.asked_as);
        let text = |text: &str| cut(masked.text(text), LONGEST_NAME);
        let listed = request.user.groups.iter().take(MOST_LISTED);
        let seen = written(self.at);
        let mut sample = Sample {
            difference: self.difference,
            count: 1,
            first_seen: seen.clone(),
            last_seen: seen,
            user: cut(masked.user(&request.user.name), LONGEST_NAME),
            groups: listed.map(|group| cut(masked.user(group), LONGEST_NAME)).collect(),
            verb: text(request.attributes.verb()),
            group: String::new(),
            resource: String::new(),
            subresource: String::new(),
            namespace: text(request.attributes.namespace()),
            name: String::new(),
            path: String::new(),
            live: self.live.said(&masked),
            candidate: self.candidate.as_ref().map(|answer| answer.said(&masked)),
        };
        match &request.attributes {
            Attributes::Resource(resource) => {
                sample.group = text(resource.group);
                sample.resource = text(resource.resource);
                sample.subresource = text(resource.subresource);
                sample.name = cut(masked.name(resource.name), LONGEST_NAME);
            }
            Attributes::NonResource(path) => {
                sample.path = cut(masked.name(path.path), LONGEST_NAME);
            }
        }
        sample
    }
}

impl Answer<'_> {
    fn said(&self, masked: &Masked<'_>) -> Said {
        let text = |text: &str| cut(masked.text(text), LONGEST_TEXT);
        Said {
            decision: word(self.decision),
            reason: text(self.reason),
            errors: self.errors.iter().take(MOST_LISTED).map(|error| text(error)).collect(),
        }
    }
}

/// RFC 3339 in UTC, to the microsecond.
pub(super) fn written(at: SystemTime) -> String {
    format!("{:.6}", jiff::Timestamp::try_from(at).unwrap_or_default())
}

fn cut(text: Cow<'_, str>, most: usize) -> String {
    if text.len() <= most {
        return text.into_owned();
    }
    let ends = text.char_indices().map(|(end, _)| end).take_while(|end| *end <= most);
    let front = text.get(..ends.last().unwrap_or(0)).unwrap_or_default();
    format!("{front}…")
}
