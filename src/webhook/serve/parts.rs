//! What a server consists of, each from its part of the configuration.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::ServeError;
use crate::authn::cache::CacheConfig;
use crate::webhook::config::{DecisionLogConfig, LogTarget, ServerConfig};
use crate::webhook::decision_log::{DecisionLog, DecisionSink, LogOptions};
use crate::webhook::digest::DigestKey;
use crate::webhook::load::digest_key::read_digest_key;
use crate::webhook::load::tls::{read_login_tls, read_tls};
use crate::webhook::load::{self, Revision};
use crate::webhook::metrics::Metrics;
use crate::webhook::sample::Rate;
use crate::webhook::server::{AllowedClient, ClientAuth, ReloadableTls};

pub(super) fn tls(config: &ServerConfig) -> Result<(Arc<ReloadableTls>, Revision), ServeError> {
    let bytes = read_tls(&config.listen.tls)?;
    for warning in &bytes.warnings {
        tracing::warn!("{warning}");
    }
    let clients = match &bytes.client_ca {
        Some(_) => {
            let names = config.listen.tls.allowed_clients.iter().cloned();
            ClientAuth::Required { allowed: names.map(AllowedClient::CommonName).collect() }
        }
        None => ClientAuth::None,
    };
    Ok((Arc::new(ReloadableTls::new(&bytes.files(), clients)?), bytes.revision))
}

pub(super) fn login_tls(
    config: &ServerConfig,
) -> Result<(Arc<ReloadableTls>, Revision), ServeError> {
    let bytes = read_login_tls(config)?;
    for warning in &bytes.warnings {
        tracing::warn!("{warning}");
    }
    let tls = load::tls::login_tls(&bytes).map_err(ServeError::LoginTls)?;
    Ok((Arc::new(tls), bytes.revision))
}

/// The key that is configured, or one that ends with this process.
pub(super) fn digest_key(config: &ServerConfig) -> Result<DigestKey, ServeError> {
    match config.log.decisions.as_ref().and_then(|decisions| decisions.key_file.as_ref()) {
        Some(named) => Ok(read_digest_key(named)?),
        None => Ok(DigestKey::random()?),
    }
}

pub(super) fn decision_log(
    config: &ServerConfig,
    key: &Arc<DigestKey>,
    metrics: &Arc<Metrics>,
) -> Result<DecisionLog, ServeError> {
    let Some(wanted) = &config.log.decisions else {
        return Ok(DecisionLog::off());
    };
    let DecisionLogConfig { target, sample_allows, sample_refusals, always_verbs, mask, .. } =
        wanted;
    let mut options = LogOptions::new(match target {
        LogTarget::Stdout => DecisionSink::Stdout,
        LogTarget::File(named) => DecisionSink::File(named.path.clone()),
    });
    options.sample.allows = Rate::new(*sample_allows)?;
    options.sample.refusals = Rate::new(*sample_refusals)?;
    if let Some(verbs) = always_verbs {
        options.sample.always.clone_from(verbs);
    }
    options.mask = *mask;
    Ok(DecisionLog::open(options, Arc::clone(key), Arc::clone(metrics))?)
}

pub(super) fn cache_config(config: &ServerConfig) -> CacheConfig {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    CacheConfig {
        capacity: config.token_cache.size,
        yes_seconds: seconds(config.token_cache.success),
        no_seconds: seconds(config.token_cache.failure),
        ..CacheConfig::default()
    }
}

pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| ServeError::Bind { address, error })
}

#[cfg(unix)]
pub(super) async fn reopen_on_hangup(log: Arc<DecisionLog>) {
    use tokio::signal::unix::{SignalKind, signal};

    if let Ok(mut hangup) = signal(SignalKind::hangup()) {
        while hangup.recv().await.is_some() {
            log.reopen();
        }
    }
}

#[cfg(not(unix))]
pub(super) async fn reopen_on_hangup(_: Arc<DecisionLog>) {}

/// Listens for signals from now on, not only from the first poll.
#[cfg(unix)]
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Without anybody who listens it would end the process; whoever reloads listens only when
    // everything is loaded, and looks at the files then anyway.
    let _ = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
