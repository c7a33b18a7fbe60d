use std::time::Duration;

use ldap3::controls::{Control, ControlType, MatchedValues, PagedResults, RawControl};
use ldap3::{DerefAliases, Ldap, LdapConnAsync, LdapConnSettings, LdapResult, SearchOptions};
use ldap3::{Scope as WireScope, StdStream};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::decode::{entry, message};
use super::options::Service;
use super::server::{Address, Safety};
use super::starttls;
use super::tls::Tls;
use super::{DirectoryError, decode};
use crate::authn::ldap::{Found, Scope, Search};
use crate::authn::{Secret, ldap::Filter};

/// The request and response control of password policies (draft-behera-ldap-password-policy).
const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Why an operation has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection or the server is of no use. Another may be.
    Server(String),
    /// The server refuses the service account.
    Service(DirectoryError),
    /// The directory answered; another server would answer the same.
    Answer(DirectoryError),
}

impl From<ldap3::LdapError> for Failure {
    fn from(error: ldap3::LdapError) -> Self {
        match error {
            ldap3::LdapError::LdapResult { result } => {
                Self::Server(format!("result code {}: {}", result.rc, message(&result.text)))
            }
            error => Self::Server(message(&error.to_string())),
        }
    }
}

/// A connection that nobody else uses. Dropping it closes it.
pub(super) struct Connection {
    ldap: Ldap,
    driver: JoinHandle<()>,
    /// Which server it goes to.
    pub(super) server: usize,
    pub(super) born: Instant,
    pub(super) used: Instant,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects, with TLS unless it is to be without. The caller sets the time limit.
    pub(super) async fn open(
        address: &Address,
        tls: Option<&Tls>,
        server: usize,
    ) -> Result<Self, Failure> {
        let failed = |error: &dyn std::error::Error| Failure::Server(message(&error.to_string()));
        let mut stream = TcpStream::connect((address.host.as_str(), address.port))
            .await
            .map_err(|error| failed(&error))?;
        // Without it a handshake takes 40 ms longer.
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        if tls.is_some() && address.safety == Safety::StartTls {
            starttls::ask(&mut stream).await.map_err(Failure::Server)?;
        }
        let stream = stream.into_std().map_err(|error| failed(&error))?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Tcp(stream));
        let (settings, url) = match tls {
            None => (settings, "ldap://plain.invalid".to_owned()),
            Some(tls) => {
                let config = tls.config().map_err(|error| failed(&error))?;
                (settings.set_config(config), format!("ldaps://{}", tls.host()))
            }
        };
        let (connection, ldap) = LdapConnAsync::with_settings(settings, &url).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "connection to the directory ended");
            }
        });
        let now = Instant::now();
        Ok(Self { ldap, driver, server, born: now, used: now })
    }

    /// Becomes the service account.
    pub(super) async fn bind_service(
        &mut self,
        service: &Service,
        password: Option<&Secret>,
    ) -> Result<(), Failure> {
        let result = match (service, password) {
            (Service::Simple { dn, .. }, Some(password)) => {
                self.ldap.simple_bind(dn, password.expose_secret()).await?
            }
            (Service::Certificate, _) => self.ldap.sasl_external_bind().await?,
            (Service::Anonymous | Service::Simple { .. }, _) => return Ok(()),
        };
        match result.rc {
            0 => Ok(()),
            code if is_busy(code) => Err(Failure::Server(told(&result))),
            code => {
                let message = message(&result.text);
                Err(Failure::Service(DirectoryError::Service { code, message }))
            }
        }
    }

    /// Tries a DN and a password. Gives the code, the message, and what the password policy says.
    pub(super) async fn bind_user(
        &mut self,
        dn: &str,
        password: &Secret,
    ) -> Result<(u32, String, Option<Vec<u8>>), Failure> {
        let control = RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None };
        let password = password.expose_secret();
        let result = self.ldap.with_controls(vec![control]).simple_bind(dn, password).await?;
        if is_busy(result.rc) {
            return Err(Failure::Server(told(&result)));
        }
        let policy = result.ctrls.into_iter().find(|control| control.1.ctype == PASSWORD_POLICY);
        let policy = policy.map(|control| control.1.val.unwrap_or_default());
        Ok((result.rc, message(&result.text), policy))
    }

    /// Whether the server still answers.
    pub(super) async fn check(&mut self) -> Result<(), Failure> {
        let root = Search::for_one("", Scope::Base, Filter::everything()).with_attributes(["1.1"]);
        self.search(&root, Duration::from_secs(1), 1 << 16).await.map(|_| ())
    }

    pub(super) fn is_closed(&mut self) -> bool {
        self.ldap.is_closed()
    }

    /// All pages of a search. `time` is what the server is told that it has.
    pub(super) async fn search(
        &mut self,
        search: &Search,
        time: Duration,
        max_bytes: usize,
    ) -> Result<Found, Failure> {
        let mut found = Found { entries: Vec::new(), is_complete: true };
        let mut bytes = 0_usize;
        let mut cookie = Vec::new();
        loop {
            let result = self.page(search, time, cookie, &mut found, &mut bytes, max_bytes).await?;
            let Some(result) = result else {
                found.is_complete = false;
                return Ok(found);
            };
            match result.rc {
                0 => {}
                // sizeLimitExceeded
                4 => {
                    found.is_complete = false;
                    return Ok(found);
                }
                // noSuchObject: of the entry itself it is an answer.
                32 if search.scope == Scope::Base => return Ok(found),
                _ => return Err(refusal(search, &result)),
            }
            cookie = next_page(&result);
            if cookie.is_empty() {
                return Ok(found);
            }
        }
    }

    /// One page; `None` once there is more than was asked for.
    async fn page(
        &mut self,
        search: &Search,
        time: Duration,
        cookie: Vec<u8>,
        found: &mut Found,
        bytes: &mut usize,
        max_bytes: usize,
    ) -> Result<Option<LdapResult>, Failure> {
        let limit = i32::try_from(search.limit).unwrap_or(i32::MAX);
        // A second less than we wait: that a search is too much must not look like a dead server. Zero
        // would mean no limit.
        let seconds = i32::try_from(time.as_secs()).unwrap_or(i32::MAX).saturating_sub(1).max(1);
        let options = SearchOptions::new()
            .deref(DerefAliases::Never)
            .sizelimit(limit.max(1))
            .timelimit(seconds);
        let scope = match search.scope {
            Scope::Base => WireScope::Base,
            Scope::OneLevel => WireScope::OneLevel,
            Scope::Subtree => WireScope::Subtree,
        };
        let controls = controls(search, cookie);
        let filter = search.filter.to_string();
        let mut stream = self
            .ldap
            .with_search_options(options)
            .with_controls(controls)
            .streaming_search(&search.base, scope, &filter, search.attributes.as_slice())
            .await?;
        while let Some(item) = stream.next().await? {
            // What is elsewhere is not looked for.
            if item.is_ref() || item.is_intermediate() {
                continue;
            }
            let (entry, size) = entry(item.0).map_err(Failure::Answer)?;
            *bytes = bytes.saturating_add(size);
            if found.entries.len() == search.limit || *bytes > max_bytes {
                return Ok(None);
            }
            found.entries.push(entry);
        }
        Ok(Some(stream.finish().await))
    }
}

