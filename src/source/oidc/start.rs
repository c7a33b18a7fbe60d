use std::fmt;
use std::sync::Arc;

use super::distributed::Fetcher;
use super::error::{StartError, StartProblem};
use super::issuer::{Issuer, IssuerStatus};
use super::options::{IssuerOptions, Options};
use crate::api::authentication_config::{AuthenticationConfiguration, JwtAuthenticator};
use crate::authn::TokenAuthenticator;
use crate::authn::oidc::{OidcAuthenticator, Rules};

/// An issuer of a configuration, from which is being fetched until this and its authenticator are
/// dropped.
#[derive(Clone)]
pub struct Started {
    authenticator: Arc<OidcAuthenticator>,
    issuer: Arc<Issuer>,
}

impl Started {
    /// What knows its tokens. It knows no audiences of the cluster, so it is an
    /// [`audience_agnostic`](crate::authn::chain::Member::audience_agnostic) member of a chain.
    #[must_use]
    pub fn authenticator(&self) -> Arc<dyn TokenAuthenticator> {
        Arc::<OidcAuthenticator>::clone(&self.authenticator)
    }

    /// Its URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.issuer.url()
    }

    /// How fetching goes.
    #[must_use]
    pub fn status(&self) -> IssuerStatus {
        self.issuer.status()
    }

    /// Whether there are keys.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.issuer.is_ready()
    }

    /// Returns once there are keys, which may be never; put a timeout around it.
    pub async fn wait_ready(&self) {
        self.issuer.wait_ready().await;
    }

    /// Calls `listener`, in place of the one before, each time other keys serve than before: empty
    /// the cache of tokens then. It must be quick.
    pub fn on_change(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.issuer.on_change(listener);
    }
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started")
            .field("authenticator", &self.authenticator)
            .finish_non_exhaustive()
    }
}

/// Begins to fetch from every issuer of a configuration, in its order, and returns without waiting.
/// Must be called inside of a Tokio runtime.
///
/// # Errors
/// When an entry has no meaning, or its URLs or authorities cannot work. Then nothing goes on running.
pub fn start(
    config: &AuthenticationConfiguration,
    options: &Options,
) -> Result<Vec<Started>, StartError> {
    let compiled = config.jwt.iter().enumerate().map(|(index, entry)| {
        Rules::compile(entry).map_err(|error| StartError { index, problem: error.into() })
    });
    let compiled: Vec<Rules> = compiled.collect::<Result<_, _>>()?;
    let started = config.jwt.iter().zip(compiled).enumerate().map(|(index, (entry, rules))| {
        start_one(entry, rules, options).map_err(|problem| StartError { index, problem })
    });
    started.collect()
}

fn start_one(
    entry: &JwtAuthenticator,
    rules: Rules,
    options: &Options,
) -> Result<Started, StartProblem> {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let mut named = IssuerOptions::new(&entry.issuer.url).with_options(options.clone());
    named.discovery_url = text(&entry.issuer.discovery_url);
    named.ca_bundle = text(&entry.issuer.certificate_authority).map(String::into_bytes);
    let ca_bundle = named.ca_bundle.clone();
    let issuer = Arc::new(Issuer::start(named)?);
    let mut authenticator = OidcAuthenticator::new(rules, Arc::<Issuer>::clone(&issuer));
    if let Some(fetcher) = Fetcher::new(&issuer, ca_bundle, options)? {
        authenticator = authenticator.with_distributed_claims(Arc::new(fetcher));
    }
    Ok(Started { authenticator: Arc::new(authenticator), issuer })
}
