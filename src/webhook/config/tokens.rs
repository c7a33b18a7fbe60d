//! Who proves identities.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use super::jwt::{self, IntrospectionConfig, JwtConfig};
use crate::model::Origin;
use crate::source::config_file::{Field, Object};

/// A token authenticator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticatorConfig {
    /// Bootstrap tokens, from the Secrets of the policy's objects.
    BootstrapTokens,
    /// Tokens that Portcullis issued.
    IssuedTokens(IssuedTokensConfig),
    /// Tokens that only their issuer understands.
    Introspection(IntrospectionConfig),
    /// JWTs of the organisation's issuers.
    Oidc(JwtConfig),
    /// Tokens of service accounts.
    ServiceAccounts(ServiceAccountsConfig),
    /// A file of tokens.
    TokenFile(TokenFileConfig),
}

/// A file of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFileConfig {
    /// The file.
    pub file: NamedPath,
    /// Its form.
    pub format: TokenFileFormat,
}

/// The form of a file of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenFileFormat {
    /// The API server's: the tokens themselves.
    #[default]
    Csv,
    /// Digests of tokens, with expiry.
    Hashed,
}

/// Tokens of service accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountsConfig {
    /// The line that begins it.
    pub origin: Origin,
    /// Issuers that are accepted; never empty.
    pub issuers: Vec<String>,
    /// Files of public keys or certificates, PEM.
    pub key_files: Vec<NamedPath>,
    /// Keys from the issuer's URL.
    pub jwks: Option<JwksConfig>,
    /// Whether the objects that tokens are bound to are looked up.
    pub bound_objects: BoundObjects,
    /// Whether tokens without audience and end, from Secrets, are accepted.
    pub legacy_tokens: bool,
}

/// Keys from a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwksConfig {
    /// Where they are: https, or http on this machine.
    pub url: String,
    /// The line that names it.
    pub origin: Origin,
    /// Authorities of the server there, PEM; only http has none.
    pub ca_file: Option<NamedPath>,
    /// How often they are fetched anew.
    pub refresh: Duration,
}

/// Whether the objects that tokens are bound to are looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BoundObjects {
    /// In the policy's objects; what they do not hold is refused.
    #[default]
    Check,
    /// No: a token is good until it ends.
    Skip,
}

/// Tokens that Portcullis issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedTokensConfig {
    /// The issuer.
    pub issuer: String,
    /// The audiences that are accepted; never empty.
    pub audiences: Vec<String>,
    /// Files of public keys, PEM; never empty.
    pub key_files: Vec<NamedPath>,
}

/// How long answers about tokens are kept. The defaults are those of the API server (S-AUTHN-8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCacheConfig {
    /// A user; zero: not at all.
    pub success: Duration,
    /// A token that nobody knows; zero: not at all.
    pub failure: Duration,
    /// How many answers.
    pub size: usize,
}

impl Default for TokenCacheConfig {
    fn default() -> Self {
        Self { success: Duration::from_secs(10), failure: Duration::ZERO, size: 32_768 }
    }
}

const KINDS: [&str; 6] =
    ["tokenFile", "bootstrapTokens", "serviceAccounts", "issuedTokens", "oidc", "introspection"];

