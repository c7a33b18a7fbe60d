//! An endpoint that is asked about tokens (RFC 7662).

use super::material::{Material, with_causes};
use crate::authn::oidc::introspection::IntrospectionRules;
use crate::source::oidc::{self, Introspection};
use crate::webhook::config::IntrospectionConfig;

/// The error is what is wrong with it, for people.
pub(super) fn authenticator(
    config: &IntrospectionConfig,
    material: &Material,
) -> Result<Introspection, String> {
    let mut rules = IntrospectionRules::new(&config.username_claim, &config.username_prefix)
        .with_audiences(config.audiences.iter().cloned());
    if let Some(claim) = &config.groups_claim {
        rules = rules.with_groups(claim, &config.groups_prefix);
    }
    if let Some(issuer) = &config.issuer {
        rules = rules.with_issuer(issuer);
    }
    let secret = config.client_secret_file.path.clone();
    let mut options = oidc::IntrospectionConfig::new(&config.url, &config.client_id, secret, rules)
        .with_timeout(config.timeout);
    if let Some(file) = &config.ca_file {
        // A file that cannot be read was told about, and nothing will serve.
        options = options.with_ca_bundle(material.file(file).unwrap_or_default());
    }
    Introspection::new(options).map_err(|error| with_causes(&error))
}
