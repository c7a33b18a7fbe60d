//! The AuthenticationConfiguration of the API server, as a file says it (S-ACONF-2).
//!
//! Nothing here judges: reading and validation are [`crate::source`]'s, meaning is
//! [`crate::authn::oidc`]'s.

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticationConfiguration {
    /// The issuers whose JWTs prove identities, in order.
    pub jwt: Vec<JwtAuthenticator>,
    /// What becomes of requests without credentials; `None`: as the flags say (S-ACONF-13).
    pub anonymous: Option<AnonymousConfig>,
}

/// One issuer, and how its claims become a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JwtAuthenticator {
    /// Who issues.
    pub issuer: Issuer,
    /// What must hold for the claims.
    pub claim_validation_rules: Vec<ClaimValidationRule>,
    /// Where the user comes from.
    pub claim_mappings: ClaimMappings,
    /// What must hold for the user.
    pub user_validation_rules: Vec<UserValidationRule>,
    /// The algorithms that are accepted. Empty: all nine of S-OIDC-3. No field of the file: only the
    /// `--oidc-signing-algs` flag sets it (S-OIDC-1).
    pub signing_algorithms: Vec<String>,
}

/// Who issues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuer {
    /// The `iss` of tokens, byte for byte, and where discovery begins.
    pub url: String,
    /// Where the discovery document is instead; empty: below [`Self::url`].
    pub discovery_url: String,
    /// Authorities of the issuer's server, PEM; empty: those of the host.
    pub certificate_authority: String,
    /// The audiences that are accepted.
    pub audiences: Vec<String>,
    /// `MatchAny`, or empty.
    pub audience_match_policy: String,
    /// `controlplane`, `cluster`, or empty: by which way the API server goes out.
    pub egress_selector_type: String,
}

/// Something that must hold for the claims: a claim and its value, or an expression.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimValidationRule {
    /// The claim.
    pub claim: String,
    /// Its value (S-OIDC-17).
    pub required_value: String,
    /// A CEL expression over `claims` that must be true (S-OIDC-18).
    pub expression: String,
    /// What is said when it is not.
    pub message: String,
}

/// Where the user comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimMappings {
    /// The name.
    pub username: PrefixedClaimOrExpression,
    /// The groups; nothing set: none.
    pub groups: PrefixedClaimOrExpression,
    /// The uid; nothing set: none.
    pub uid: ClaimOrExpression,
    /// Extra values.
    pub extra: Vec<ExtraMapping>,
}

/// A claim with a prefix for its values, or an expression.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrefixedClaimOrExpression {
    /// The claim.
    pub claim: String,
    /// What is put before each value; `None` is not the same as empty (S-ACONF-6).
    pub prefix: Option<String>,
    /// A CEL expression over `claims`.
    pub expression: String,
}

/// A claim or an expression.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimOrExpression {
    /// The claim.
    pub claim: String,
    /// A CEL expression over `claims`.
    pub expression: String,
}

/// An extra value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraMapping {
    /// Its key.
    pub key: String,
    /// A CEL expression over `claims`.
    pub value_expression: String,
}

/// Something that must hold for the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserValidationRule {
    /// A CEL expression over `user` that must be true (S-OIDC-18).
    pub expression: String,
    /// What is said when it is not.
    pub message: String,
}

/// What becomes of requests without credentials (S-ANON-2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnonymousConfig {
    /// Whether they are those of `system:anonymous`.
    pub enabled: bool,
    /// The only paths for which they are; none: all.
    pub conditions: Vec<AnonymousCondition>,
}

/// A path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnonymousCondition {
    /// The path, compared as a whole.
    pub path: String,
}
