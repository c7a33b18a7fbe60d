//! Log events and spans of the server: how they are filtered, what they look like, where they go.
//!
//! The decision log is apart (see [`super::decision_log`]): events are for the operator of the
//! server, lines are for the auditor of the cluster. Neither carries a token.

use std::io;
use std::net::SocketAddr;

use tracing::{Span, Subscriber};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::request_id::RequestId;

/// How an event is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The directives make no sense.
    #[error("`{filter}` is not a log filter; write a level (`info`) or `info,portcullis=debug`")]
    Filter {
        /// What was written.
        filter: String,
        /// What is wrong with it.
        #[source]
        error: ParseError,
    },
    /// Another one was installed before.
    #[error("the log of this process is set up already")]
    Installed,
}

/// Sends the events of this process to standard error. Once per process. `filter` is a level, or
/// directives such as `info,portcullis=debug`.
///
/// # Errors
/// When the filter makes no sense, or a log is set up already.
pub fn init(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let subscriber = subscriber(filter, format, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Installed)
}

/// The same for a program that installs its own, or writes elsewhere.
///
/// # Errors
/// When the filter makes no sense.
pub fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| TelemetryError::Filter { filter: filter.to_owned(), error })?;
    let base = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    Ok(base.with(layer))
}

/// The span of one request, at level debug: `route` is `authorize` or `authenticate`. Costs a
/// nanosecond or two where the filter leaves it out.
#[must_use]
pub fn request_span(route: &'static str, id: &RequestId, peer: Option<SocketAddr>) -> Span {
    tracing::debug_span!("request", route, %id, peer = peer.map(tracing::field::display))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::super::request_id::RequestIds;
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn said(filter: &str, format: LogFormat) -> (String, String) {
        let shared = Shared::default();
        let writer = shared.clone();
        let subscriber = subscriber(filter, format, move || writer.clone()).unwrap();
        let id = RequestIds::new().fresh();
        tracing::subscriber::with_default(subscriber, || {
            let peer = "127.0.0.1:4431".parse().ok();
            let _entered = request_span("authorize", &id, peer).entered();
            tracing::info!(decision = "allow", "answered");
        });
        (shared.text(), id.to_string())
    }

    #[test]
    fn an_event_carries_the_id_of_its_request_where_spans_are_on() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let (text, id) = said("debug", format);
            assert_eq!(text.lines().count(), 1, "{text}");
            for part in [id.as_str(), "127.0.0.1:4431", "answered", "authorize"] {
                assert!(text.contains(part), "{part}: {text}");
            }
            let (quiet, id) = said("info", format);
            assert!(quiet.contains("answered") && !quiet.contains(&id), "{quiet}");
            assert_eq!(said("warn", format).0, "");
        }
    }

    #[test]
    fn json_is_one_object_a_line() {
        let (text, id) = said("debug", LogFormat::Json);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["message"], "answered");
        assert_eq!(value["span"]["id"], id);
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_named() {
        let made = subscriber("portcullis=loudly", LogFormat::Text, io::sink);
        let Err(error) = made else { panic!("it was taken") };
        assert!(error.to_string().contains("`portcullis=loudly`"), "{error}");
        assert!(subscriber("info", LogFormat::Text, io::sink).is_ok());
    }
}
