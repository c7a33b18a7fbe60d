//! Tokens of an organisation's issuers: JWTs, and tokens that only their issuer understands.

use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use crate::model::Origin;
use crate::source::config_file::{Field, Object};

/// OpenID Connect issuers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtConfig {
    /// The API server's own AuthenticationConfiguration.
    pub configuration_file: NamedPath,
    /// The hosts from which groups are fetched that an issuer keeps elsewhere (S-OIDC-22); `*` means all
    /// of them. None: a token that has its groups elsewhere is refused.
    pub distributed_claims: Vec<String>,
}

/// Token introspection (RFC 7662).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntrospectionConfig {
    /// Where the issuer is asked: https, whatever the machine.
    pub url: String,
    /// The line that names it.
    pub origin: Origin,
    /// Authorities of the server there, PEM.
    pub ca_file: Option<NamedPath>,
    /// As whom it is asked.
    pub client_id: String,
    /// The client's secret.
    pub client_secret_file: NamedPath,
    /// What `iss` of an answer must be. JWTs are sent there only where they name it; none: `iss` is not
    /// looked at, and no JWT is sent.
    pub issuer: Option<String>,
    /// Audiences of which one must be the token's; none: those of the API server. `*` means that `aud`
    /// is not looked at, which is right only where the endpoint itself refuses the tokens of others.
    pub audiences: Vec<String>,
    /// The member that is the user's name.
    pub username_claim: String,
    /// What is put before the name.
    pub username_prefix: String,
    /// The member that lists the groups, if one does.
    pub groups_claim: Option<String>,
    /// What is put before each group.
    pub groups_prefix: String,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl IntrospectionConfig {
    /// For whom a token may be, where the API server has these audiences: one of them must be the
    /// token's. `None` when `aud` is not looked at.
    #[must_use]
    pub fn accepted_audiences<'a>(&'a self, api_audiences: &'a [String]) -> Option<&'a [String]> {
        match self.audiences.as_slice() {
            [] => Some(api_audiences),
            named if named.iter().any(|audience| audience == "*") => None,
            named => Some(named),
        }
    }
}

pub(super) fn jwt(object: &Object<'_>, base: &Path) -> Option<JwtConfig> {
    let configuration_file =
        object.required("configurationFile").and_then(|field| field.path(base));
    let hosts = object.get("distributedClaims").map(|field| field.filled_texts());
    Some(JwtConfig {
        configuration_file: configuration_file?,
        distributed_claims: hosts.unwrap_or_default(),
    })
}

pub(super) fn introspection(object: &Object<'_>, base: &Path) -> Option<IntrospectionConfig> {
    let url = object.required("url").and_then(|field| secure_url(&field));
    let ca_file = object.get("caFile");
    if let (Some((url, _)), None) = (&url, &ca_file)
        && url.starts_with("https://")
    {
        object.note("`caFile` is missing: the authorities that may vouch for that server, PEM");
    }
    let ca_file = ca_file.map(|field| field.path(base));
    let client_id = object.required("clientID").and_then(|field| field.text());
    let secret = object.required("clientSecretFile").and_then(|field| field.path(base));
    let text = |name: &'static str| object.get(name).map(|field| field.text().map(str::to_owned));
    let (issuer, groups_claim) = (text("issuer"), text("groupsClaim"));
    let username_claim = text("usernameClaim");
    let username_prefix = object.required("usernamePrefix").and_then(|field| field.any_text());
    let groups_prefix = object.get("groupsPrefix").map_or(Some(""), |field| field.any_text());
    let audiences = object.get("audiences").map(|field| field.filled_texts());
    let timeout = object.get("timeout").map(|field| {
        let range = Duration::from_millis(100)..=Duration::from_secs(30);
        field.within(field.duration()?, &range, "from `100ms` to `30s`")
    });
    let (url, origin) = url?;
    Some(IntrospectionConfig {
        url,
        origin,
        ca_file: ca_file.map_or(Some(None), |read| read.map(Some))?,
        client_id: client_id?.to_owned(),
        client_secret_file: secret?,
        issuer: issuer.map_or(Some(None), |read| read.map(Some))?,
        audiences: audiences.unwrap_or_default(),
        username_claim: username_claim.unwrap_or_else(|| Some("sub".to_owned()))?,
        username_prefix: username_prefix?.to_owned(),
        groups_claim: groups_claim.map_or(Some(None), |read| read.map(Some))?,
        groups_prefix: groups_prefix?.to_owned(),
        timeout: timeout.unwrap_or(Some(Duration::from_secs(5)))?,
    })
}

/// Whoever can change what comes from there is whoever they like. Which hosts are this machine the
/// fetcher knows.
pub(super) fn secure_url(field: &Field<'_>) -> Option<(String, Origin)> {
    let url = field.text()?;
    let is_secure = ["https://", "http://127.", "http://[::1]"]
        .iter()
        .any(|beginning| url.starts_with(beginning));
    if !is_secure {
        field.note("must begin with `https://`: whoever answers decides who is who");
        return None;
    }
    Some((url.to_owned(), field.origin()))
}
