//! Spans for a collector.

use std::path::Path;

use super::NamedPath;
use crate::source::config_file::Field;
use crate::source::fetch::check_url;

/// The share of requests that are traced if nothing else is said.
const SAMPLE: f64 = 0.01;

/// Where spans of requests go, and of which. Only a program with the feature `otel` takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenTelemetryConfig {
    /// The URL that takes traces as OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`: https,
    /// or http on this machine.
    pub endpoint: String,
    /// The share of requests, from 0 to 1, of those whose sender has not decided.
    pub sample: f64,
    /// Authorities of the server there, PEM; only http has none.
    pub ca_file: Option<NamedPath>,
    /// What this server is called there.
    pub service_name: String,
}

pub(super) fn open_telemetry(field: Field<'_>, base: &Path) -> Option<OpenTelemetryConfig> {
    if cfg!(not(feature = "otel")) {
        field.note(
            "this program is built without the feature `otel`; build it with `--features otel`, \
             or leave this out",
        );
    }
    let object = field.object()?;
    let endpoint = object.required("endpoint").and_then(|field| {
        let text = field.text()?;
        match check_url(text) {
            Ok(uri) => Some((text.to_owned(), uri.scheme_str() == Some("https"))),
            Err(error) => {
                field.note(error.to_string());
                None
            }
        }
    });
    let authorities = object.get("caFile");
    match (&endpoint, &authorities) {
        (Some((_, true)), None) => {
            object
                .note("`caFile` is missing: name the authorities that may vouch for the collector");
        }
        (Some((_, false)), Some(authorities)) => {
            authorities.note("http knows no certificates; take https, or leave this out");
        }
        _ => {}
    }
    let ca_file = authorities.and_then(|field| field.path(base));
    let sample = object.get("sample").and_then(|field| field.share());
    let service_name = object.get("serviceName").and_then(|field| field.text());
    object.finish();
    Some(OpenTelemetryConfig {
        endpoint: endpoint?.0,
        sample: sample.unwrap_or(SAMPLE),
        ca_file,
        service_name: service_name.unwrap_or("portcullis").to_owned(),
    })
}
