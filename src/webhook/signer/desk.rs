//! The authority and the policy of a signer, read anew when their files change.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::authn::Secret;
use crate::crypto::authority::Authority;
use crate::crypto::private_key::PrivateKey;
use crate::pki::policy::SigningPolicy;
use crate::source::signing_policy;
use crate::webhook::config::{NamedPath, Problem, SignerAuthorityConfig, SignerConfig};
use crate::webhook::load::{read_file, unreadable, with_causes};
use crate::webhook::watch::Fingerprint;

/// What decides and signs, as the files were at one time.
pub(super) struct Held {
    pub(super) authority: Authority,
    pub(super) policy: Option<SigningPolicy>,
}

/// A signer's authority and policy.
pub(super) struct Desk {
    pub(super) config: SignerConfig,
    files: Vec<PathBuf>,
    state: Mutex<State>,
}

struct State {
    /// How the files looked that were read, or could not be.
    seen: Fingerprint,
    held: Arc<Held>,
    /// Why newer files are not taken.
    problem: Option<String>,
}

impl Desk {
    /// Reads the files. `warnings` hears of keys that others can read.
    pub(super) fn open(
        config: SignerConfig,
        warnings: &mut Vec<Problem>,
    ) -> Result<Self, Vec<Problem>> {
        let files: Vec<PathBuf> = config.files().map(|named| named.path.clone()).collect();
        let seen = Fingerprint::of(&files);
        let held = Arc::new(read(&config)?);
        let SignerAuthorityConfig { key_file, passphrase_file, .. } = &config.authority;
        for named in std::iter::once(key_file).chain(passphrase_file) {
            if let Some(mode) = mode_for_all(named) {
                let message = format!(
                    "`{path}`: everybody on this machine can use this key (mode {mode:o}), and with it \
                     sign for anybody; `chmod 600 {path}`",
                    path = named.path.display()
                );
                warnings.push(Problem::new(named.origin.clone(), &named.field, message));
            }
        }
        let state = Mutex::new(State { seen, held, problem: None });
        Ok(Self { config, files, state })
    }

    /// What decides and signs now. Files that cannot be taken are told, and what was read before goes
    /// on: an authority that is exchanged file by file must not stop anybody.
    pub(super) fn current(&self) -> Arc<Held> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = Fingerprint::of(&self.files);
        if seen != state.seen {
            // Looked at before they are read: a change in between is read again next time.
            state.seen = seen;
            let signer = &self.config.signer;
            match read(&self.config) {
                Ok(held) => {
                    tracing::info!(%signer, "authority and policy of the signer read anew");
                    state.held = Arc::new(held);
                    state.problem = None;
                }
                Err(problems) => {
                    let problem =
                        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                    tracing::error!(%signer, problem, "new files of the signer are not taken");
                    state.problem = Some(problem);
                }
            }
        }
        Arc::clone(&state.held)
    }

    /// Why newer files are not taken.
    pub(super) fn problem(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }
}

fn read(config: &SignerConfig) -> Result<Held, Vec<Problem>> {
    let mut problems = Vec::new();
    let SignerAuthorityConfig { certificate_file, key_file, passphrase_file } = &config.authority;
    let mut file = |named: &NamedPath| {
        let bytes = read_file(&named.path);
        bytes.map_err(|error| problems.push(unreadable(named, &error))).ok()
    };
    let (certificate, key) = (file(certificate_file), file(key_file));
    let passphrase = passphrase_file.as_ref().map(|named| (named, file(named)));
    let policy = config.policy.as_ref().map(|named| (named, file(named)));
    let wrong = |named: &NamedPath, message: String| {
        let message = format!("`{}`: {message}", named.path.display());
        Problem::new(named.origin.clone(), &named.field, message)
    };
    let passphrase = match &passphrase {
        Some((named, Some(bytes))) => match first_line(bytes) {
            Some(line) => Some(line),
            None => {
                let message = "its first line must hold the passphrase, in UTF-8".to_owned();
                problems.push(wrong(named, message));
                None
            }
        },
        _ => None,
    };
    let policy = match policy {
        Some((named, Some(bytes))) => match signing_policy::parse(&named.path, &bytes) {
            Ok(policy) => Some(policy),
            Err(error) => {
                problems.extend(error.problems().iter().cloned());
                None
            }
        },
        _ => None,
    };
    let (Some(certificate), Some(key), true) = (certificate, key, problems.is_empty()) else {
        return Err(problems);
    };
    let key = PrivateKey::from_pem(&key, passphrase.as_ref())
        .map_err(|error| vec![wrong(key_file, with_causes(&error))])?;
    let authority = Authority::from_pem(&certificate, key)
        .map_err(|error| vec![wrong(certificate_file, with_causes(&error))])?;
    Ok(Held { authority, policy })
}

fn first_line(bytes: &[u8]) -> Option<Secret> {
    let line = std::str::from_utf8(bytes).ok()?.lines().next()?;
    (!line.is_empty()).then(|| Secret::new(line.to_owned()))
}

/// The mode of a file that everybody can read or write. A mounted Secret is of its group, too.
fn mode_for_all(named: &NamedPath) -> Option<u32> {
    #[cfg(unix)]
    {
        let file = std::fs::metadata(&named.path).ok()?;
        let mode = std::os::unix::fs::MetadataExt::mode(&file) & 0o777;
        (mode & 0o007 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = named;
        None
    }
}