/// `has_objects`: whether the policy names any.
pub(super) fn authenticators(
    field: &Field<'_>,
    base: &Path,
    has_objects: bool,
) -> Vec<AuthenticatorConfig> {
    let mut authenticators = Vec::new();
    let mut bootstrap = false;
    for entry in field.list().unwrap_or_default() {
        let Some(object) = entry.object() else { continue };
        let mut kinds: Vec<(&str, Field<'_>)> =
            KINDS.into_iter().filter_map(|kind| Some((kind, object.get(kind)?))).collect();
        if let [(first, _), (second, _), ..] = kinds.as_slice() {
            object.note(format!("has both `{first}` and `{second}`; make two entries of it"));
        }
        match kinds.pop() {
            None => object.note(format!(
                "names no kind of authenticator; use one of {} (with `{{}}` if there is nothing to \
                 say)",
                KINDS.map(|kind| format!("`{kind}`")).join(", ")
            )),
            Some((kind, field)) if kinds.is_empty() => {
                if let Some(read) = authenticator(kind, field, base) {
                    let again = read == AuthenticatorConfig::BootstrapTokens
                        && std::mem::replace(&mut bootstrap, true);
                    if again {
                        object.note("`bootstrapTokens` stands there already; remove one");
                    }
                    if let (Some(what), false) = (reads(&read), has_objects) {
                        object.note(format!(
                            "`{kind}` reads {what} from `policy.paths`, which is missing; name the \
                             files there"
                        ));
                    }
                    authenticators.push(read);
                }
            }
            Some(_) => {}
        }
        object.finish();
    }
    authenticators
}

fn authenticator(kind: &str, field: Field<'_>, base: &Path) -> Option<AuthenticatorConfig> {
    let object = field.object()?;
    let read = match kind {
        "tokenFile" => token_file(&object, base).map(AuthenticatorConfig::TokenFile),
        "serviceAccounts" => {
            service_accounts(&object, base).map(AuthenticatorConfig::ServiceAccounts)
        }
        "issuedTokens" => issued_tokens(&object, base).map(AuthenticatorConfig::IssuedTokens),
        "oidc" => jwt::jwt(&object, base).map(AuthenticatorConfig::Oidc),
        "introspection" => {
            jwt::introspection(&object, base).map(AuthenticatorConfig::Introspection)
        }
        _ => Some(AuthenticatorConfig::BootstrapTokens),
    };
    object.finish();
    read
}

fn token_file(object: &Object<'_>, base: &Path) -> Option<TokenFileConfig> {
    let file = object.required("file").and_then(|field| field.path(base));
    let format = object.get("format").and_then(|field| {
        field.one_of(&[("csv", TokenFileFormat::Csv), ("hashed", TokenFileFormat::Hashed)])
    });
    Some(TokenFileConfig { file: file?, format: format.unwrap_or_default() })
}

fn service_accounts(object: &Object<'_>, base: &Path) -> Option<ServiceAccountsConfig> {
    let issuers = object.required("issuers").map(|field| field.filled_texts());
    let files = object.get("keyFiles");
    let jwks = object.get("jwks");
    if files.is_none() && jwks.is_none() {
        object.note("has no keys; name `keyFiles`, or `jwks` with the issuer's URL");
    }
    let key_files = files.map(|field| field.paths(base)).unwrap_or_default();
    let jwks = jwks.and_then(|field| self::jwks(field, base));
    let bound = object.get("boundObjects").and_then(|field| {
        field.one_of(&[("Check", BoundObjects::Check), ("Skip", BoundObjects::Skip)])
    });
    let legacy = object.get("legacyTokens").and_then(|field| field.boolean());
    Some(ServiceAccountsConfig {
        origin: object.origin(),
        issuers: issuers?,
        key_files,
        jwks,
        bound_objects: bound.unwrap_or_default(),
        legacy_tokens: legacy.unwrap_or(false),
    })
}

fn jwks(field: Field<'_>, base: &Path) -> Option<JwksConfig> {
    let object = field.object()?;
    let url = object.required("url").and_then(|field| jwt::secure_url(&field));
    let ca_file = object.get("caFile");
    if let (Some((url, _)), None) = (&url, &ca_file)
        && url.starts_with("https://")
    {
        object.note("`caFile` is missing: the authorities that may vouch for that server, PEM");
    }
    let ca_file = ca_file.and_then(|field| field.path(base));
    let refresh = object.get("refresh").and_then(|field| {
        const RANGE: RangeInclusive<Duration> =
            Duration::from_secs(1)..=Duration::from_secs(86_400);
        let bounds = "from `1s` to `24h`: less floods the issuer, more misses its new keys";
        field.within(field.positive_duration()?, &RANGE, bounds)
    });
    object.finish();
    let (url, origin) = url?;
    Some(JwksConfig {
        url,
        origin,
        ca_file,
        refresh: refresh.unwrap_or(const { Duration::from_secs(300) }),
    })
}

fn issued_tokens(object: &Object<'_>, base: &Path) -> Option<IssuedTokensConfig> {
    let issuer = object.required("issuer").and_then(|field| field.text());
    let audiences = object.required("audiences").map(|field| field.filled_texts());
    let key_files = object.required("keyFiles").map(|field| field.paths(base));
    Some(IssuedTokensConfig {
        issuer: issuer?.to_owned(),
        audiences: audiences?,
        key_files: key_files?,
    })
}

/// What an authenticator reads from the policy's objects.
fn reads(authenticator: &AuthenticatorConfig) -> Option<&'static str> {
    match authenticator {
        AuthenticatorConfig::BootstrapTokens => Some("Secrets"),
        AuthenticatorConfig::ServiceAccounts(config)
            if config.bound_objects == BoundObjects::Check =>
        {
            Some("the objects that tokens are bound to")
        }
        _ => None,
    }
}

pub(super) fn cache(field: Field<'_>) -> Option<TokenCacheConfig> {
    let object = field.object()?;
    let default = TokenCacheConfig::default();
    const DAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);
    let time = |name, bounds| {
        let field = object.get(name)?;
        field.within(field.duration()?, &DAY, bounds)
    };
    let success = time("success", "at most `24h`: so long a token that was taken back still opens");
    let failure = time("failure", "at most `24h`: so long a new token opens nothing");
    let size = object.get("size").and_then(|field| {
        let bounds = "at most 10000000, which is some gigabytes";
        field.within(field.count()?, &(1..=10_000_000), bounds)
    });
    object.finish();
    Some(TokenCacheConfig {
        success: success.unwrap_or(default.success),
        failure: failure.unwrap_or(default.failure),
        size: size.unwrap_or(default.size),
    })
}