fn controls(search: &Search, cookie: Vec<u8>) -> Vec<RawControl> {
    let mut controls = Vec::new();
    if let Some(size) = search.page_size {
        controls.push(PagedResults { size: i32::from(size), cookie }.into());
    }
    if !search.only_values.is_empty() {
        // RFC 3876 section 2: filters of single values in parentheses of their own.
        let items: String = search.only_values.iter().map(ToString::to_string).collect();
        controls.push(MatchedValues::new(format!("({items})")));
    }
    controls
}

/// Where the next page is; empty if there is none.
fn next_page(result: &LdapResult) -> Vec<u8> {
    let paged = result
        .ctrls
        .iter()
        .find(|Control(kind, _)| matches!(kind, Some(ControlType::PagedResults)));
    match paged {
        Some(Control(_, raw)) if raw.val.is_some() => raw.parse::<PagedResults>().cookie,
        _ => Vec::new(),
    }
}

/// Busy, unavailable: the server says that another may do better.
const fn is_busy(code: u32) -> bool {
    matches!(code, 51 | 52)
}

fn told(result: &LdapResult) -> String {
    format!("result code {}: {}", result.rc, message(&result.text))
}

fn refusal(search: &Search, result: &LdapResult) -> Failure {
    let code = result.rc;
    let message = decode::message(&result.text);
    match code {
        _ if is_busy(code) => Failure::Server(told(result)),
        // timeLimitExceeded, adminLimitExceeded
        3 | 11 => Failure::Answer(DirectoryError::Limit { code, message }),
        // LDAP 2's partial results, referral
        9 | 10 => Failure::Answer(DirectoryError::Referral),
        32 => Failure::Answer(DirectoryError::NoSuchBase { base: search.base.clone() }),
        _ => Failure::Answer(DirectoryError::Refused { code, message }),
    }
}
