//! From what is kept, by way of a lock, to a credential that will do.

use std::path::Path;

use tokio::runtime::{Builder, Handle, Runtime};

use super::cache::{Current, Folder, Session};
use super::identity::Identity;
use super::oidc::{Client, Identified, Provider};
use super::proof::{Wish, basic, bearer};
use super::server::{Answer, Server};
use super::{LoginError, LoginOptions, Method, Person};
use crate::api::client_authentication::ClientCredential;
use crate::source::fetch::unix_now;
use crate::util::secret::SecretBytes;

/// A credential, to be used until it ends.
#[derive(Debug)]
#[non_exhaustive]
pub struct Given {
    /// What to prove oneself with.
    pub credential: ClientCredential,
    /// The second in which it ends.
    pub expires: i64,
    /// Who the server says it is; empty when it does not.
    pub username: String,
}

impl Given {
    fn of(session: &Session) -> Option<Self> {
        let current = session.current.as_ref()?;
        let username = session.username.clone();
        Some(Self { credential: current.credential()?, expires: current.expires, username })
    }
}

/// A credential that will do: the one that is kept, that one renewed, or a new one.
///
/// Of several processes that need one at the same time, one logs in and the others wait for it, at
/// most [`LoginOptions::patience`]. If it fails, they fail with it. A credential that is about to end
/// is renewed if that needs nobody, and goes on being used if that fails.
///
/// Must not be called inside of a Tokio runtime: it blocks.
///
/// # Errors
/// See [`LoginError`].
pub fn credential(options: &LoginOptions, person: &dyn Person) -> Result<Given, LoginError> {
    let folder = Folder::open(&options.cache)?;
    let id = options.account.id();
    let began = unix_now();
    let is_fresh = |session: &Session| {
        // Who wants a new one is content with one that was made while waiting.
        let is_new = |current: &Current| !options.fresh || current.obtained > began;
        session.current.as_ref().is_some_and(|it| it.is_fresh(unix_now()) && is_new(it))
    };
    let kept = folder.read(&id)?;
    if let Some(given) = kept.as_ref().filter(|it| is_fresh(it)).and_then(Given::of) {
        return Ok(given);
    }
    let is_usable = |session: &&Session| {
        !options.fresh && session.current.as_ref().is_some_and(|it| it.is_usable(unix_now()))
    };
    let usable = kept.as_ref().filter(is_usable).and_then(Given::of);
    let (mut lock, usable) = match usable {
        None => (folder.lock(&id, options.patience)?, None),
        // Somebody is renewing it; until they are done this one is as good.
        Some(usable) => match folder.try_lock(&id)? {
            None => return Ok(usable),
            Some(lock) => (lock, Some(usable)),
        },
    };
    // Whoever had the lock has written something.
    let kept = folder.read(&id)?;
    if let Some(given) = kept.as_ref().filter(|it| is_fresh(it)).and_then(Given::of) {
        return Ok(given);
    }
    let session = kept.unwrap_or_else(|| Session::new(options.account.clone()));
    let mut attempt = Attempt { options, person, folder: &folder, session };
    let outcome = runtime()?.block_on(attempt.run(usable.is_none()));
    match (outcome, usable) {
        (Ok(Done::Renewed), _) => {
            lock.note_success();
            let unusable = || LoginError::System("a session that can be kept".to_owned());
            Given::of(&attempt.session).ok_or_else(unusable)
        }
        (Ok(Done::NeedsSomebody), Some(usable)) => Ok(usable),
        (Err(error), Some(usable)) => {
            person.note(&format!("the login is good for a while, but was not renewed: {error}"));
            Ok(usable)
        }
        (outcome, None) => {
            let needed = "logging in needs a person";
            let error = outcome.err().unwrap_or(LoginError::NotInteractive { needed });
            lock.note_failure(&error);
            Err(error)
        }
    }
}

