use std::sync::Arc;

use super::config::{Config, Link};
use crate::api::authorization_config::{
    AuthorizationConfiguration, AuthorizerEntry, ConfiguredAuthorizer, WebhookEntry,
};
use crate::authz::Authorizer;

impl Config {
    /// The same, with the links of an API server's chain at the end. Modes are called as they are in
    /// every chain, `RBAC`; webhooks as they are configured. `webhook` makes their authorizers.
    ///
    /// ```
    /// use portcullis::api::authorization_config::ModeFlags;
    /// use portcullis::snapshot::{Config, Mode};
    ///
    /// let flags = ModeFlags::from_args(["--authorization-mode=Node,RBAC"])?;
    /// let chain = flags.build().unwrap();
    /// let config = Config::default().with_chain(&chain, |name, _| Err(name.to_owned())).unwrap();
    /// assert!(config.has(Mode::Node) && config.has(Mode::Rbac));
    /// # Ok::<(), portcullis::api::authorization_config::FlagError>(())
    /// ```
    ///
    /// # Errors
    /// The first of `webhook`.
    pub fn with_chain<E>(
        mut self,
        chain: &AuthorizationConfiguration,
        mut webhook: impl FnMut(&str, &WebhookEntry) -> Result<Arc<dyn Authorizer>, E>,
    ) -> Result<Self, E> {
        for AuthorizerEntry { name, authorizer } in &chain.authorizers {
            self.links.push(match authorizer {
                ConfiguredAuthorizer::Mode(mode) => Link::Mode(*mode),
                ConfiguredAuthorizer::Webhook(entry) => {
                    Link::Authorizer { name: name.clone(), authorizer: webhook(name, entry)? }
                }
            });
        }
        Ok(self)
    }
}
