//! How the server stops.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::source::config_file::Field;
use crate::webhook::server::Drain;

/// How the server stops, see [`Drain`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShutdownConfig {
    /// Times.
    pub drain: Drain,
}

pub(super) fn shutdown(field: Field<'_>) -> Option<ShutdownConfig> {
    const RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);
    let object = field.object()?;
    let time = |name, default, bounds| {
        object
            .get(name)
            .map_or(Some(default), |field| field.within(field.duration()?, &RANGE, bounds))
    };
    let default = Drain::default();
    let delay = time("delay", default.delay, "at most `1h`: so long load balancers may take");
    let timeout = time("timeout", default.timeout, "at most `1h`: so long requests may take");
    object.finish();
    Some(ShutdownConfig { drain: Drain { delay: delay?, timeout: timeout? } })
}
