//! Everything that a configuration names, read once: what is compiled is what was digested.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::Revision;
use crate::source::rego::{self, RegoLoadOptions};
use crate::source::{self, Input, Limits, Raw};
use crate::webhook::config::{
    AuthenticatorConfig, AuthorizerConfig, DirectoryConfig, LiveGroupsConfig, LiveGroupsFrom,
    NamedPath, PolicyConfig, Problem, RegoConfig, ServerConfig,
};
use crate::webhook::watch::Fingerprint;

/// No key, certificate, token file or ABAC policy is larger: 300,000 tokens are 30 MB.
const MAX_FILE: u64 = 256 << 20;

/// How often files are read that change while they are read.
const TRIES: u32 = 5;

/// Everything that a configuration names, in memory.
pub(super) struct Material {
    /// The objects of the policy.
    pub(super) objects: Vec<Raw>,
    /// The objects of the candidate policy.
    pub(super) candidate: Vec<Raw>,
    files: HashMap<PathBuf, Zeroizing<Vec<u8>>>,
    /// The files of links in Rego, by the paths that they name.
    rego: HashMap<Vec<PathBuf>, Vec<rego::File>>,
    /// Says which bytes these are.
    pub(super) revision: Revision,
}

impl Material {
    /// A file; `None` when it could not be read, which was told.
    pub(super) fn file(&self, named: &NamedPath) -> Option<&[u8]> {
        self.files.get(&named.path).map(|bytes| bytes.as_slice())
    }

    /// The modules, data and bundles of a link; `None` when they could not be read, which was told.
    pub(super) fn rego(&self, link: &RegoConfig) -> Option<&[rego::File]> {
        self.rego.get(&rego_paths(link)).map(Vec::as_slice)
    }

    /// Reads everything as it was at one moment: what is replaced meanwhile, such as a mounted
    /// ConfigMap, is read again, so that no policy is half of an old and half of a new one. What
    /// cannot be read becomes a problem at the place that names it:
    /// of the candidate among its own.
    pub(super) fn read(
        config: &ServerConfig,
        config_bytes: &[u8],
        base: &Path,
        problems: &mut Vec<Problem>,
        shadow_problems: &mut Vec<Problem>,
    ) -> Self {
        let paths = named_paths(config);
        let mut tries = TRIES;
        loop {
            let before = Fingerprint::of(&paths);
            let (mut found, mut of_shadow) = (Vec::new(), Vec::new());
            let material = Self::read_once(config, config_bytes, base, &mut found, &mut of_shadow);
            tries = tries.saturating_sub(1);
            // Files that never rest, say a log beside the policy, are taken as they come.
            if tries == 0 || Fingerprint::of(&paths) == before {
                problems.append(&mut found);
                shadow_problems.append(&mut of_shadow);
                return material;
            }
        }
    }

    fn read_once(
        config: &ServerConfig,
        config_bytes: &[u8],
        base: &Path,
        problems: &mut Vec<Problem>,
        shadow_problems: &mut Vec<Problem>,
    ) -> Self {
        let mut digest = Digest::new();
        digest.add("configuration", config_bytes);
        let objects = read_objects(&config.policy, base, &mut digest, problems);
        let shadow = config.shadow.as_ref();
        let candidate = shadow
            .map(|shadow| read_objects(&shadow.policy, base, &mut digest, shadow_problems))
            .unwrap_or_default();
        let mut rego = HashMap::new();
        read_rego(&config.authorizers, base, &mut digest, &mut rego, problems);
        if let Some(shadow) = shadow {
            read_rego(&shadow.authorizers, base, &mut digest, &mut rego, shadow_problems);
        }
        let mut files = HashMap::new();
        let candidates = shadow
            .map(|shadow| chain_files(&shadow.authorizers).chain(shadow.policy.hierarchy_file()));
        for (named, problems) in [
            (live_files(config), problems),
            (candidates.map_or_else(Vec::new, Iterator::collect), shadow_problems),
        ] {
            for named in named {
                if files.contains_key(&named.path) {
                    continue;
                }
                match read_file(&named.path) {
                    Ok(bytes) => {
                        digest.add(&within(&named.path, base), &bytes);
                        files.insert(named.path.clone(), bytes);
                    }
                    Err(error) => problems.push(unreadable(named, &error)),
                }
            }
        }
        Self { objects, candidate, files, rego, revision: digest.finish() }
    }
}

fn read_objects(
    policy: &PolicyConfig,
    base: &Path,
    digest: &mut Digest,
    problems: &mut Vec<Problem>,
) -> Vec<Raw> {
    let limits = Limits::default();
    let mut left = limits.max_bytes;
    let mut all = Vec::new();
    digest.add("policy", &[]);
    for named in &policy.paths {
        let input = Input::Path(named.path.clone());
        match source::read_raw(&input, &limits, &mut left) {
            Ok(raws) => {
                if raws.iter().all(|raw| raw.bytes.trim_ascii().is_empty()) {
                    let message = format!(
                        "`{}`: nothing in it; fill it, or remove it from the paths",
                        named.path.display()
                    );
                    problems.push(Problem::new(named.origin.clone(), &named.field, message));
                }
                for raw in &raws {
                    digest.add(&within(Path::new(&*raw.name), base), &raw.bytes);
                }
                all.extend(raws);
            }
            Err(error) => {
                let message = with_causes(&error);
                problems.push(Problem::new(named.origin.clone(), &named.field, message));
            }
        }
    }
    all
}

