//! Who may ask for a certificate of which user, in which groups, with which key, and for how long?
//!
//! A policy is a list of rules. The first that fits allows; what none allows is refused, with the
//! name of the rule that came nearest and the first thing in which it did not fit. Whatever the
//! rules say, nobody gets a certificate of `system:masters`.
//!
//! Absent on purpose: files (see `source::signing_policy`), the rules of Kubernetes' signers, which
//! hold besides, and any engine: who may approve and sign is asked elsewhere.

mod key;
mod names;
mod pattern;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use key::KeyRule;
pub use names::{AddressRange, AddressRangeError, AlternativeNames};
pub use pattern::{Pattern, PatternError};

use super::requested::Requested;
use super::signer::Signer;
use crate::crypto::certificate::KeyDescription;
use crate::model::{User, groups};

/// A list of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SigningPolicy {
    /// In the order in which they are tried.
    pub rules: Vec<Rule>,
}

/// What certain requesters may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What refusals and the ledger call it.
    pub name: String,
    /// The signers for which it holds.
    pub signers: Vec<Signer>,
    /// Requesters by name. One of `requesters` and `requester_groups` must mean the requester.
    pub requesters: Vec<Pattern>,
    /// Requesters by group.
    pub requester_groups: Vec<Pattern>,
    /// The common names that they may ask for.
    pub user_names: Vec<Grant>,
    /// The organizations that they may ask for; every one of the request must be meant.
    pub groups: Vec<Grant>,
    /// Organizations without which there is no certificate.
    pub required_groups: Vec<String>,
    /// The uids that they may ask for (S-X509-5); a request without one needs none.
    pub uids: Vec<Grant>,
    /// The keys that may be certified.
    pub keys: Vec<KeyRule>,
    /// The alternative names that they may ask for.
    pub alternative_names: AlternativeNames,
    /// The longest life in seconds; `None` leaves it to the signer.
    pub max_lifetime: Option<i64>,
    /// The longest life in seconds of certificates with this organization.
    pub max_lifetime_by_group: BTreeMap<String, i64>,
}

impl Default for Rule {
    /// A rule that is for nobody and gives nothing; keys are those of [`KeyRule::DEFAULT`], and the
    /// signer is the one for users.
    fn default() -> Self {
        Self {
            name: String::new(),
            signers: vec![Signer::KubeApiserverClient],
            requesters: Vec::new(),
            requester_groups: Vec::new(),
            user_names: Vec::new(),
            groups: Vec::new(),
            required_groups: Vec::new(),
            uids: Vec::new(),
            keys: KeyRule::DEFAULT.to_vec(),
            alternative_names: AlternativeNames::default(),
            max_lifetime: None,
            max_lifetime_by_group: BTreeMap::new(),
        }
    }
}

/// A name that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// What the requester has: its own name, a group it is in, its uid.
    Own,
    /// Any name that is meant.
    Named(Pattern),
}

/// What is asked of a policy.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// Who wants the certificate.
    pub requester: &'a User,
    /// What is to be in it.
    pub requested: Requested<'a>,
    /// Who is to sign.
    pub signer: &'a Signer,
}

/// A yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed<'p> {
    /// The name of the rule.
    pub rule: &'p str,
    /// The longest life in seconds that it gives; `None` leaves it to the signer.
    pub max_lifetime: Option<i64>,
}

/// A no, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyRefusal {
    /// It would be a certificate of a member of `system:masters`.
    #[error(
        "a certificate of group `system:masters` is never issued: it would be allowed everything for as long as it is valid"
    )]
    Masters,
    /// No rule fits.
    #[error("no rule of the signing policy allows it; the nearest is `{rule}`: {misfit}")]
    NoRule {
        /// The rule in which the most did fit; of several the first.
        rule: String,
        /// The first thing that did not.
        misfit: Misfit,
    },
    /// There are no rules.
    #[error("the signing policy has no rules, so it allows nothing")]
    Empty,
}

/// In what a request does not fit a rule, in the order in which it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misfit {
    /// The rule is for other signers.
    Signer(String),
    /// The rule is for other requesters.
    Requester(String),
    /// Another user name was asked for; empty when none was.
    UserName(String),
    /// This group may not be asked for.
    Group(String),
    /// This group must be asked for.
    MissingGroup(String),
    /// This uid may not be asked for.
    Uid(String),
    /// Such a key is not certified.
    Key(String),
    /// This alternative name may not be asked for.
    AlternativeName(String),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signer(name) => write!(f, "it is not for signer `{name}`"),
            Self::Requester(name) => write!(f, "it is not for requester `{name}`"),
            Self::UserName(name) if name.is_empty() => {
                f.write_str("the request has no common name, so the certificate would be nobody's")
            }
            Self::UserName(name) => write!(f, "it does not give user name `{name}`"),
            Self::Group(name) => write!(f, "it does not give group `{name}`"),
            Self::MissingGroup(name) => {
                write!(f, "it is only for members of group `{name}`, which is not asked for")
            }
            Self::Uid(uid) => write!(f, "it does not give uid `{uid}`"),
            Self::Key(key) => write!(f, "it does not take {key} keys"),
            Self::AlternativeName(name) => {
                write!(f, "it does not give the alternative name `{name}`")
            }
        }
    }
}

