//! The `--oidc-*` flags of kube-apiserver, and the one JWT authenticator that they amount to.

use std::collections::BTreeMap;
use std::path::Path;

use super::{INVALID, validate};
use crate::api::authentication_config::{
    AuthenticationConfiguration, ClaimMappings, ClaimValidationRule, Issuer, JwtAuthenticator,
    PrefixedClaimOrExpression,
};
use crate::api::field::FieldError;
use crate::source::apiserver_file;
use crate::util::goquote::Quoted;

/// The algorithms that may be accepted (S-OIDC-3).
const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"];

/// The flags, each `None` when it is not given: one that is given counts even when it is empty
/// (S-OIDC-1).
///
/// ```
/// use portcullis::source::authentication_config::OidcFlags;
///
/// let flags = OidcFlags {
///     issuer_url: Some("https://issuer.example".to_owned()),
///     client_id: Some("kubernetes".to_owned()),
///     ..OidcFlags::default()
/// };
/// let configuration = flags.build(&[]).unwrap();
/// let username = &configuration.jwt[0].claim_mappings.username;
/// assert_eq!(username.claim, "sub");
/// assert_eq!(username.prefix.as_deref(), Some("https://issuer.example#"));
///
/// let alone = OidcFlags { client_id: None, ..flags };
/// assert_eq!(
///     alone.build(&[]).unwrap_err()[0].to_string(),
///     "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set",
/// );
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OidcFlags {
    /// `--oidc-issuer-url`.
    pub issuer_url: Option<String>,
    /// `--oidc-client-id`: the audience.
    pub client_id: Option<String>,
    /// `--oidc-ca-file`: authorities of the issuer's server, PEM; empty: those of the host.
    pub ca_file: Option<String>,
    /// `--oidc-username-claim`; `sub` when it is not given.
    pub username_claim: Option<String>,
    /// `--oidc-username-prefix`; `-` is none, and empty is the issuer and `#`, unless the claim is
    /// `email`.
    pub username_prefix: Option<String>,
    /// `--oidc-groups-claim`; no groups when it is empty.
    pub groups_claim: Option<String>,
    /// `--oidc-groups-prefix`.
    pub groups_prefix: Option<String>,
    /// `--oidc-signing-algs`; `RS256` when it is not given.
    pub signing_algs: Option<Vec<String>>,
    /// `--oidc-required-claim`: claims and their values.
    pub required_claims: Option<BTreeMap<String, String>>,
}

/// What is wrong with the flags, in the words of the API server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    /// Some flags, and not the two that are needed (S-OIDC-1).
    #[error(
        "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"
    )]
    NotTogether,
    /// Flags, and a file that replaces them (S-OIDC-2).
    #[error("authentication-config file and oidc-* flags are mutually exclusive")]
    FileAndFlags,
    /// The file of `--oidc-ca-file` cannot be read.
    #[error("{0}")]
    CaFile(String),
    /// An objection to what the flags amount to; its path is that of a field of the file.
    #[error("{INVALID}{0}")]
    Invalid(FieldError),
    /// The flag and the file both say what becomes of anonymous requests (S-ACONF-13).
    #[error(
        "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured \
         in authentication configuration file"
    )]
    AnonymousTwice,
    /// An algorithm that no issuer may sign with (S-OIDC-3).
    #[error("oidc: unsupported signing alg: {}", Quoted(.0))]
    SigningAlgorithm(String),
    /// A flag whose value cannot be read.
    #[error("invalid argument {} for \"--{flag}\" flag: {error}", Quoted(value))]
    Value {
        /// The flag.
        flag: &'static str,
        /// What it was set to.
        value: String,
        /// What is wrong with that.
        error: String,
    },
    /// A flag without its value.
    #[error("flag needs an argument: --{0}")]
    NoValue(&'static str),
}

pub(super) const CONFIG: &str = "authentication-config";
pub(super) const ANONYMOUS: &str = "anonymous-auth";
pub(super) const SERVICE_ACCOUNT_ISSUER: &str = "service-account-issuer";
const ISSUER_URL: &str = "oidc-issuer-url";
const CLIENT_ID: &str = "oidc-client-id";
const CA_FILE: &str = "oidc-ca-file";
const USERNAME_CLAIM: &str = "oidc-username-claim";
const USERNAME_PREFIX: &str = "oidc-username-prefix";
const GROUPS_CLAIM: &str = "oidc-groups-claim";
const GROUPS_PREFIX: &str = "oidc-groups-prefix";
const SIGNING_ALGS: &str = "oidc-signing-algs";
const REQUIRED_CLAIM: &str = "oidc-required-claim";

/// The flags of [`OidcFlags`].
pub(super) const OIDC: [&str; 9] = [
    ISSUER_URL,
    CLIENT_ID,
    CA_FILE,
    USERNAME_CLAIM,
    USERNAME_PREFIX,
    GROUPS_CLAIM,
    GROUPS_PREFIX,
    SIGNING_ALGS,
    REQUIRED_CLAIM,
];

