//! The label values: closed sets, written in lower snake case.

use std::fmt::Write;

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

/// The values of an enum in the order of its variants, and how each is written. The derive of
/// `prometheus_client` would write the names of the variants.
macro_rules! label_values {
    ($name:ident { $($variant:ident => $text:literal,)+ }) => {
        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value as the label has it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                encoder.write_str(self.as_str())
            }
        }
    };
}

/// What is watched of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the kinds are called what they are called in Kubernetes")]
pub enum ClusterKind {
    ClusterRoles,
    ClusterRoleBindings,
    Roles,
    RoleBindings,
    Pods,
    PersistentVolumes,
    VolumeAttachments,
    ResourceSlices,
    PodCertificateRequests,
    ServiceAccounts,
    Nodes,
    BootstrapSecrets,
    ServiceAccountSecrets,
    SecretMetadata,
    Namespaces,
    CustomResourceDefinitions,
    SigningRequests,
    ConfigMaps,
}

label_values!(ClusterKind {
    ClusterRoles => "cluster_roles",
    ClusterRoleBindings => "cluster_role_bindings",
    Roles => "roles",
    RoleBindings => "role_bindings",
    Pods => "pods",
    PersistentVolumes => "persistent_volumes",
    VolumeAttachments => "volume_attachments",
    ResourceSlices => "resource_slices",
    PodCertificateRequests => "pod_certificate_requests",
    ServiceAccounts => "service_accounts",
    Nodes => "nodes",
    BootstrapSecrets => "bootstrap_secrets",
    ServiceAccountSecrets => "service_account_secrets",
    SecretMetadata => "secret_metadata",
    Namespaces => "namespaces",
    CustomResourceDefinitions => "custom_resource_definitions",
    SigningRequests => "signing_requests",
    ConfigMaps => "config_maps",
});

/// How an authorization review ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decided {
    /// Allowed.
    Allow,
    /// Denied.
    Deny,
    /// Neither.
    NoOpinion,
    /// Could not be evaluated; answered with HTTP 500.
    Error,
    /// Not a review; answered with HTTP 4xx.
    Malformed,
}

label_values!(Decided {
    Allow => "allow",
    Deny => "deny",
    NoOpinion => "no_opinion",
    Error => "error",
    Malformed => "malformed",
});

/// How a token review ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proved {
    /// A user.
    Authenticated,
    /// No authenticator knows the token.
    Unknown,
    /// An authenticator that knows its kind refused it.
    Error,
    /// Not a review; answered with HTTP 4xx.
    Malformed,
}

label_values!(Proved {
    Authenticated => "authenticated",
    Unknown => "unknown",
    Error => "error",
    Malformed => "malformed",
});

/// Why a client was turned away before its request was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Too many connections.
    Connections,
    /// Too many requests at once.
    Requests,
    /// The TLS handshake failed.
    Handshake,
    /// Its address failed too many handshakes.
    HandshakeBudget,
    /// The handshake, the headers or the body took too long.
    Slow,
    /// The body is too large.
    Large,
    /// No client certificate where one is required.
    NoCertificate,
}

label_values!(Refused {
    Connections => "connections",
    Requests => "requests",
    Handshake => "handshake",
    HandshakeBudget => "handshake_budget",
    Slow => "slow",
    Large => "large",
    NoCertificate => "no_certificate",
});

/// What somebody who logs in shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginProof {
    /// A name and a password.
    Password,
    /// A Kerberos ticket.
    Ticket,
    /// A token of an issuer, or one to be renewed.
    Token,
    /// A client certificate.
    Certificate,
    /// None of these.
    None,
}

label_values!(LoginProof {
    Password => "password",
    Ticket => "ticket",
    Token => "token",
    Certificate => "certificate",
    None => "none",
});

/// How a login or a renewal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginOutcome {
    /// A credential was handed out.
    Success,
    /// Nobody we know; HTTP 401.
    Unauthorized,
    /// Too many wrong guesses; HTTP 429.
    Throttled,
    /// Known, and not to have what was asked for; HTTP 403.
    Forbidden,
    /// No login; HTTP 400.
    Malformed,
    /// A directory does not answer; HTTP 503.
    Unavailable,
    /// The credential could not be made; HTTP 500.
    Failed,
}

label_values!(LoginOutcome {
    Success => "success",
    Unauthorized => "unauthorized",
    Throttled => "throttled",
    Forbidden => "forbidden",
    Malformed => "malformed",
    Unavailable => "unavailable",
    Failed => "failed",
});

/// What was loaded anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reloaded {
    /// Policy, tokens, keys: what decides.
    Policy,
    /// The server's certificate and the client CAs.
    Tls,
}

label_values!(Reloaded {
    Policy => "policy",
    Tls => "tls",
});