/// Forgets what is kept of an account, and gives the refresh token back to its issuer where that
/// takes them; whether there was something. A credential that was given stays good until it ends.
///
/// # Errors
/// When the cache cannot be read or changed. An issuer that does not answer is only noted.
pub fn logout(options: &LoginOptions, person: &dyn Person) -> Result<bool, LoginError> {
    let Some(folder) = Folder::existing(&options.cache)? else { return Ok(false) };
    let id = options.account.id();
    let _lock = folder.lock(&id, options.patience)?;
    let session = folder.read(&id)?;
    let was_there = folder.remove(&id)?;
    if let Some(session) = session.filter(|session| session.refresh_token.is_some()) {
        let attempt = Attempt { options, person, folder: &folder, session };
        if let Err(error) = runtime()?.block_on(attempt.give_back()) {
            person.note(&format!("the issuer still has the login: {error}"));
        }
    }
    Ok(was_there)
}

/// A small runtime of one's own.
fn runtime() -> Result<Runtime, LoginError> {
    if Handle::try_current().is_ok() {
        return Err(LoginError::System("a thread outside of every Tokio runtime".to_owned()));
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| LoginError::System(error.to_string()))
}

/// How an attempt ends that does not fail.
enum Done {
    Renewed,
    /// Only a person could go on, and it is not urgent enough to ask.
    NeedsSomebody,
}

struct Attempt<'a> {
    options: &'a LoginOptions,
    person: &'a dyn Person,
    folder: &'a Folder,
    session: Session,
}

impl<'a> Attempt<'a> {
    async fn run(&mut self, is_urgent: bool) -> Result<Done, LoginError> {
        if !self.options.fresh && self.renew().await? {
            return Ok(Done::Renewed);
        }
        let needs_nobody = match self.options.account.method {
            Method::Basic => self.person.knows_password(),
            Method::Negotiate | Method::Certificate => true,
            Method::Oidc => false,
        };
        if !is_urgent && !needs_nobody {
            return Ok(Done::NeedsSomebody);
        }
        self.log_in().await?;
        Ok(Done::Renewed)
    }

    /// Without anybody: the credential by itself, or the refresh token of an issuer.
    async fn renew(&mut self) -> Result<bool, LoginError> {
        if let Some(server) = self.server()?
            && let Some(current) = &self.session.current
            && current.is_refreshable(unix_now())
        {
            match self.refresh_with(&server, current).await {
                Ok((answer, current)) => return self.keep(answer.status.user.username, current),
                Err(error) if error.is_temporary() => return Err(error),
                // Somebody may log in again.
                Err(_) => {}
            }
        }
        let Some(refresh_token) = &self.session.refresh_token else { return Ok(false) };
        let provider = self.provider_of_session().await?;
        match provider.refresh(refresh_token, &self.session.subject).await? {
            Some(identified) => self.take(&provider, identified).await,
            None => {
                self.session.refresh_token = None;
                self.folder.write(&self.session)?;
                Ok(false)
            }
        }
    }

    async fn refresh_with(
        &self,
        server: &Server<'a>,
        current: &Current,
    ) -> Result<(Answer, Current), LoginError> {
        let wish = Wish::new(&self.options.account)?;
        let answer = match (&current.token, &current.key) {
            (Some(token), _) => server.refresh(None, Some(bearer(token)?), &wish).await?,
            (None, Some(key)) => {
                let identity = Identity {
                    certificate: current.certificate.clone().into_bytes(),
                    key: SecretBytes::from(key.expose_secret().as_bytes().to_vec()),
                };
                server.refresh(Some(&identity), None, &wish).await?
            }
            (None, None) => return Err(server.unusable("nothing was kept of it")),
        };
        granted(server, wish, answer)
    }

    /// From the beginning, whatever was before.
    async fn log_in(&mut self) -> Result<bool, LoginError> {
        let account = &self.options.account;
        self.session = Session::new(account.clone());
        if account.method == Method::Oidc {
            let provider = self.provider().await?;
            let identified = provider.log_in(self.person).await?;
            return self.take(&provider, identified).await;
        }
        let server = self.server()?.ok_or(LoginError::Unsendable(
            "name the login server; without one only OIDC gives a credential",
        ))?;
        let wish = Wish::new(account)?;
        let answer = match account.method {
            Method::Basic => {
                let user = match account.user.as_str() {
                    "" => self.person.user_name()?,
                    user => user.to_owned(),
                };
                let password = self.person.password(&user)?;
                server.login(None, Some(basic(&user, &password)?), &wish).await?
            }
            Method::Certificate => {
                let (certificate, key) = (&account.client_certificate, &self.options.client_key);
                let identity = Identity::read(Path::new(certificate), key)?;
                server.login(Some(&identity), None, &wish).await?
            }
            Method::Negotiate => super::ticket::log_in(&server, &wish).await?,
            // Is done already.
            Method::Oidc => return Ok(false),
        };
        let (answer, current) = granted(&server, wish, answer)?;
        self.keep(answer.status.user.username, current)
    }

