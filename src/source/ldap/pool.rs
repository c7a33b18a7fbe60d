use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::DirectoryError;
use super::connection::{Connection, Failure};
use super::error::PoolError;
use super::gate::Gate;
use super::health::{Health, ServerStatus};
use super::options::{PoolOptions, Service};
use super::password::service_password;
use super::server::{Address, Safety};
use super::tls::Tls;
use crate::authn::Secret;
use crate::authn::ldap::{Asking, Bound, Directory, Filter, Found, Scope, Search, Searcher};

/// A directory of one or more servers. Cheap to clone; clones share the connections.
///
/// Must be used inside of a Tokio runtime. See the [module](super) for what it does.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    options: PoolOptions,
    servers: Vec<Server>,
    /// Connections of the service account that nobody uses; the one used last at the end.
    idle: Mutex<VecDeque<Connection>>,
    service_gate: Gate,
    bind_gate: Gate,
    /// The service account's password as its file last held a good one.
    password: Mutex<Option<Arc<Secret>>>,
}

struct Server {
    address: Address,
    tls: Option<Tls>,
    health: Health,
}

impl Pool {
    /// Reads all files. Opens no connection yet; see [`Self::check`].
    ///
    /// # Errors
    /// When the options cannot work, or a file cannot be read or is broken.
    pub fn new(options: PoolOptions) -> Result<Self, PoolError> {
        options.check()?;
        let servers: Vec<Server> =
            options.servers.iter().map(|url| server(url, &options)).collect::<Result<_, _>>()?;
        if servers.is_empty() {
            return Err(PoolError::NoServer);
        }
        let has_tls = servers.iter().all(|server| server.tls.is_some());
        if options.service == Service::Certificate
            && (options.client_certificate.is_none() || !has_tls)
        {
            return Err(PoolError::NoClientCertificate);
        }
        let password = Mutex::new(service_password(&options.service)?);
        let gate = |inside| Gate::new(inside, options.waiters, options.budget);
        let (service_gate, bind_gate) = (gate(options.connections), gate(options.binds));
        let idle = Mutex::default();
        let shared = Shared { options, servers, idle, service_gate, bind_gate, password };
        Ok(Self(Arc::new(shared)))
    }

    /// Whether a server answers the service account now.
    ///
    /// # Errors
    /// When none does.
    pub async fn check(&self) -> Result<(), DirectoryError> {
        let root = Search::for_one("", Scope::Base, Filter::everything()).with_attributes(["1.1"]);
        self.search(root).await.map(|_| ())
    }

    /// How each server does, in the order of the options.
    #[must_use]
    pub fn status(&self) -> Vec<ServerStatus> {
        let servers = self.0.servers.iter();
        servers.map(|server| server.health.status(&server.address.url)).collect()
    }

    /// How many requests wait for a connection now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.service_gate.waiting() + self.0.bind_gate.waiting()
    }
}