impl SigningPolicy {
    /// Decides one request.
    ///
    /// ```
    /// use portcullis::crypto::certificate::{KeyDescription, KeyKind};
    /// use portcullis::model::User;
    /// use portcullis::pki::Requested;
    /// use portcullis::pki::policy::{Asked, Grant, Rule, SigningPolicy};
    /// use portcullis::pki::signer::Signer;
    ///
    /// let rule = Rule {
    ///     name: "developers".to_owned(),
    ///     requester_groups: vec!["dev".parse()?],
    ///     user_names: vec![Grant::Own],
    ///     ..Rule::default()
    /// };
    /// let policy = SigningPolicy { rules: vec![rule] };
    /// let jane = User::new("jane").with_groups(["dev"]);
    /// let ask = |common_name| {
    ///     let key = KeyDescription { algorithm: KeyKind::Ed25519, bits: 256, curve: None };
    ///     let requested = Requested { common_name, key: Some(key), ..Requested::default() };
    ///     let signer = &Signer::KubeApiserverClient;
    ///     policy.decide(&Asked { requester: &jane, requested, signer })
    /// };
    /// assert!(ask("jane").is_ok());
    /// assert_eq!(
    ///     ask("joe").unwrap_err().to_string(),
    ///     "no rule of the signing policy allows it; the nearest is `developers`: \
    ///      it does not give user name `joe`"
    /// );
    /// # Ok::<(), portcullis::pki::policy::PatternError>(())
    /// ```
    ///
    /// # Errors
    /// The refusal, with the rule that came nearest.
    pub fn decide(&self, asked: &Asked<'_>) -> Result<Allowed<'_>, PolicyRefusal> {
        if asked.requested.organizations.iter().any(|group| group == groups::MASTERS) {
            return Err(PolicyRefusal::Masters);
        }
        let mut nearest: Option<(&Rule, Misfit)> = None;
        for rule in &self.rules {
            match rule.first_misfit(asked) {
                None => {
                    let max_lifetime = rule.lifetime(&asked.requested);
                    return Ok(Allowed { rule: &rule.name, max_lifetime });
                }
                Some(misfit)
                    if nearest.as_ref().is_none_or(|(_, best)| misfit.stage() > best.stage()) =>
                {
                    nearest = Some((rule, misfit));
                }
                Some(_) => {}
            }
        }
        Err(nearest.map_or(PolicyRefusal::Empty, |(rule, misfit)| PolicyRefusal::NoRule {
            rule: rule.name.clone(),
            misfit,
        }))
    }
}

impl Misfit {
    /// How much did fit.
    const fn stage(&self) -> u8 {
        match self {
            Self::Signer(_) => 0,
            Self::Requester(_) => 1,
            Self::UserName(_) => 2,
            Self::Group(_) => 3,
            Self::MissingGroup(_) => 4,
            Self::Uid(_) => 5,
            Self::Key(_) => 6,
            Self::AlternativeName(_) => 7,
        }
    }
}

impl Rule {
    fn first_misfit(&self, asked: &Asked<'_>) -> Option<Misfit> {
        let Asked { requester, requested, signer } = asked;
        if !self.signers.contains(signer) {
            return Some(Misfit::Signer(signer.to_string()));
        }
        if !self.is_for(requester) {
            return Some(Misfit::Requester(requester.name.clone()));
        }
        let earlier = requested.earlier_common_names.iter().map(String::as_str);
        let mut names = [requested.common_name].into_iter().chain(earlier);
        if let Some(name) = names.find(|name| !self.gives_name(requester, name)) {
            return Some(Misfit::UserName(name.to_owned()));
        }
        let groups = requested.organizations;
        if let Some(group) = groups.iter().find(|group| !self.gives_group(requester, group)) {
            return Some(Misfit::Group(group.clone()));
        }
        if let Some(group) = self.required_groups.iter().find(|group| !groups.contains(group)) {
            return Some(Misfit::MissingGroup(group.clone()));
        }
        if let Some(uid) = requested.uid.filter(|uid| !self.gives_uid(requester, uid)) {
            return Some(Misfit::Uid(uid.to_owned()));
        }
        let takes = |key: &KeyDescription| self.keys.iter().any(|rule| rule.takes(key));
        if !requested.key.as_ref().is_some_and(takes) {
            let key = requested.key.as_ref().map_or("unknown".to_owned(), ToString::to_string);
            return Some(Misfit::Key(key));
        }
        self.alternative_names.first_other(requested).map(Misfit::AlternativeName)
    }

    fn is_for(&self, requester: &User) -> bool {
        means(&self.requesters, &requester.name)
            || requester.groups.iter().any(|group| means(&self.requester_groups, group))
    }

    /// A name of Kubernetes is one's own only for requesters that the rule means by such a name:
    /// a token that lasts an hour must not become a certificate by the way.
    fn gives_name(&self, requester: &User, name: &str) -> bool {
        self.user_names.iter().any(|grant| match grant {
            Grant::Named(pattern) => pattern.matches(name),
            Grant::Own => {
                !name.is_empty()
                    && name == requester.name
                    && (!name.starts_with(pattern::RESERVED) || means(&self.requesters, name))
            }
        })
    }

    fn gives_group(&self, requester: &User, group: &str) -> bool {
        self.groups.iter().any(|grant| match grant {
            Grant::Named(pattern) => pattern.matches(group),
            Grant::Own => {
                !group.is_empty()
                    && !group.starts_with(pattern::RESERVED)
                    && requester.is_member(group)
            }
        })
    }

    fn gives_uid(&self, requester: &User, uid: &str) -> bool {
        self.uids.iter().any(|grant| match grant {
            Grant::Named(pattern) => pattern.matches(uid),
            Grant::Own => !uid.is_empty() && requester.uid == uid,
        })
    }

    /// The shortest that holds.
    fn lifetime(&self, requested: &Requested<'_>) -> Option<i64> {
        let of_groups = requested.organizations.iter();
        let of_groups = of_groups.filter_map(|group| self.max_lifetime_by_group.get(group));
        of_groups.chain(&self.max_lifetime).min().copied()
    }
}

fn means(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}
