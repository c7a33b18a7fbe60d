//! One signer at work.

use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::books::SignerBooks;
use super::desk::Desk;
use super::judge::{Step, Write, judge};
use super::queue::{Queue, Taken};
use super::{Authorize, SignerStatus, SignerTools};
use crate::api::certificates::CertificateSigningRequest;
use crate::source::api_server::send;
use crate::source::fetch::unix_now;
use crate::source::watch::{Cluster, Connection, Tuning, Watched};
use crate::webhook::load::with_causes;
use crate::webhook::metrics::{Metrics, SignerOutcome};

/// So many requests are signed at a time.
const AT_A_TIME: usize = 4;

/// A signer at work, until it is dropped.
pub(super) struct Controller {
    work: Arc<Work>,
    cluster: Cluster,
    tasks: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let signer = &self.work.desk.config.signer;
        f.debug_struct("Controller").field("signer", signer).finish_non_exhaustive()
    }
}

struct Work {
    desk: Desk,
    books: SignerBooks,
    authorize: Authorize,
    connection: Connection,
    metrics: Arc<Metrics>,
    queue: Arc<Queue>,
    /// What went wrong last, and is not over.
    problem: Mutex<Option<String>>,
}

impl Controller {
    pub(super) fn start(desk: Desk, books: SignerBooks, tools: &SignerTools) -> Self {
        let signer = desk.config.signer.as_str().into();
        let watched = vec![Watched::SigningRequests { signer }];
        let cluster = Cluster::start(&tools.connection, watched, None, Tuning::default());
        let queue = Arc::new(Queue::new(tools.spread));
        let work = Arc::new(Work {
            desk,
            books,
            authorize: Authorize::clone(&tools.authorize),
            connection: tools.connection.clone(),
            metrics: Arc::clone(&tools.metrics),
            queue: Arc::clone(&queue),
            problem: Mutex::default(),
        });
        cluster.follow(queue);
        let tasks = (0..AT_A_TIME).map(|_| tokio::spawn(Arc::clone(&work).run())).collect();
        Self { work, cluster, tasks }
    }

    pub(super) fn status(&self) -> SignerStatus {
        let problem = self.work.problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
        SignerStatus {
            signer: self.work.desk.config.signer.clone(),
            waiting: self.work.queue.len(),
            problem: self.work.desk.problem().or(problem),
            watch: self.cluster.status(),
        }
    }
}

/// Whether the API server can tell a write of it from one of another version, or of another object of the
/// same name.
pub(super) fn is_bound(object: &Value) -> bool {
    let metadata = object.get("metadata");
    let says = |field| {
        let text = metadata.and_then(|metadata| metadata.get(field)).and_then(Value::as_str);
        text.is_some_and(|text| !text.is_empty())
    };
    says("resourceVersion") && says("uid")
}

impl Drop for Controller {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Work {
    async fn run(self: Arc<Self>) {
        loop {
            let taken = self.queue.take().await;
            self.handle(taken).await;
        }
    }

    async fn handle(self: &Arc<Self>, taken: Taken) {
        let name = taken.name.clone();
        let signer = &self.desk.config.signer;
        let mut taken = taken;
        if let Some(signed) = taken.signed.take()
            && signed.reusable_until.is_some_and(|until| unix_now() < until)
        {
            return self.write(taken, signed).await;
        }
        if !is_bound(&taken.object) {
            let error = "it does not say which object it is, in which version";
            tracing::warn!(%signer, request = name, error, "not read");
            self.metrics.signer(SignerOutcome::Failed);
            return self.queue.done(&taken);
        }
        let object = match CertificateSigningRequest::from_value(taken.object.clone()) {
            Ok(object) => object,
            Err(error) => {
                tracing::warn!(%signer, request = name, error = with_causes(&error), "not read");
                self.metrics.signer(SignerOutcome::Failed);
                return self.queue.done(&taken);
            }
        };
        // The books wait for the disk or the API server.
        let work = Arc::clone(self);
        let judged = tokio::task::spawn_blocking(move || {
            judge(object, &work.desk, &work.books, &work.authorize, unix_now())
        });
        match judged.await {
            Ok(Step::Nothing) => self.queue.done(&taken),
            Ok(Step::Pending(why)) => {
                if taken.left != why {
                    tracing::info!(%signer, request = name, why, "request stays pending");
                    taken.left = why;
                }
                // Neither a new signing policy nor who is authorized by now changes the object.
                self.queue.again(taken, None);
            }
            Ok(Step::Write(write)) => self.write(taken, *write).await,
            Ok(Step::Failed(error)) => {
                tracing::error!(%signer, request = name, error, "request not signed");
                self.metrics.signer(SignerOutcome::Failed);
                self.note(Some(error));
                self.queue.again(taken, None);
            }
            Err(error) => {
                tracing::error!(%signer, request = name, %error, "request not signed");
                self.metrics.signer(SignerOutcome::Failed);
                self.queue.again(taken, None);
            }
        }
    }

    async fn write(&self, mut taken: Taken, write: Write) {
        let Write { object, to, outcome, said, .. } = write.clone();
        let (name, signer, to) = (taken.name.clone(), &self.desk.config.signer, to.as_str());
        // It names the object and the version that was looked at, so that whoever was first wins, and none
        // of the same name gets what another was judged by.
        let path = format!("/apis/certificates.k8s.io/v1/certificatesigningrequests/{name}/{to}");
        let value = object.into_value();
        match send(&self.connection, Method::PUT, &path, Some(&value)).await {
            Ok(_) => {
                tracing::info!(%signer, request = name, outcome = outcome.as_str(), said, "request decided");
                self.metrics.signer(outcome);
                self.note(None);
                self.queue.done(&taken);
            }
            // Somebody else was first; the watch brings what came of it.
            Err(error) if error.is_conflict() || error.is_not_found() => {
                tracing::debug!(%signer, request = name, %error, "somebody else was first");
                self.queue.done(&taken);
            }
            Err(error) => {
                let asked_for = error.retry_after();
                let error = with_causes(&error);
                tracing::error!(%signer, request = name, error, "request not written to /{to}");
                self.metrics.signer(SignerOutcome::Failed);
                self.note(Some(error));
                // Another one would be one more in the books, with each try.
                taken.signed = Some(write);
                self.queue.again(taken, asked_for);
            }
        }
    }

    fn note(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}