fn server(url: &str, options: &PoolOptions) -> Result<Server, PoolError> {
    let address = Address::parse(url, options.encryption)?;
    let tls = match address.safety {
        Safety::None => None,
        Safety::Tls | Safety::StartTls => Some(Tls::new(options, &address)?),
    };
    let health = Health::new(options.first_back_off, options.longest_back_off);
    Ok(Server { address, tls, health })
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, VecDeque<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The password as its file holds it now; that of before if the file is broken, as it is while
    /// somebody writes it.
    fn password(&self) -> Option<Arc<Secret>> {
        let read = service_password(&self.options.service);
        let mut known = self.password.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(password) => known.clone_from(&password),
            Err(error) => {
                tracing::warn!(%error, "service account's password not reloaded, the known one serves");
            }
        }
        known.clone()
    }

    /// A search as the service account: on whatever server answers in time.
    async fn search(&self, search: &Search) -> Result<Found, DirectoryError> {
        let deadline = Instant::now() + self.options.budget;
        let _permit = self.service_gate.enter(deadline).await?;
        loop {
            let (mut connection, is_fresh) = match self.take_idle(deadline).await {
                Some(connection) => (connection, false),
                None => (self.connect(deadline, true).await?, true),
            };
            match self.search_on(&mut connection, search, deadline).await {
                Ok(found) => {
                    // After part of an answer the rest of it would come.
                    if found.is_complete {
                        self.put_back(connection);
                    }
                    return Ok(found);
                }
                Err(Failure::Answer(error) | Failure::Service(error)) => {
                    self.put_back(connection);
                    return Err(error);
                }
                Err(Failure::Server(error)) => {
                    self.forget(connection.server);
                    // An old connection says little about the server: it may have been restarted.
                    if is_fresh {
                        self.fail(connection.server, &error);
                    }
                    self.check_time(deadline)?;
                }
            }
        }
    }

    async fn search_on(
        &self,
        connection: &mut Connection,
        search: &Search,
        deadline: Instant,
    ) -> Result<Found, Failure> {
        let time = self.options.operation_timeout;
        let searching = connection.search(search, time, self.options.max_bytes);
        match self.in_time(deadline, searching).await {
            Some(result) => result,
            None => {
                let error = format!("no answer within {time:?}");
                // Whoever is slow on an old connection is slow on a new one.
                self.fail(connection.server, &error);
                Err(Failure::Server(error))
            }
        }
    }

    /// The answer, unless it takes longer than an operation may, or than is left.
    async fn in_time<T>(&self, deadline: Instant, asking: impl Future<Output = T>) -> Option<T> {
        let limit = deadline.min(Instant::now() + self.options.operation_timeout);
        timeout_at(limit, asking).await.ok()
    }

    fn check_time(&self, deadline: Instant) -> Result<(), DirectoryError> {
        if Instant::now() < deadline {
            return Ok(());
        }
        Err(DirectoryError::Timeout(self.options.budget))
    }

    /// A connection of the service account that works as far as can be told.
    async fn take_idle(&self, deadline: Instant) -> Option<Connection> {
        loop {
            let mut connection = self.idle().pop_back()?;
            let now = Instant::now();
            if connection.is_closed() || now - connection.born > self.options.max_age {
                continue;
            }
            if now - connection.used <= self.options.idle_check {
                return Some(connection);
            }
            match self.in_time(deadline, connection.check()).await {
                Some(Ok(())) => return Some(connection),
                Some(Err(_)) | None => self.forget(connection.server),
            }
        }
    }

    fn put_back(&self, mut connection: Connection) {
        connection.used = Instant::now();
        let mut idle = self.idle();
        if !connection.is_closed() && idle.len() < self.options.connections {
            idle.push_back(connection);
        }
    }

    /// Closes what goes to a server that has just failed.
    fn forget(&self, server: usize) {
        self.idle().retain(|connection| connection.server != server);
    }

    fn fail(&self, server: usize, error: &str) {
        if let Some(server) = self.servers.get(server) {
            tracing::warn!(url = server.address.url, error, "directory server failed");
            server.health.fail(Instant::now(), error);
        }
    }

    /// A new connection to the first server that takes it.
    async fn connect(
        &self,
        deadline: Instant,
        as_service: bool,
    ) -> Result<Connection, DirectoryError> {
        let mut service_error = None;
        for (index, server) in self.servers.iter().enumerate() {
            let Some(_trial) = server.health.admit(Instant::now()) else { continue };
            let limit = deadline.saturating_duration_since(Instant::now());
            let limit = limit.min(self.options.connect_timeout);
            let opening = async {
                let mut connection =
                    Connection::open(&server.address, server.tls.as_ref(), index).await?;
                if as_service {
                    let service = &self.options.service;
                    let password = self.password();
                    connection.bind_service(service, password.as_deref()).await?;
                }
                Ok(connection)
            };
            let error = match timeout(limit, opening).await {
                Ok(Ok(connection)) => {
                    server.health.succeed();
                    return Ok(connection);
                }
                Ok(Err(Failure::Server(error))) => error,
                Ok(Err(Failure::Service(error) | Failure::Answer(error))) => {
                    let text = error.to_string();
                    service_error = Some(error);
                    text
                }
                Err(_) => format!("no connection within {limit:?}"),
            };
            self.fail(index, &error);
            self.check_time(deadline)?;
        }
        Err(service_error.unwrap_or_else(|| self.unavailable()))
    }

    fn unavailable(&self) -> DirectoryError {
        let statuses = self.servers.iter().map(|server| server.health.status(&server.address.url));
        let last = statuses
            .filter_map(|status| Some(format!("{}: {}", status.url, status.last_error?)))
            .collect::<Vec<_>>()
            .join("; ");
        DirectoryError::Unavailable { last }
    }

    /// Tries a password, on whatever server answers in time.
    async fn bind(self: &Arc<Self>, dn: &str, password: &Secret) -> Result<Bound, DirectoryError> {
        let deadline = Instant::now() + self.options.budget;
        let permit = self.bind_gate.enter(deadline).await?;
        loop {
            let mut connection = self.connect(deadline, false).await?;
            let answer = match self.in_time(deadline, connection.bind_user(dn, password)).await {
                Some(answer) => answer,
                None => {
                    let time = self.options.operation_timeout;
                    if self.answers(connection.server, deadline).await {
                        return Err(DirectoryError::Timeout(time));
                    }
                    Err(Failure::Server(format!("no answer within {time:?}")))
                }
            };
            match answer {
                Ok((code, message, policy)) => {
                    let session = (code == 0).then(|| {
                        let connection = Arc::new(tokio::sync::Mutex::new(connection));
                        let shared = Arc::clone(self);
                        let session: Box<dyn Searcher> =
                            Box::new(UserSession { shared, connection, _permit: permit });
                        session
                    });
                    return Ok(Bound { code, message, policy, session });
                }
                Err(Failure::Server(error)) => {
                    self.fail(connection.server, &error);
                    self.check_time(deadline)?;
                }
                Err(Failure::Answer(error) | Failure::Service(error)) => return Err(error),
            }
        }
    }
}

