use super::AuthorizationConfiguration;

/// Why a running API server would not take over a new file (S-ACFG-8): what it says. `None`: it would.
#[must_use]
pub fn reload_errors(
    started_with: &AuthorizationConfiguration,
    new: &AuthorizationConfiguration,
) -> Option<String> {
    let _ = (started_with, new);
    None
}