/// How loading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadResult {
    /// It serves now.
    Success,
    /// The last good one goes on serving.
    Failure,
}

label_values!(LoadResult {
    Success => "success",
    Failure => "failure",
});

/// How a look-up in the token cache ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheResult {
    /// It was there.
    Hit,
    /// It had to be looked up.
    Miss,
    /// It waited for the look-up of another request.
    Joined,
}

label_values!(CacheResult {
    Hit => "hit",
    Miss => "miss",
    Joined => "joined",
});

/// The kind of an authenticator. One that somebody brought along is [`Self::Custom`]: its name is
/// not ours to bound, so it is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthenticatorKind {
    /// Static token files.
    TokenFile,
    /// Bootstrap tokens.
    BootstrapToken,
    /// Service account JWTs.
    ServiceAccount,
    /// Tokens that Portcullis issued.
    IssuedToken,
    /// JWTs of OpenID Connect issuers.
    Oidc,
    /// Token introspection.
    Introspection,
    /// Any other.
    Custom,
}

label_values!(AuthenticatorKind {
    TokenFile => "token_file",
    BootstrapToken => "bootstrap_token",
    ServiceAccount => "service_account",
    IssuedToken => "issued_token",
    Oidc => "oidc",
    Introspection => "introspection",
    Custom => "custom",
});

impl AuthenticatorKind {
    /// The kind of an authenticator by its name, such as `token-file`, or by its label; whatever is
    /// not known is [`Self::Custom`].
    ///
    /// ```
    /// use portcullis::webhook::metrics::AuthenticatorKind;
    ///
    /// assert_eq!(AuthenticatorKind::of("token-file"), AuthenticatorKind::TokenFile);
    /// assert_eq!(AuthenticatorKind::of("service-account-legacy"), AuthenticatorKind::ServiceAccount);
    /// assert_eq!(AuthenticatorKind::of("issued"), AuthenticatorKind::IssuedToken);
    /// assert_eq!(AuthenticatorKind::of("acme-sso"), AuthenticatorKind::Custom);
    /// ```
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "issued" => return Self::IssuedToken,
            "service-account-legacy" => return Self::ServiceAccount,
            _ => {}
        }
        let same = |kind: &&Self| {
            let bytes = name.bytes().map(|byte| if byte == b'-' { b'_' } else { byte });
            bytes.eq(kind.as_str().bytes())
        };
        Self::ALL.iter().find(same).copied().unwrap_or(Self::Custom)
    }
}

/// What one authenticator said to one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tried {
    /// A user.
    Authenticated,
    /// Not its kind, or not known to it.
    NoOpinion,
    /// Its kind, and refused.
    Error,
}

label_values!(Tried {
    Authenticated => "authenticated",
    NoOpinion => "no_opinion",
    Error => "error",
});

/// A kind of thing that a policy consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyObject {
    /// ClusterRoles.
    ClusterRole,
    /// ClusterRoleBindings.
    ClusterRoleBinding,
    /// Roles.
    Role,
    /// RoleBindings.
    RoleBinding,
    /// Lines of ABAC policy.
    AbacLine,
}

label_values!(PolicyObject {
    ClusterRole => "cluster_role",
    ClusterRoleBinding => "cluster_role_binding",
    Role => "role",
    RoleBinding => "role_binding",
    AbacLine => "abac_line",
});

/// How a candidate policy differs from the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShadowDifference {
    /// The candidate says the same.
    Same,
    /// The candidate would allow what is not allowed.
    WouldAllow,
    /// The candidate would not allow what is allowed.
    WouldRefuse,
    /// A no of the other kind: denied against no opinion, or a plain no against one with an error.
    OtherNo,
    /// The same decision for another reason.
    OtherReason,
    /// The candidate panicked, or failed to evaluate where the live policy did not; the server
    /// would answer with HTTP 500.
    Failed,
    /// The candidate was too slow lately and was not asked; the live decision was not held up.
    Skipped,
}

label_values!(ShadowDifference {
    Same => "same",
    WouldAllow => "would_allow",
    WouldRefuse => "would_refuse",
    OtherNo => "other_no",
    OtherReason => "other_reason",
    Failed => "failed",
    Skipped => "skipped",
});

/// What a signer did with a CertificateSigningRequest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignerOutcome {
    /// It approved it.
    Approved,
    /// It denied it.
    Denied,
    /// Something failed, and it tries again.
    Failed,
    /// It does not sign such, and said so (`Failed`, S-CSR-13).
    Refused,
    /// It signed it, and the API server took the certificate.
    Signed,
}

label_values!(SignerOutcome {
    Approved => "approved",
    Denied => "denied",
    Failed => "failed",
    Refused => "refused",
    Signed => "signed",
});
