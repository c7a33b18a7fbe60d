use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use http::StatusCode;

use super::authenticate;
use super::authorize::{self, ReviewLimits, Seen};
use super::decision_log::{AuthenticateRecord, AuthorizeRecord, DecisionLog};
use super::metrics::{Decided, Metrics, Proved};
use super::reply::Reply;
use super::shadow::{Answer, Shadow};
use super::traces::Traces;
use crate::authn::cache::TokenCache;
use crate::model::{Request, Verdict};
use crate::snapshot::Snapshot;
use crate::source::fetch::unix_now;

/// The reviews' side of the server, without any HTTP: bodies in, answers out.
///
/// ```
/// use std::sync::Arc;
///
/// use portcullis::api::inventory::Inventory;
/// use portcullis::authn::cache::{CacheConfig, TokenCache};
/// use portcullis::authn::chain::TokenChain;
/// use portcullis::snapshot::{Config, Mode, compile};
/// use portcullis::webhook::{App, Asker};
///
/// let snapshot = compile(&Inventory::default(), &Config::new([Mode::AlwaysAllow]))?;
/// let tokens = TokenCache::new(Arc::new(TokenChain::default()), CacheConfig::default())?;
/// let app = App::new(Arc::new(snapshot), tokens);
/// let body = br#"{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
///     "spec": {"user": "jane", "nonResourceAttributes": {"path": "/", "verb": "get"}}}"#;
/// let reply = app.authorize(body, Asker::default());
/// assert_eq!(reply.status, 200);
/// assert!(reply.body.ends_with(br#""status":{"allowed":true}}"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct App {
    serving: ArcSwap<Serving>,
    tokens: TokenCache,
    limits: ReviewLimits,
    metrics: Arc<Metrics>,
    log: Arc<DecisionLog>,
    shadow: Option<Arc<Shadow>>,
    traces: Option<Arc<Traces>>,
    /// Whether nothing may be answered because nobody knows yet what is revoked.
    awaits_revocations: AtomicBool,
}

/// What decides, and which of those that served since the start it is.
#[derive(Debug, Clone)]
struct Serving {
    snapshot: Arc<Snapshot>,
    generation: u64,
    /// Whether there is no policy yet, so that nothing may be answered.
    is_held: bool,
}

