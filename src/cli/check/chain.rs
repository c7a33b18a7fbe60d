//! `check --authorization-config` and `check --apiserver-flags`: would an API server start with this
//! chain, and what would it run?

use std::path::Path;

use portcullis::api::authorization_config::AuthorizerEntry;
use portcullis::query::{self, Finding};
use portcullis::source::authorization_config::{
    self, ConfigurationError, KubeconfigFiles, Loaded, ServerFlags,
};

use super::{CheckArgs, counts};
use crate::cli::chain;
use crate::cli::exit::Failure;
use crate::cli::load::read_file;
use crate::cli::speak::Speaker;

/// What is to be said of the chain in a file, and whether that is all: the API server refuses it, or
/// there is no policy to look over with it.
pub(super) fn look(
    file: &Path,
    args: &CheckArgs,
    is_live: bool,
    speaker: Speaker,
) -> Result<(Vec<Finding>, bool), Failure> {
    let files = match args.elsewhere {
        true => KubeconfigFiles::Elsewhere,
        false => KubeconfigFiles::MustExist,
    };
    match chain::read(file, files) {
        Err(Failure::Chain(error)) => Ok((refused(file, &error, speaker), true)),
        Err(other) => Err(other),
        Ok(loaded) => {
            let policy = &args.policy;
            let alone = !is_live
                && policy.files.is_empty()
                && policy.abac.is_none()
                && !policy.with_defaults;
            Ok((accepted(file, &loaded, speaker), alone))
        }
    }
}

/// The same for the flags of an API server.
pub(super) fn look_at_flags(file: &Path, speaker: Speaker) -> Result<Vec<Finding>, Failure> {
    let bytes = read_file(file)?;
    let name = file.display();
    let ServerFlags { flags, chain, .. } =
        match authorization_config::server_flags(&name.to_string(), &bytes) {
            Ok(read) => read,
            Err(error) => return Ok(refused(file, &error, speaker)),
        };
    if flags.turn_anonymous_off() {
        speaker.warn(
            "with AlwaysAllow anonymous requests are turned off, whatever --anonymous-auth says",
        );
    }
    let Some(chain) = chain else {
        speaker.note(format!(
            "`{name}`: the chain stands in `{}`; look that over with --authorization-config",
            flags.config
        ));
        return Ok(Vec::new());
    };
    Ok(accepted(file, &chain, speaker))
}

fn refused(file: &Path, error: &ConfigurationError, speaker: Speaker) -> Vec<Finding> {
    let name = file.display();
    speaker.note(format!("kube-apiserver would not start with `{name}`; it would say: {error}"));
    query::chain_errors(error)
}

fn accepted(file: &Path, loaded: &Loaded, speaker: Speaker) -> Vec<Finding> {
    let findings = query::check_chain(loaded);
    let link = |entry: &AuthorizerEntry| format!("{} `{}`", entry.kind(), entry.name);
    let links: Vec<String> = loaded.configuration.authorizers.iter().map(link).collect();
    speaker.note(format!(
        "kube-apiserver accepts `{}`: {}; {}",
        file.display(),
        links.join(", then "),
        counts(&findings)
    ));
    findings
}
