use std::fmt;

use super::super::mode::Mode;
use super::{AuthorizationConfiguration, AuthorizerType};

/// Why a running API server keeps its chain instead of taking over a new one (S-ACFG-8), in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Types that were there at the start are not any more. Sorted by name.
    #[error("missing required types: {}", List(.0))]
    MissingTypes(Vec<Mode>),
    /// A type that cannot be added later: `Node`, `RBAC` or `ABAC`.
    #[error(
        "authorizer type {} is not allowed if it was not enabled at initial server startup",
        .0.as_str()
    )]
    NotEnabled(Mode),
}

/// A list as Go prints it.
struct List<'a>(&'a [Mode]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|mode| mode.as_str()).collect();
        write!(f, "[{}]", names.join(" "))
    }
}

/// Types whose engine is built once, at the start.
const BUILT_AT_START: [Mode; 3] = [Mode::Abac, Mode::Node, Mode::Rbac];

/// What a running API server objects to in a new file (S-ACFG-8): nothing, when it would take it over.
/// `started_with` is the chain of its start, not the one that was loaded last.
///
/// ```
/// use portcullis::api::authorization_config::{ModeFlags, reload_errors};
///
/// let chain = |modes: &str| ModeFlags::from_args(["--authorization-mode", modes]).unwrap().build().unwrap();
/// let started_with = chain("Node,RBAC");
/// assert_eq!(reload_errors(&started_with, &chain("RBAC,Node,AlwaysDeny")), []);
/// assert_eq!(
///     reload_errors(&started_with, &chain("AlwaysDeny"))[0].to_string(),
///     "missing required types: [Node RBAC]",
/// );
/// ```
#[must_use]
pub fn reload_errors(
    started_with: &AuthorizationConfiguration,
    new: &AuthorizationConfiguration,
) -> Vec<ReloadError> {
    let missing = missing_types(started_with, new);
    if !missing.is_empty() {
        return vec![ReloadError::MissingTypes(missing)];
    }
    let added = modes(new).find(|mode| {
        BUILT_AT_START.contains(mode) && !started_with.has(AuthorizerType::Mode(*mode))
    });
    // The first one ends the attempt.
    added.map(ReloadError::NotEnabled).into_iter().collect()
}

fn missing_types(
    started_with: &AuthorizationConfiguration,
    new: &AuthorizationConfiguration,
) -> Vec<Mode> {
    let mut missing: Vec<Mode> =
        modes(started_with).filter(|mode| !new.has(AuthorizerType::Mode(*mode))).collect();
    // The order of the type is that of its names.
    missing.sort_unstable();
    missing.dedup();
    missing
}

fn modes(chain: &AuthorizationConfiguration) -> impl Iterator<Item = Mode> {
    chain.authorizers.iter().filter_map(|entry| match entry.kind() {
        AuthorizerType::Mode(mode) => Some(mode),
        AuthorizerType::Webhook => None,
    })
}
