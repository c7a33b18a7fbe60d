use std::fmt::{self, Display};
use std::time::{Duration, SystemTime};

use super::{Saved, SavedError, SavedFile};
use crate::model::Moment;

/// Two clocks that are this far apart are no reason to refuse anything.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

/// How old a saved state is. Displays as `saved at 2026-11-26T08:00:00Z, 3h5m ago`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// When it was saved.
    pub at: SystemTime,
    /// How long ago that is, or, as an error, how far in the future: the clock went back since, or is wrong.
    pub age: Result<Duration, Duration>,
}

impl Saved {
    /// How old it is, for whoever starts from it and says so.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Age {
        Age::of(self.at, now)
    }
}

impl Age {
    fn of(at: SystemTime, now: SystemTime) -> Self {
        Self { at, age: now.duration_since(at).map_err(|error| error.duration()) }
    }
}

impl Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "saved at {}, ", second(self.at))?;
        match self.age {
            Ok(age) => write!(f, "{} ago", Span(age)),
            Err(ahead) if ahead <= CLOCKS_DIFFER => f.write_str("just now"),
            Err(ahead) => write!(
                f,
                "{} in the future: the clock of this machine went back since, or was wrong then",
                Span(ahead)
            ),
        }
    }
}

/// Whether it is believed.
pub(super) fn check(file: &SavedFile, at: SystemTime, now: SystemTime) -> Result<(), SavedError> {
    let Some(max_age) = file.max_age else { return Ok(()) };
    let path = file.path.clone();
    match Age::of(at, now).age {
        Ok(age) if age > max_age => Err(SavedError::TooOld { path, at, age, max_age }),
        Err(ahead) if ahead > CLOCKS_DIFFER => Err(SavedError::FromTheFuture { path, at, ahead }),
        _ => Ok(()),
    }
}

/// A time as people read it.
pub(super) fn second(at: SystemTime) -> Moment {
    Moment::from_seconds(Moment::of(at).seconds())
}

/// A length of time to the second, as configuration files write it: `25h1m`.
pub(super) struct Span(pub(super) Duration);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds == 0 {
            return f.write_str("0s");
        }
        for (count, unit) in [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
        {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}
