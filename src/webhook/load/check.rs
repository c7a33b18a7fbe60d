use std::path::Path;

use super::digest_key::read_digest_key;
use super::material::with_causes;
use super::tls::{TlsBytes, login_tls, read_login_tls, read_tls};
use super::{Draft, Following, Loaded};
use crate::model::Origin;
use crate::source::watch::Connection;
use crate::webhook::cluster::unusable;
use crate::webhook::config::{ConfigError, ListenConfig, Problem};
use crate::webhook::server::{ClientAuth, ReloadableTls};
use crate::webhook::signer::Signers;
use crate::webhook::traces;

/// What a configuration comes to, without serving it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checked {
    /// What would be served; `None` when something is wrong.
    pub loaded: Option<Box<Loaded>>,
    /// Everything that is wrong, the listener's certificate included.
    pub problems: Vec<Problem>,
    /// What somebody should look at.
    pub warnings: Vec<Problem>,
}

/// Loads a configuration and everything that it names, as a server does before it listens. Nothing
/// is fetched from URLs, and no API server is asked: a policy that comes from one is empty here.
///
/// ```no_run
/// use portcullis::webhook::load;
///
/// for problem in load::check("server.yaml".as_ref()).problems {
///     eprintln!("{problem}");
/// }
/// ```
#[must_use]
pub fn check(file: &Path) -> Checked {
    let draft = match Draft::read(file) {
        Ok(draft) => draft,
        Err(error) => {
            let problems = error.problems().to_vec();
            return Checked { loaded: None, problems, warnings: Vec::new() };
        }
    };
    let listen = draft.config().listen.clone();
    let mut problems = Vec::new();
    let decisions = draft.config().log.decisions.as_ref();
    if let Some(named) = decisions.and_then(|decisions| decisions.key_file.as_ref())
        && let Err(error) = read_digest_key(named)
    {
        problems.extend_from_slice(error.problems());
    }
    if let Some(config) = &draft.config().log.open_telemetry
        && let Err(error) = traces::check(config)
    {
        problems.extend_from_slice(error.problems());
    }
    let mut warnings = Vec::new();
    if let Some(cluster) = &draft.config().cluster
        && let Err(error) = Connection::check(&cluster.options())
    {
        problems.extend_from_slice(unusable(cluster, &error).problems());
    }
    problems.extend(Signers::check(&draft.config().signers, &mut warnings));
    match read_tls(&listen.tls) {
        Ok(mut bytes) => {
            warnings.append(&mut bytes.warnings);
            problems.extend(tls(&listen, &bytes));
        }
        Err(error) => problems.extend_from_slice(error.problems()),
    }
    if draft.config().login.is_some() {
        match read_login_tls(draft.config()) {
            Ok(mut bytes) => {
                warnings.append(&mut bytes.warnings);
                if let Err(error) = login_tls(&bytes) {
                    let origin = Origin::named(file.display().to_string());
                    problems.push(Problem::new(origin, "login.tls", with_causes(&error)));
                }
            }
            Err(error) => problems.extend_from_slice(error.problems()),
        }
    }
    // What fetches keys needs a runtime to be set up, and this one never runs: nothing is fetched.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let entered = runtime.as_ref().ok().map(tokio::runtime::Runtime::enter);
    let loaded = draft.load_first(Following::Checked);
    drop(entered);
    let loaded = match loaded {
        Ok(mut loaded) => {
            warnings.append(&mut loaded.warnings);
            problems.append(&mut loaded.shadow_problems);
            Some(Box::new(loaded))
        }
        Err(error) => {
            problems.extend_from_slice(error.problems());
            None
        }
    };
    let problems = ConfigError::new(problems).problems().to_vec();
    Checked { loaded: loaded.filter(|_| problems.is_empty()), problems, warnings }
}

/// Why the listener would refuse its files.
fn tls(listen: &ListenConfig, bytes: &TlsBytes) -> Option<Problem> {
    let clients = match &bytes.client_ca {
        Some(_) => ClientAuth::Required { allowed: Vec::new() },
        None => ClientAuth::None,
    };
    let error = ReloadableTls::new(&bytes.files(), clients).err()?;
    let origin = listen.tls.certificate_file.origin.clone();
    Some(Problem::new(origin, "listen.tls", super::material::with_causes(&error)))
}
