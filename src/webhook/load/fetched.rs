//! Keys that come from a URL: fetched in the background, and kept when a policy is loaded anew, so
//! that no reload forgets them.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::material::Material;
use crate::authn::Keys;
use crate::crypto::KeySet;
use crate::source::jwks::{self, Jwks, JwksStatus};
use crate::webhook::config::{JwksConfig, Problem};

/// How long a reload waits for the keys of a URL that is new.
const PATIENCE: Duration = Duration::from_secs(15);

/// The keys of one URL.
#[derive(Debug, Clone)]
pub struct FetchedKeys {
    config: jwks::JwksConfig,
    jwks: Arc<Jwks>,
}

impl FetchedKeys {
    /// Where they come from.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.config.url
    }

    /// How fetching goes. Without a first success no token can be verified by them.
    #[must_use]
    pub fn status(&self) -> JwksStatus {
        self.jwks.status()
    }

    /// Calls `listener`, in place of the one before, when other keys were fetched.
    pub(in crate::webhook) fn on_change(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.jwks.on_change(listener);
    }

    /// Whether there were keys at least once.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.status().loaded_at.is_some()
    }

    #[cfg(test)]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.jwks, &other.jwks)
    }

    /// Begins to fetch, or goes on as before where nothing changed. `serving` are those of what
    /// serves; when something does, the first keys are waited for, so that it is not replaced by
    /// what knows none.
    pub(super) fn start(
        named: &JwksConfig,
        material: &Material,
        serving: Option<&[Self]>,
    ) -> Result<Self, Problem> {
        let problem = |message: String| Problem::new(named.origin.clone(), "jwks", message);
        let mut config = jwks::JwksConfig::new(named.url.clone()).with_refresh(named.refresh);
        if let Some(file) = &named.ca_file {
            // A file that cannot be read was told about, and nothing will serve.
            config = config.with_ca_bundle(material.file(file).unwrap_or_default());
        }
        let known = serving.unwrap_or_default().iter().find(|known| known.config == config);
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let jwks = Jwks::start(config.clone()).map_err(|error| problem(error.to_string()))?;
        let keys = Self { config, jwks: Arc::new(jwks) };
        if serving.is_some() && !keys.wait() {
            let error = keys.status().last_error.map(|error| error.to_string());
            let error = error.unwrap_or_else(|| "no answer".to_owned());
            return Err(problem(format!("`{}`: no keys could be fetched: {error}", named.url)));
        }
        Ok(keys)
    }

    /// Whether the first attempt brought keys, in time. Blocks.
    fn wait(&self) -> bool {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let status = self.status();
            if status.loaded_at.is_some() || status.failures > 0 {
                return status.loaded_at.is_some();
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// These keys and those of files.
    pub(super) fn with_files(&self, files: KeySet) -> Arc<dyn Keys> {
        if files.keys().is_empty() {
            return Arc::<Jwks>::clone(&self.jwks);
        }
        let fetched = self.jwks.current();
        let both = Arc::new(union(&files, &fetched));
        let joined = ArcSwap::from_pointee(Joined { fetched, both });
        Arc::new(FilesAndFetched { files, jwks: Arc::clone(&self.jwks), joined })
    }
}

/// The keys of files and of a URL as one set, joined anew only when others were fetched.
struct FilesAndFetched {
    files: KeySet,
    jwks: Arc<Jwks>,
    joined: ArcSwap<Joined>,
}

struct Joined {
    fetched: Arc<KeySet>,
    both: Arc<KeySet>,
}

impl Keys for FilesAndFetched {
    fn current(&self) -> Arc<KeySet> {
        let fetched = self.jwks.current();
        let joined = self.joined.load();
        if Arc::ptr_eq(&joined.fetched, &fetched) {
            return Arc::clone(&joined.both);
        }
        let both = Arc::new(union(&self.files, &fetched));
        self.joined.store(Arc::new(Joined { fetched, both: Arc::clone(&both) }));
        both
    }

    fn unknown_key(&self, key_id: &str) {
        self.jwks.unknown_key(key_id);
    }
}

fn union(files: &KeySet, fetched: &KeySet) -> KeySet {
    files.keys().iter().chain(fetched.keys()).cloned().collect()
}
