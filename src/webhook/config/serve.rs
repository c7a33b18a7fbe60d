//! Listeners, reload and logs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use super::traces::{self, OpenTelemetryConfig};
use crate::api::decision_line::Mask;
use crate::source::config_file::Field;
use crate::webhook::telemetry::LogFormat;

/// Where reviews are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenConfig {
    /// Address and port.
    pub address: SocketAddr,
    /// The server's certificate and whom it trusts.
    pub tls: TlsConfig,
}

/// The server's certificate and whom it trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate and its chain, PEM.
    pub certificate_file: NamedPath,
    /// Its private key, PEM.
    pub key_file: NamedPath,
    /// Authorities of client certificates, PEM. With them every client needs a certificate.
    pub client_ca_file: Option<NamedPath>,
    /// Common names of the clients that may ask; empty: all with a certificate.
    pub allowed_clients: Vec<String>,
}

/// Where people and probes look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationsConfig {
    /// Address and port; plain HTTP.
    pub address: SocketAddr,
    /// Whether it may be another than a loopback address.
    pub allow_remote: bool,
}

impl Default for OperationsConfig {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 9444)), allow_remote: false }
    }
}

/// How changes of files are noticed. SIGHUP always does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadConfig {
    /// Whether the system is asked to tell about changes.
    pub watch: bool,
    /// How often the files are looked at besides, and a failed load is tried again; zero: never.
    pub interval: Duration,
}

impl Default for ReloadConfig {
    fn default() -> Self {
        Self { watch: true, interval: Duration::from_secs(60) }
    }
}

/// The least important event that is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What needs somebody at once.
    Error,
    /// What somebody should look at.
    Warn,
    /// What changed.
    #[default]
    Info,
    /// What happens.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The level as a filter of the log has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Where a log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output.
    Stdout,
    /// A file; lines are appended.
    File(NamedPath),
}

/// The decision log.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionLogConfig {
    /// Where it goes.
    pub target: LogTarget,
    /// The share of allows that is written, from 0 to 1.
    pub sample_allows: f64,
    /// The share of refusals that is written, from 0 to 1, save those of the verbs below.
    pub sample_refusals: f64,
    /// Verbs whose refusals are always written; `None`: the log's own choice.
    pub always_verbs: Option<Vec<String>>,
    /// Which names are replaced by digests, in the log and at `/shadow`.
    pub mask: Mask,
    /// The key of those digests and of those of tokens, so that they stay the same over restarts
    /// and replicas; without it each process has its own.
    pub key_file: Option<NamedPath>,
}

/// What is logged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogConfig {
    /// The least important event.
    pub level: LogLevel,
    /// How lines look.
    pub format: LogFormat,
    /// The decision log; none without it.
    pub decisions: Option<DecisionLogConfig>,
    /// Spans for a collector; none without it.
    pub open_telemetry: Option<OpenTelemetryConfig>,
}

pub(super) fn listen(field: Field<'_>, base: &Path) -> Option<ListenConfig> {
    let object = field.object()?;
    let address = object.required("address").and_then(|field| field.address());
    let tls = object.required("tls").and_then(|field| tls(field, base));
    object.finish();
    Some(ListenConfig { address: address?, tls: tls? })
}

fn tls(field: Field<'_>, base: &Path) -> Option<TlsConfig> {
    let object = field.object()?;
    let certificate = object.required("certificateFile").and_then(|field| field.path(base));
    let key = object.required("keyFile").and_then(|field| field.path(base));
    let authorities = object.get("clientCAFile");
    let allowed = object.get("allowedClients");
    if let (Some(allowed), None) = (&allowed, &authorities) {
        allowed.note("needs `clientCAFile`: without it nobody proves a name");
    }
    let client_ca_file = authorities.and_then(|field| field.path(base));
    let allowed_clients = allowed.map(|field| field.filled_texts()).unwrap_or_default();
    object.finish();
    Some(TlsConfig {
        certificate_file: certificate?,
        key_file: key?,
        client_ca_file,
        allowed_clients,
    })
}

pub(super) fn operations(field: Field<'_>) -> Option<OperationsConfig> {
    let object = field.object()?;
    let address = object.get("address");
    let allow_remote = object.get("allowRemote").and_then(|field| field.boolean());
    let allow_remote = allow_remote.unwrap_or(false);
    let parsed = match &address {
        Some(field) => field.address(),
        None => Some(OperationsConfig::default().address),
    };
    if let (Some(field), Some(address)) = (&address, parsed)
        && !address.ip().is_loopback()
        && !allow_remote
    {
        field.note(format!(
            "`{address}` can be reached from elsewhere, without TLS or a password; take a loopback \
             address, or set `allowRemote: true` if the network protects it"
        ));
    }
    object.finish();
    Some(OperationsConfig { address: parsed?, allow_remote })
}

pub(super) fn reload(field: Field<'_>) -> Option<ReloadConfig> {
    let object = field.object()?;
    let default = ReloadConfig::default();
    let watch = object.get("watch").and_then(|field| field.boolean());
    let interval = object.get("interval").and_then(|field| {
        let interval = field.duration()?;
        if !interval.is_zero() && interval < Duration::from_secs(1) {
            field.note("must be `0` (never) or at least `1s`");
        }
        Some(interval)
    });
    object.finish();
    Some(ReloadConfig {
        watch: watch.unwrap_or(default.watch),
        interval: interval.unwrap_or(default.interval),
    })
}

pub(super) fn log(field: Field<'_>, base: &Path) -> Option<LogConfig> {
    let object = field.object()?;
    let level = object.get("level").and_then(|field| {
        field.one_of(&[
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ])
    });
    let format = object
        .get("format")
        .and_then(|field| field.one_of(&[("text", LogFormat::Text), ("json", LogFormat::Json)]));
    let decisions = object.get("decisions").and_then(|field| decisions(field, base));
    let open_telemetry =
        object.get("openTelemetry").and_then(|field| traces::open_telemetry(field, base));
    object.finish();
    Some(LogConfig {
        level: level.unwrap_or_default(),
        format: format.unwrap_or_default(),
        decisions,
        open_telemetry,
    })
}

fn decisions(field: Field<'_>, base: &Path) -> Option<DecisionLogConfig> {
    let object = field.object()?;
    let target = match object.get("file") {
        None => Some(LogTarget::Stdout),
        Some(field) => match field.text() {
            Some("-") => Some(LogTarget::Stdout),
            _ => field.path(base).map(LogTarget::File),
        },
    };
    let sample = object.get("sampleAllows").and_then(|field| field.share());
    let refusals = object.get("sampleRefusals").and_then(|field| field.share());
    let always_verbs = object.get("alwaysVerbs").map(|field| field.texts());
    let mask = object.get("mask").and_then(|field| {
        field.one_of(&[
            ("None", Mask::None),
            ("Users", Mask::Users),
            ("UsersAndNames", Mask::UsersAndNames),
        ])
    });
    let key_file = object.get("keyFile");
    let has_key = key_file.is_some();
    let key_file = key_file.and_then(|field| field.path(base));
    object.finish();
    if has_key && key_file.is_none() {
        return None;
    }
    Some(DecisionLogConfig {
        target: target?,
        sample_allows: sample.unwrap_or(1.0),
        sample_refusals: refusals.unwrap_or(1.0),
        always_verbs,
        key_file,
        mask: mask.unwrap_or_default(),
    })
}