/// The directories of Rego among them are read whole.
fn read_rego(
    chain: &[AuthorizerConfig],
    base: &Path,
    digest: &mut Digest,
    into: &mut HashMap<Vec<PathBuf>, Vec<rego::File>>,
    problems: &mut Vec<Problem>,
) {
    for authorizer in chain {
        let AuthorizerConfig::Rego(link) = authorizer else { continue };
        let paths = rego_paths(link);
        match rego::read(&paths, &RegoLoadOptions::default()) {
            Ok(files) => {
                digest.add("rego", &[]);
                for file in &files {
                    digest.add(&within(Path::new(&file.name), base), &file.bytes);
                }
                into.insert(paths, files);
            }
            Err(error) => problems.push(at_rego(link, with_causes(&error))),
        }
    }
}

/// A problem of a link's files together stands where the first of them is named.
pub(super) fn at_rego(link: &RegoConfig, message: String) -> Problem {
    match link.paths.first() {
        Some(first) => {
            let field = first.field.strip_suffix("[0]").unwrap_or(&first.field);
            Problem::new(first.origin.clone(), field, message)
        }
        None => Problem::new(crate::model::Origin::default(), "authorizers", message),
    }
}

fn rego_paths(link: &RegoConfig) -> Vec<PathBuf> {
    link.paths.iter().map(|named| named.path.clone()).collect()
}

/// What the links in Rego name.
fn rego_named(chain: &[AuthorizerConfig]) -> impl Iterator<Item = &NamedPath> {
    chain.iter().flat_map(|authorizer| match authorizer {
        AuthorizerConfig::Rego(link) => link.paths.as_slice(),
        _ => &[],
    })
}

/// The single files of a chain. Kubeconfigs are read by whoever connects; here they are read so that a
/// change of one is noticed.
fn chain_files(chain: &[AuthorizerConfig]) -> impl Iterator<Item = &NamedPath> {
    chain.iter().filter_map(|authorizer| match authorizer {
        AuthorizerConfig::Abac { file } => Some(file),
        AuthorizerConfig::Webhook(webhook) => Some(&webhook.kubeconfig),
        _ => None,
    })
}

/// Every single file that what serves is made of, in the order of the configuration.
fn live_files(config: &ServerConfig) -> Vec<&NamedPath> {
    let mut files: Vec<_> = chain_files(&config.authorizers).collect();
    files.extend(config.policy.hierarchy_file());
    for authenticator in &config.authenticators {
        match authenticator {
            AuthenticatorConfig::BootstrapTokens => {}
            AuthenticatorConfig::IssuedTokens(config) => files.extend(&config.key_files),
            AuthenticatorConfig::ServiceAccounts(config) => {
                files.extend(&config.key_files);
                files.extend(config.jwks.iter().filter_map(|jwks| jwks.ca_file.as_ref()));
            }
            AuthenticatorConfig::TokenFile(config) => files.push(&config.file),
            AuthenticatorConfig::Oidc(config) => files.push(&config.configuration_file),
            // Its secret is read by whoever asks, and looked at again without us.
            AuthenticatorConfig::Introspection(config) => files.extend(&config.ca_file),
        }
    }
    // So are the passwords of service accounts.
    files.extend(config.directories.iter().flat_map(DirectoryConfig::files));
    if let Some(LiveGroupsConfig { from: LiveGroupsFrom::File(file), .. }) = &config.live_groups {
        files.push(file);
    }
    if let Some(login) = &config.login {
        files.extend(login.files());
    }
    files
}

/// Every path that the configuration names, those of its listeners included.
pub(super) fn named_paths(config: &ServerConfig) -> Vec<PathBuf> {
    let shadow = config.shadow.iter();
    let candidates = shadow.flat_map(|shadow| {
        let objects = shadow.policy.paths.iter().chain(shadow.policy.hierarchy_file());
        let chain = chain_files(&shadow.authorizers).chain(rego_named(&shadow.authorizers));
        objects.chain(chain)
    });
    let tls = &config.listen.tls;
    let logins = config.login.iter().flat_map(|it| [&it.certificate_file, &it.key_file]);
    let own = [&tls.certificate_file, &tls.key_file].into_iter().chain(&tls.client_ca_file);
    let own = own.chain(logins);
    let live = config.policy.paths.iter().chain(live_files(config));
    let live = live.chain(rego_named(&config.authorizers));
    live.chain(candidates).chain(own).map(|named| named.path.clone()).collect()
}

/// Reads a file whole, if it is one: a pipe would be waited for.
pub(in crate::webhook) fn read_file(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    // Room for all at once: a buffer that grows leaves copies of secrets behind.
    let room = metadata.len().min(MAX_FILE).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0)));
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(io::Error::other("it is larger than 256Mi"));
    }
    Ok(bytes)
}

pub(in crate::webhook) fn unreadable(named: &NamedPath, error: &io::Error) -> Problem {
    let message = format!(
        "`{}`: cannot be read; check the path and your permission to read it: {error}",
        named.path.display()
    );
    Problem::new(named.origin.clone(), &named.field, message)
}

/// An error with its causes, in one line.
pub(in crate::webhook) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The same files in another folder are the same revision.
fn within(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

pub(super) struct Digest(Context);

impl Digest {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Lengths in front, so that no two lists of files run into the same bytes.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.0.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            self.0.update(part);
        }
    }

    pub(super) fn finish(self) -> Revision {
        let mut bytes = [0; 32];
        for (byte, from) in bytes.iter_mut().zip(self.0.finish().as_ref()) {
            *byte = *from;
        }
        Revision(bytes)
    }
}
