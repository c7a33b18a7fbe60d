//! `check --authorization-config`: would an API server start with this chain, and what would it run?

use std::path::Path;

use portcullis::query::{self, Finding};
use portcullis::source::authorization_config::KubeconfigFiles;

use super::{CheckArgs, counts};
use crate::cli::chain;
use crate::cli::exit::Failure;
use crate::cli::speak::Speaker;

/// What is to be said of the chain, and whether that is all: the API server refuses it, or there is no
/// policy to look over with it.
pub(super) fn look(
    file: &Path,
    args: &CheckArgs,
    speaker: Speaker,
) -> Result<(Vec<Finding>, bool), Failure> {
    let files = match args.elsewhere {
        true => KubeconfigFiles::Elsewhere,
        false => KubeconfigFiles::MustExist,
    };
    let name = file.display();
    match chain::read(file, files) {
        Err(Failure::Chain(error)) => {
            let findings = query::chain_errors(&error);
            speaker.note(format!(
                "kube-apiserver would not start with `{name}`; it would say: {error}"
            ));
            Ok((findings, true))
        }
        Err(other) => Err(other),
        Ok(loaded) => {
            let findings = query::check_chain(&loaded);
            let links: Vec<String> = loaded
                .configuration
                .authorizers
                .iter()
                .map(|entry| format!("{} `{}`", entry.kind(), entry.name))
                .collect();
            speaker.note(format!(
                "kube-apiserver accepts `{name}`: {}; {}",
                links.join(", then "),
                counts(&findings)
            ));
            let policy = &args.policy;
            let alone = policy.files.is_empty() && policy.abac.is_none() && !policy.with_defaults;
            Ok((findings, alone))
        }
    }
}
