//! The chain of a file, when questions are answered offline.

use std::path::Path;
use std::sync::Arc;

use portcullis::authz::Authorizer;
use portcullis::snapshot::{Config, Link};
use portcullis::source::authorization_config::{self, KubeconfigFiles, Loaded};

use super::exit::Failure;
use super::load::read_file;
use super::speak::Speaker;
use super::webhook::{self, WebhookUse};

/// Reads a file; one that is not there is wrong usage, whatever else is wrong is about the chain.
pub(super) fn read(file: &Path, files: KubeconfigFiles) -> Result<Loaded, Failure> {
    let bytes = read_file(file)?;
    Ok(authorization_config::parse(&file.display().to_string(), &bytes, files)?)
}

/// The links of the chain in a file.
pub(super) fn links(file: &Path, how: WebhookUse, speaker: Speaker) -> Result<Vec<Link>, Failure> {
    let files = match how {
        WebhookUse::Ask => KubeconfigFiles::MustExist,
        WebhookUse::Incomplete | WebhookUse::NoOpinion => KubeconfigFiles::Elsewhere,
    };
    let loaded = read(file, files)?;
    let config = Config::default().with_chain(&loaded.configuration, |name, entry| {
        let authorizer: Arc<dyn Authorizer> =
            Arc::new(webhook::authorizer(name, entry, how, speaker)?);
        Ok::<_, Failure>(authorizer)
    })?;
    Ok(config.links)
}
