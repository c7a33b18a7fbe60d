use std::collections::BTreeMap;

use super::claims::Claims;
use super::error::{EvaluationFailure, OidcError};
use super::rules::Rules;
use crate::authn::CREDENTIAL_ID;
use crate::cel::claims::{Mapping, Output};
use crate::model::User;

/// Where the user name comes from.
#[derive(Debug, Clone)]
pub(super) enum Username {
    Claim { claim: String, prefix: String },
    Expression(Mapping),
}

/// Where the groups come from.
#[derive(Debug, Clone)]
pub(super) enum Groups {
    Claim { claim: String, prefix: String },
    Expression(Mapping),
}

/// Where the uid comes from.
#[derive(Debug, Clone)]
pub(super) enum Uid {
    Claim(String),
    Expression(Mapping),
}

/// An extra value.
#[derive(Debug, Clone)]
pub(super) struct Extra {
    pub(super) key: String,
    pub(super) value: Mapping,
}

impl Rules {
    /// The user of a verified token, before anything is asked of it (S-OIDC-9).
    pub(super) fn user(&self, claims: Claims<'_>) -> Result<User, OidcError> {
        let name = self.username.of(claims)?;
        let groups = match &self.groups {
            Some(groups) => groups.of(claims)?,
            None => Vec::new(),
        };
        let uid = match &self.uid {
            Some(uid) => uid.of(claims)?,
            None => String::new(),
        };
        let mut extra = BTreeMap::new();
        for Extra { key, value } in &self.extra {
            let found = evaluate(value, claims).map_err(OidcError::ExtraEvaluation)?;
            let values = strings(found)
                .ok_or_else(|| OidcError::ExtraType { expression: value.text().to_owned() })?;
            // A key without values is none (S-OIDC-15).
            if !values.is_empty() {
                extra.insert(key.clone(), values);
            }
        }
        if let Some(id) = claims.get("jti").and_then(|id| id.as_str()).filter(|id| !id.is_empty()) {
            extra.insert(CREDENTIAL_ID.to_owned(), vec![format!("JTI={id}")]);
        }
        Ok(User { name, uid, groups, extra })
    }
}

impl Username {
    /// S-OIDC-10, S-OIDC-11.
    pub(super) fn of(&self, claims: Claims<'_>) -> Result<String, OidcError> {
        match self {
            Self::Claim { claim, prefix } => {
                let name = claims
                    .text(claim)
                    .map_err(|error| OidcError::UsernameClaim { claim: claim.clone(), error })?;
                // An address is nobody's before its owner proved it.
                if claim == "email" && claims.has("email_verified") {
                    let is_verified = claims.flag("email_verified");
                    if !is_verified.map_err(OidcError::EmailVerifiedClaim)? {
                        return Err(OidcError::EmailNotVerified);
                    }
                }
                Ok(format!("{prefix}{name}"))
            }
            Self::Expression(mapping) => {
                match evaluate(mapping, claims).map_err(OidcError::UsernameEvaluation)? {
                    Output::String(name) if name.is_empty() => Err(OidcError::UsernameEmpty),
                    Output::String(name) => Ok(name),
                    _ => Err(OidcError::UsernameType),
                }
            }
        }
    }
}

impl Groups {
    /// S-OIDC-12, S-OIDC-13.
    pub(super) fn of(&self, claims: Claims<'_>) -> Result<Vec<String>, OidcError> {
        match self {
            Self::Claim { claim, prefix } => {
                let groups = claims
                    .texts(claim)
                    .map_err(|error| OidcError::GroupsClaim { claim: claim.clone(), error })?;
                Ok(groups.into_iter().map(|group| format!("{prefix}{group}")).collect())
            }
            Self::Expression(mapping) => {
                let groups = evaluate(mapping, claims).map_err(OidcError::GroupsEvaluation)?;
                strings(groups).ok_or(OidcError::GroupsType)
            }
        }
    }
}

impl Uid {
    /// S-OIDC-14.
    fn of(&self, claims: Claims<'_>) -> Result<String, OidcError> {
        match self {
            Self::Claim(claim) => claims
                .text(claim)
                .map(str::to_owned)
                .map_err(|error| OidcError::UidClaim { claim: claim.clone(), error }),
            Self::Expression(mapping) => {
                match evaluate(mapping, claims).map_err(OidcError::UidEvaluation)? {
                    Output::String(uid) => Ok(uid),
                    _ => Err(OidcError::UidType),
                }
            }
        }
    }
}

fn evaluate(mapping: &Mapping, claims: Claims<'_>) -> Result<Output, EvaluationFailure> {
    mapping
        .evaluate(claims.0)
        .map_err(|error| EvaluationFailure { expression: mapping.text().to_owned(), error })
}

/// A string or a list of strings, the empty ones dropped; `None` for anything else (S-OIDC-13).
fn strings(output: Output) -> Option<Vec<String>> {
    let texts = match output {
        Output::Null => Vec::new(),
        Output::String(text) => vec![text],
        Output::List(items) => {
            let text = |item| if let Output::String(text) = item { Some(text) } else { None };
            items.into_iter().map(text).collect::<Option<_>>()?
        }
        _ => return None,
    };
    Some(texts.into_iter().filter(|text| !text.is_empty()).collect())
}