impl FlagError {
    /// The flag that it is about, without dashes.
    #[must_use]
    pub fn flag(&self) -> &'static str {
        match self {
            Self::NotTogether => ISSUER_URL,
            Self::FileAndFlags => CONFIG,
            Self::CaFile(_) => CA_FILE,
            Self::AnonymousTwice => ANONYMOUS,
            Self::SigningAlgorithm(_) => SIGNING_ALGS,
            Self::Value { flag, .. } | Self::NoValue(flag) => flag,
            Self::Invalid(error) => match error.path.strip_prefix("jwt[0].").unwrap_or_default() {
                path if path.starts_with("issuer.audiences") => CLIENT_ID,
                "issuer.certificateAuthority" => CA_FILE,
                path if path.starts_with("claimMappings.username") => USERNAME_CLAIM,
                path if path.starts_with("claimValidationRules") => REQUIRED_CLAIM,
                _ => ISSUER_URL,
            },
        }
    }
}

impl OidcFlags {
    /// Whether any flag is given.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// Takes a flag of [`OIDC`] over. Of a flag that is given twice the last counts; algorithms and
    /// required claims add up.
    pub(super) fn set(&mut self, flag: &'static str, value: String) -> Result<(), FlagError> {
        match flag {
            ISSUER_URL => self.issuer_url = Some(value),
            CLIENT_ID => self.client_id = Some(value),
            CA_FILE => self.ca_file = Some(value),
            USERNAME_CLAIM => self.username_claim = Some(value),
            USERNAME_PREFIX => self.username_prefix = Some(value),
            GROUPS_CLAIM => self.groups_claim = Some(value),
            GROUPS_PREFIX => self.groups_prefix = Some(value),
            SIGNING_ALGS => {
                let all = self.signing_algs.get_or_insert_default();
                if !value.is_empty() {
                    all.extend(value.split(',').map(str::to_owned));
                }
            }
            _ => match value.split_once('=') {
                Some((claim, required)) => {
                    let claims = self.required_claims.get_or_insert_default();
                    claims.insert(claim.trim().to_owned(), required.trim().to_owned());
                }
                None => {
                    let error = "malformed pair, expect string=string".to_owned();
                    return Err(FlagError::Value { flag, value, error });
                }
            },
        }
        Ok(())
    }

    /// The configuration that the flags amount to: one JWT authenticator, none when no flag is given
    /// (S-OIDC-2). Reads the file of `--oidc-ca-file`. Required claims are in the order of their names;
    /// the API server has them in any.
    ///
    /// # Errors
    /// When the API server would not start with them: everything that it would say.
    pub fn build(
        &self,
        disallowed_issuers: &[String],
    ) -> Result<AuthenticationConfiguration, Vec<FlagError>> {
        if !self.is_set() {
            return Ok(AuthenticationConfiguration::default());
        }
        let text = |flag: &Option<String>| flag.clone().unwrap_or_default();
        let (url, client_id) = (text(&self.issuer_url), text(&self.client_id));
        if url.is_empty() || client_id.is_empty() {
            return Err(vec![FlagError::NotTogether]);
        }
        let certificate_authority = match self.ca_file.as_deref().unwrap_or_default() {
            "" => String::new(),
            path => match apiserver_file::read(Path::new(path)) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(problem) => return Err(vec![FlagError::CaFile(problem.message)]),
            },
        };
        let mut groups = PrefixedClaimOrExpression::default();
        let groups_claim = text(&self.groups_claim);
        if !groups_claim.is_empty() {
            groups.claim = groups_claim;
            groups.prefix = Some(text(&self.groups_prefix));
        }
        let required = self.required_claims.iter().flatten();
        let jwt = JwtAuthenticator {
            claim_validation_rules: required
                .map(|(claim, value)| ClaimValidationRule {
                    claim: claim.clone(),
                    required_value: value.clone(),
                    ..ClaimValidationRule::default()
                })
                .collect(),
            claim_mappings: ClaimMappings {
                username: self.username(&url),
                groups,
                ..ClaimMappings::default()
            },
            issuer: Issuer {
                url,
                certificate_authority,
                audiences: vec![client_id],
                ..Issuer::default()
            },
            signing_algorithms: self
                .signing_algs
                .clone()
                .filter(|all| !all.is_empty())
                .unwrap_or_else(|| vec!["RS256".to_owned()]),
            ..JwtAuthenticator::default()
        };
        let unknown = jwt
            .signing_algorithms
            .iter()
            .find(|name| !ALGORITHMS.contains(&name.as_str()))
            .cloned();
        let configuration = AuthenticationConfiguration { jwt: vec![jwt], anonymous: None };
        let errors = validate::errors(&configuration, disallowed_issuers);
        if !errors.is_empty() {
            return Err(errors.into_iter().map(FlagError::Invalid).collect());
        }
        // The API server finds this out when it builds the authenticator.
        match unknown {
            Some(name) => Err(vec![FlagError::SigningAlgorithm(name)]),
            None => Ok(configuration),
        }
    }

    fn username(&self, issuer: &str) -> PrefixedClaimOrExpression {
        let claim = self.username_claim.clone().unwrap_or_else(|| "sub".to_owned());
        let prefix = match self.username_prefix.as_deref().unwrap_or_default() {
            "-" => String::new(),
            "" if claim != "email" => format!("{issuer}#"),
            prefix => prefix.to_owned(),
        };
        PrefixedClaimOrExpression { claim, prefix: Some(prefix), ..Default::default() }
    }
}
