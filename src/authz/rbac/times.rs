//! When does a binding grant? Bindings that begin and end, by annotations of their own.
//!
//! The API server knows none of this: its own RBAC sees such a binding as one that grants for ever.

use std::fmt;

use super::Policy;
use super::table::RoleRow;
use super::vocabulary::Question;
use crate::api::meta::ObjectMeta;
use crate::model::{Clock, Moment, Request};

/// The annotation that says from when on a binding grants.
pub const NOT_BEFORE: &str = "portcullis.dev/not-before";
/// The annotation that says from when on a binding grants no longer.
pub const NOT_AFTER: &str = "portcullis.dev/not-after";

/// When a binding grants: from `not_before` on, and no longer from `not_after` on.
///
/// ```
/// use portcullis::api::meta::ObjectMeta;
/// use portcullis::authz::rbac::{GrantTimes, NOT_AFTER};
///
/// let mut binding = ObjectMeta::default();
/// assert_eq!(GrantTimes::of(&binding), Ok(None));
///
/// binding.annotations.insert(NOT_AFTER.into(), "2026-11-27T08:00:00Z".into());
/// let times = GrantTimes::of(&binding)?.unwrap();
/// assert!(times.hold_at("2026-11-27T07:59:59.999999Z".parse()?));
/// assert!(!times.hold_at("2026-11-27T08:00:00Z".parse()?));
/// assert_eq!(times.to_string(), "until 2026-11-27T08:00:00Z");
///
/// binding.annotations.insert(NOT_AFTER.into(), "tomorrow".into());
/// assert!(GrantTimes::of(&binding).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GrantTimes {
    /// The first instant at which it grants; `None`: it always has.
    pub not_before: Option<Moment>,
    /// The first instant at which it grants no longer; `None`: it always will.
    pub not_after: Option<Moment>,
}

/// Annotations of a binding that name no time at which it grants. It never does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantTimesError {
    /// A value that is no time.
    #[error(
        "`{annotation}` is `{value}`, which is not a time as RFC 3339 writes it \
         (`2026-11-27T08:00:00Z`)"
    )]
    NoTime {
        /// Which annotation.
        annotation: &'static str,
        /// What it says.
        value: String,
    },
    /// It would end before it begins, or at that instant.
    #[error("it ends at {not_after}, which is not after it begins, {not_before}")]
    Empty {
        /// The beginning.
        not_before: Moment,
        /// The end.
        not_after: Moment,
    },
}

impl GrantTimes {
    /// What never grants.
    pub(super) const NEVER: Self = Self {
        not_before: Some(Moment::from_micros(i64::MAX)),
        not_after: Some(Moment::from_micros(i64::MIN)),
    };

    /// What a binding says of itself; `None` when it says nothing, and so grants for ever.
    ///
    /// # Errors
    /// When it says something that names no time at which it grants.
    pub fn of(binding: &ObjectMeta) -> Result<Option<Self>, GrantTimesError> {
        let read = |annotation: &'static str| {
            let value = binding.annotations.get(annotation);
            let no_time =
                |value: &str| GrantTimesError::NoTime { annotation, value: value.to_owned() };
            value.map(|value| value.parse().map_err(|_| no_time(value))).transpose()
        };
        let (not_before, not_after) = (read(NOT_BEFORE)?, read(NOT_AFTER)?);
        match (not_before, not_after) {
            (None, None) => Ok(None),
            (Some(not_before), Some(not_after)) if not_after <= not_before => {
                Err(GrantTimesError::Empty { not_before, not_after })
            }
            _ => Ok(Some(Self { not_before, not_after })),
        }
    }

    /// Whether it grants at that moment.
    #[must_use]
    pub fn hold_at(&self, now: Moment) -> bool {
        self.not_before.is_none_or(|begin| begin <= now)
            && self.not_after.is_none_or(|end| now < end)
    }
}

impl fmt::Display for GrantTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.not_before, self.not_after) {
            _ if *self == Self::NEVER => f.write_str("never"),
            (Some(begin), Some(end)) => write!(f, "from {begin} until {end}"),
            (Some(begin), None) => write!(f, "from {begin}"),
            (None, Some(end)) => write!(f, "until {end}"),
            (None, None) => f.write_str("for ever"),
        }
    }
}

impl RoleRow {
    /// Whether those grant at a moment who are bound to this row.
    pub(super) fn is_in_force(&self, moment: Moment) -> bool {
        self.times.as_ref().is_none_or(|times| times.hold_at(moment))
    }
}

impl Policy {
    /// Whether bindings begin and end by a clock.
    pub(super) const fn has_grant_times(&self) -> bool {
        self.clock.is_some()
    }

    /// What the clock shows by which bindings begin and end; `None` when they do not.
    #[must_use]
    pub fn moment(&self) -> Option<Moment> {
        self.clock.as_ref().map(Clock::now)
    }

    /// What the clock shows. Without one nothing begins or ends, and any moment will do.
    pub(super) fn now(&self) -> Moment {
        self.clock.as_ref().map_or(Moment::from_seconds(0), Clock::now)
    }

    /// The moment of a question: the clock is asked by the first grant that needs it.
    pub(super) fn moment_of(&self, question: &Question<'_>) -> Moment {
        question.moment.get().unwrap_or_else(|| {
            let now = self.now();
            question.moment.set(Some(now));
            now
        })
    }

    /// The first moment from `now` on at which nothing allows a request any more that is allowed now;
    /// `None` when there is none.
    pub(super) fn end_of(&self, request: &Request<'_>, now: Moment) -> Option<Moment> {
        let question = self.question(&request.attributes);
        let mut times: Vec<GrantTimes> = Vec::new();
        let mut lasts = false;
        for scope in self.scopes(request.attributes.namespace()) {
            self.each_held(request.user, &scope.namespace, |role, _| {
                let Some(row) = self.roles.get(role) else { return };
                let of_row = row.times.as_deref();
                // As if it were in force: whether it is, and for how long, is seen below.
                let at = of_row.and_then(|times| times.not_before).unwrap_or(now);
                question.moment.set(Some(at));
                if lasts || !self.role_allows(role, &question) {
                    return;
                }
                match of_row {
                    Some(of_row) => times.push(*of_row),
                    None => lasts = true,
                }
            });
        }
        if lasts {
            return None;
        }
        end_of_run(times, now)
    }
}

/// When the times end that follow each other without a gap, from `now` on; `None`: never, or they do not
/// hold now.
fn end_of_run(mut times: Vec<GrantTimes>, now: Moment) -> Option<Moment> {
    // By their beginning, so that one look at each will do.
    times.sort_unstable_by_key(|times| times.not_before);
    let mut end = None;
    for GrantTimes { not_before, not_after } in times {
        if not_before.is_some_and(|begin| begin > end.unwrap_or(now)) {
            break;
        }
        let not_after = not_after?;
        if not_after > end.unwrap_or(now) {
            end = Some(not_after);
        }
    }
    end
}

#[cfg(test)]
mod tests;
