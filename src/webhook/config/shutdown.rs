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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::config::ServerConfig;

    #[test]
    fn times_are_read_and_have_the_defaults_of_the_transport() {
        let parse = |more: &str| {
            let text = format!(
                "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n\
                 listen: {{address: '127.0.0.1:0', tls: {{certificateFile: a, keyFile: b}}}}\n\
                 authorizers: [{{type: AlwaysDeny}}]\n{more}"
            );
            ServerConfig::parse("s.yaml", text.as_bytes())
        };
        assert_eq!(parse("").unwrap().shutdown.drain, Drain::default());
        let read = parse("shutdown: {delay: 5s, timeout: 1m}\n").unwrap();
        let (delay, timeout) = (Duration::from_secs(5), Duration::from_secs(60));
        assert_eq!(read.shutdown.drain, Drain { delay, timeout });
        assert_eq!(read.needs_restart(&parse("").unwrap()), ["shutdown"]);
        let error = parse("shutdown: {delay: 2h}\n").unwrap_err().to_string();
        assert!(error.contains("s.yaml:5: `shutdown.delay`: must be at most `1h`"), "{error}");
    }
}