    /// What an issuer gave is exchanged for a credential, or is one.
    async fn take(
        &mut self,
        provider: &Provider<'a>,
        identified: Identified,
    ) -> Result<bool, LoginError> {
        let Identified { id_token, claims, refresh_token } = identified;
        let session = &mut self.session;
        session.issuer = provider.issuer().to_owned();
        session.client_id = provider.client_id().to_owned();
        session.subject = claims.subject;
        if refresh_token.is_some() {
            session.refresh_token = refresh_token;
        }
        // The old one may be worth nothing any more, whatever becomes of the exchange.
        if self.session.refresh_token.is_some() {
            self.folder.write(&self.session)?;
        }
        let Some(server) = self.server()? else {
            let current = Current {
                token: Some(id_token),
                certificate: String::new(),
                key: None,
                obtained: unix_now(),
                expires: claims.expires,
                refreshable_until: 0,
            };
            return self.keep(String::new(), current);
        };
        let wish = Wish::new(&self.options.account)?;
        let answer = server.login(None, Some(bearer(&id_token)?), &wish).await?;
        let (answer, current) = granted(&server, wish, answer)?;
        self.keep(answer.status.user.username, current)
    }

    fn keep(&mut self, username: String, current: Current) -> Result<bool, LoginError> {
        self.session.username = username;
        self.session.current = Some(current);
        self.folder.write(&self.session)?;
        Ok(true)
    }

    async fn give_back(&self) -> Result<(), LoginError> {
        let Some(refresh_token) = &self.session.refresh_token else { return Ok(()) };
        self.provider_of_session().await?.revoke(refresh_token).await
    }

    fn server(&self) -> Result<Option<Server<'a>>, LoginError> {
        self.options.account.server.as_deref().map(|url| Server::new(url, self.options)).transpose()
    }

    async fn provider(&self) -> Result<Provider<'a>, LoginError> {
        let account = &self.options.account;
        if !account.issuer.is_empty() && !account.client_id.is_empty() {
            return self.provider_named(&account.issuer, &account.client_id).await;
        }
        let server = self.server()?;
        let url = account.server.clone().unwrap_or_default();
        let offered = match server {
            None => Vec::new(),
            Some(server) => server.methods().await?.oidc,
        };
        let is_asked = |asked: &str, offered: &str| asked.is_empty() || asked == offered;
        let fitting: Vec<_> = offered
            .iter()
            .filter(|it| {
                is_asked(&account.issuer, &it.issuer) && is_asked(&account.client_id, &it.client_id)
            })
            .collect();
        match fitting.as_slice() {
            [one] => self.provider_named(&one.issuer, &one.client_id).await,
            _ => {
                let names: Vec<String> = offered
                    .iter()
                    .map(|it| format!("`{}` for the client `{}`", it.issuer, it.client_id))
                    .collect();
                let issuers = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Err(LoginError::WhichIssuer { server: url, issuers })
            }
        }
    }

    /// The issuer that gave the refresh token, whatever the server says today.
    async fn provider_of_session(&self) -> Result<Provider<'a>, LoginError> {
        self.provider_named(&self.session.issuer, &self.session.client_id).await
    }

    async fn provider_named(&self, issuer: &str, id: &str) -> Result<Provider<'a>, LoginError> {
        let client = Client::new(id, self.options.client_secret_file.as_deref())?;
        Provider::discover(self.options, issuer, client).await
    }
}

/// What an answer is worth.
fn granted(
    server: &Server<'_>,
    wish: Wish,
    answer: Answer,
) -> Result<(Answer, Current), LoginError> {
    match wish.granted(&answer.status, unix_now()) {
        Ok(current) => Ok((answer, current)),
        Err(problem) => Err(server.unusable(problem)),
    }
}