/// Who sends a review, for the decision log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asker<'a> {
    /// The id of the request.
    pub request_id: &'a str,
    /// Where the connection comes from.
    pub peer: Option<SocketAddr>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl App {
    /// Serves this policy and these tokens until others are put in their place. Nothing is written
    /// down and no candidate is asked, unless [`Self::with_log`] and [`Self::with_shadow`] say so.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, tokens: TokenCache) -> Self {
        let limits = ReviewLimits::default();
        Self {
            serving: ArcSwap::from_pointee(Serving { snapshot, generation: 1, is_held: false }),
            tokens,
            limits,
            metrics: Arc::new(Metrics::new()),
            log: Arc::new(DecisionLog::off()),
            shadow: None,
            traces: None,
            awaits_revocations: AtomicBool::new(false),
        }
    }

    /// The same with other limits for reviews.
    #[must_use]
    pub fn with_limits(mut self, limits: ReviewLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with metrics that others count in, too.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// The same with every decision written down.
    #[must_use]
    pub fn with_log(mut self, log: Arc<DecisionLog>) -> Self {
        self.log = log;
        self
    }

    /// The same with a candidate policy asked beside.
    #[must_use]
    pub fn with_shadow(mut self, shadow: Arc<Shadow>) -> Self {
        self.shadow = Some(shadow);
        self
    }

    /// The same with spans of requests sent away.
    #[must_use]
    pub(super) fn with_traces(mut self, traces: Option<Arc<Traces>>) -> Self {
        self.traces = traces;
        self
    }

    /// Where spans of requests go, if anywhere.
    pub(super) const fn traces(&self) -> Option<&Arc<Traces>> {
        self.traces.as_ref()
    }

    /// The metrics.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The candidate beside, if there can be one.
    #[must_use]
    pub const fn shadow(&self) -> Option<&Arc<Shadow>> {
        self.shadow.as_ref()
    }

    /// Counts the policies that served since the start.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.serving.load().generation
    }

    /// Lets another policy decide from the next review on. Reviews under way end with the one they
    /// began with.
    pub fn publish(&self, snapshot: Arc<Snapshot>, generation: u64) {
        self.serving.store(Arc::new(Serving { snapshot, generation, is_held: false }));
    }

    /// Answers reviews with 503 until a policy is published: there is none yet, and no default answer.
    pub(super) fn hold(&self) {
        let serving = Serving { is_held: true, ..Serving::clone(&self.serving.load()) };
        self.serving.store(Arc::new(serving));
    }

    /// Answers reviews with 503, whatever policy there is, until somebody says that it is known what is
    /// revoked: who was revoked before this start would be let in.
    pub(super) fn await_revocations(&self, is_awaited: bool) {
        self.awaits_revocations.store(is_awaited, Ordering::Release);
    }

    /// Why nothing may be answered now.
    fn unknown(&self, serving: &Serving) -> Option<Reply> {
        if serving.is_held {
            return Some(not_yet("the objects of the cluster have not been read yet; try again"));
        }
        let is_awaited = self.awaits_revocations.load(Ordering::Acquire);
        is_awaited.then(|| not_yet("what is revoked has not been read yet; try again"))
    }

    /// What the policy that serves says to a request; nothing while nothing may be answered.
    pub(super) fn verdict(&self, request: &Request<'_>) -> Verdict<'static> {
        let serving = self.serving.load();
        if self.unknown(&serving).is_some() {
            return Verdict::no_opinion("");
        }
        let verdict = serving.snapshot.authorize(request);
        let reason = verdict.reason().into_owned();
        Verdict::new(verdict.decision, reason).with_errors(verdict.errors.clone())
    }

    /// The tokens' side, to be flushed or given another chain.
    #[must_use]
    pub const fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    /// Answers the body of a `POST /authorize`.
    pub fn authorize(&self, body: &[u8], asker: Asker<'_>) -> Reply {
        self.authorized(body, asker).0
    }

    /// The same, and what it came to.
    pub(super) fn authorized(&self, body: &[u8], asker: Asker<'_>) -> (Reply, Decided) {
        let started = Instant::now();
        let serving = self.serving.load();
        if let Some(reply) = self.unknown(&serving) {
            self.metrics.authorized(Decided::Error, started.elapsed());
            return (reply, Decided::Error);
        }
        let Serving { snapshot, generation, .. } = &**serving;
        let (reply, decided) = authorize::answer(body, snapshot, &self.limits, |seen| {
            let took = started.elapsed();
            let live = Answer {
                decision: seen.verdict.decision,
                reason: seen.reason,
                errors: &seen.verdict.errors,
            };
            if decided_by_revocation(snapshot, seen) {
                self.metrics.revocation_refused();
            }
            if snapshot.ends_soon(seen.verdict).is_some() {
                self.metrics.grant_ends_soon();
            }
            let shadow = self.shadow.as_ref().and_then(|shadow| shadow.compare(seen.request, live));
            let verb = seen.request.attributes.verb();
            let Some(kept) = self.log.wants(seen.outcome, verb) else { return };
            let record = AuthorizeRecord {
                request_id: asker.request_id,
                request: seen.request,
                decided: seen.outcome,
                reason: seen.reason,
                link: seen.verdict.link().unwrap_or_default(),
                moment: seen.verdict.moment(),
                asked_as: seen.verdict.replaced_user(),
                errors: &seen.verdict.errors,
                snapshot,
                generation: *generation,
                took,
                peer: asker.peer,
                shadow,
            };
            self.log.authorize(kept, &record);
        });
        self.metrics.authorized(decided, started.elapsed());
        (reply, decided)
    }

    /// Answers the body of a `POST /authenticate`. Must be called within a tokio runtime.
    pub async fn authenticate(&self, body: &[u8], asker: Asker<'_>) -> Reply {
        self.authenticated(body, asker).await.0
    }

    /// The same, and what it came to.
    pub(super) async fn authenticated(&self, body: &[u8], asker: Asker<'_>) -> (Reply, Proved) {
        let started = Instant::now();
        if let Some(reply) = self.unknown(&self.serving.load()) {
            self.metrics.authenticated(Proved::Error, started.elapsed());
            return (reply, Proved::Error);
        }
        let (reply, proved, used) = authenticate::answer(body, &self.tokens, unix_now(), |seen| {
            let Some(kept) = self.log.wants_token(seen.proved()) else { return };
            let proof = seen.found.ok().flatten();
            let error = seen.found.err().map(ToString::to_string);
            let record = AuthenticateRecord {
                request_id: asker.request_id,
                proved: seen.proved(),
                token: seen.token,
                user: proof.map(|proof| &proof.authenticated.user),
                audiences: seen.audiences,
                authenticator: proof.map_or("", |proof| &proof.authenticator),
                error: error.as_deref().unwrap_or_default(),
                generation: self.generation(),
                took: started.elapsed(),
                peer: asker.peer,
            };
            self.log.authenticate(kept, &record);
        })
        .await;
        if let Some(used) = used {
            self.metrics.cache(used);
        }
        self.metrics.authenticated(proved, started.elapsed());
        (reply, proved)
    }
}

/// An API server asks again, and meanwhile its failure policy decides (S-WHA-8).
fn not_yet(why: &str) -> Reply {
    Reply::failure(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// The list is asked first: a denial of somebody on it is its denial.
fn decided_by_revocation(snapshot: &Snapshot, seen: &Seen<'_>) -> bool {
    seen.outcome == Decided::Deny
        && snapshot
            .revocations()
            .is_some_and(|list| list.load().of_user(seen.request.user).is_some())
}
