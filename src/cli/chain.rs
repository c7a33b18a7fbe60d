//! The chain of a file, when questions are answered offline.

use std::path::Path;
use std::sync::Arc;

use portcullis::api::authorization_config::{
    AuthorizationConfiguration, AuthorizerEntry, ConfiguredAuthorizer, ModeType,
};
use portcullis::snapshot::{Link, Mode};
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

/// The links of the chain in a file. Modes keep the names that they have in every chain; webhooks have
/// those of the file.
pub(super) fn links(file: &Path, how: WebhookUse, speaker: Speaker) -> Result<Vec<Link>, Failure> {
    let files = match how {
        WebhookUse::Ask => KubeconfigFiles::MustExist,
        WebhookUse::Incomplete | WebhookUse::NoOpinion => KubeconfigFiles::Elsewhere,
    };
    let Loaded { configuration, .. } = read(file, files)?;
    of(&configuration, how, speaker)
}

/// The links of a chain.
pub(super) fn of(
    chain: &AuthorizationConfiguration,
    how: WebhookUse,
    speaker: Speaker,
) -> Result<Vec<Link>, Failure> {
    let link = |AuthorizerEntry { name, authorizer }: &AuthorizerEntry| match authorizer {
        ConfiguredAuthorizer::Mode(mode) => Ok(Link::Mode(mode_of(*mode))),
        ConfiguredAuthorizer::Webhook(webhook) => {
            let authorizer = webhook::authorizer(name, webhook, how, speaker)?;
            Ok(Link::Authorizer { name: name.clone(), authorizer: Arc::new(authorizer) })
        }
    };
    chain.authorizers.iter().map(link).collect()
}

const fn mode_of(mode: ModeType) -> Mode {
    match mode {
        ModeType::Abac => Mode::Abac,
        ModeType::AlwaysAllow => Mode::AlwaysAllow,
        ModeType::AlwaysDeny => Mode::AlwaysDeny,
        ModeType::Node => Mode::Node,
        ModeType::Rbac => Mode::Rbac,
    }
}