impl Shared {
    /// Whether a server answers nobody in particular. Some wait longer with each wrong password for an
    /// account: whoever guesses must not make a server count as dead for everybody.
    async fn answers(&self, index: usize, deadline: Instant) -> bool {
        let Some(server) = self.servers.get(index) else { return false };
        let asking = async {
            let mut connection =
                Connection::open(&server.address, server.tls.as_ref(), index).await?;
            connection.check().await
        };
        let limit = deadline.min(Instant::now() + self.options.connect_timeout);
        matches!(timeout_at(limit, asking).await, Ok(Ok(()) | Err(Failure::Answer(_))))
    }
}

/// Runs something in a task of its own: the client library panics on answers that are no LDAP, and a
/// request that is given up must not go on.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, DirectoryError>> + Send + 'static,
) -> Result<T, DirectoryError> {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(work);
    match tasks.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(_)) | None => Err(DirectoryError::Malformed),
    }
}

impl Searcher for Pool {
    fn search(&self, search: Search) -> Asking<'_, Found> {
        let shared = Arc::clone(&self.0);
        Box::pin(apart(async move { shared.search(&search).await }))
    }
}

impl Directory for Pool {
    fn bind<'a>(&'a self, dn: &'a str, password: &'a str) -> Asking<'a, Bound> {
        // A directory may say yes to nobody (RFC 4513 sections 5.1.1 and 5.1.2), whoever calls.
        if dn.trim().is_empty() || password.is_empty() || password.contains('\0') {
            let message = "a bind without a DN or password is not sent".to_owned();
            let unwilling = Bound { code: 53, message, policy: None, session: None };
            return Box::pin(std::future::ready(Ok(unwilling)));
        }
        let shared = Arc::clone(&self.0);
        let (dn, password) = (dn.to_owned(), Secret::new(password.to_owned()));
        Box::pin(apart(async move { shared.bind(&dn, &password).await }))
    }
}

/// The directory as a user sees it who has just been bound as.
struct UserSession {
    shared: Arc<Shared>,
    connection: Arc<tokio::sync::Mutex<Connection>>,
    _permit: OwnedSemaphorePermit,
}

impl Searcher for UserSession {
    fn search(&self, search: Search) -> Asking<'_, Found> {
        let (shared, connection) = (Arc::clone(&self.shared), Arc::clone(&self.connection));
        Box::pin(apart(async move {
            let deadline = Instant::now() + shared.options.budget;
            let mut connection = connection.lock().await;
            match shared.search_on(&mut connection, &search, deadline).await {
                Ok(found) => Ok(found),
                Err(Failure::Answer(error) | Failure::Service(error)) => Err(error),
                Err(Failure::Server(last)) => Err(DirectoryError::Unavailable { last }),
            }
        }))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("options", &self.0.options).finish_non_exhaustive()
    }
}
