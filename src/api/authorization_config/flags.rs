use super::AuthorizationConfiguration;

/// The flags of kube-apiserver that make a chain; `None` and empty is one that is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModeFlags {
    /// `--authorization-mode`, in order. Empty is not set: see [`Self::mode_is_set`].
    pub modes: Vec<String>,
    /// Whether `--authorization-mode` is set, be it to nothing.
    pub mode_is_set: bool,
    /// `--authorization-config`.
    pub config: Option<String>,
    /// `--authorization-policy-file`.
    pub policy_file: String,
    /// `--authorization-webhook-config-file`.
    pub webhook_config_file: Option<String>,
    /// `--authorization-webhook-version`.
    pub webhook_version: Option<String>,
    /// `--authorization-webhook-cache-authorized-ttl`.
    pub webhook_cache_authorized_ttl: Option<super::GoDuration>,
    /// `--authorization-webhook-cache-unauthorized-ttl`.
    pub webhook_cache_unauthorized_ttl: Option<super::GoDuration>,
    /// How often a webhook is asked before it counts as failed. No flag sets it; 5 by default.
    pub webhook_retry_attempts: Option<i64>,
}

/// What is wrong with flags.
pub type FlagError = String;

impl ModeFlags {
    /// The chain that the flags amount to.
    ///
    /// # Errors
    /// Everything that the API server says about them, in its order.
    pub fn build(&self) -> Result<AuthorizationConfiguration, Vec<FlagError>> {
        Err(Vec::new())
    }
}
