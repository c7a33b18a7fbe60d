//! The rules of Kubernetes' own signers: may such a certificate be requested, and signed?

use std::fmt;
use std::str::FromStr;

use super::requested::Requested;
use crate::api::certificates::{KeyUsage, signer_name_errors};
use crate::api::field::FieldErrors;
use crate::model::groups;

/// What the user name of every kubelet begins with.
const NODE_PREFIX: &str = "system:node:";
/// The domain whose signers belong to Kubernetes.
const KUBERNETES: &str = "kubernetes.io/";

/// Who signs. The rules differ (S-CSR-13).
///
/// ```
/// use portcullis::pki::signer::Signer;
///
/// let signer: Signer = "kubernetes.io/kubelet-serving".parse()?;
/// assert_eq!(signer, Signer::KubeletServing);
/// assert!("kubelet-serving".parse::<Signer>().is_err());
/// # Ok::<(), portcullis::pki::signer::SignerNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signer {
    /// Certificates with which users come to the API server.
    KubeApiserverClient,
    /// The same for kubelets.
    KubeApiserverClientKubelet,
    /// Certificates that kubelets show to their clients.
    KubeletServing,
    /// No rules at all; since v1 nobody can ask for it.
    LegacyUnknown,
    /// Somebody else's, with rules that Kubernetes does not know.
    Other(String),
}

impl Signer {
    /// The name, such as `kubernetes.io/kube-apiserver-client`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::KubeApiserverClient => "kubernetes.io/kube-apiserver-client",
            Self::KubeApiserverClientKubelet => "kubernetes.io/kube-apiserver-client-kubelet",
            Self::KubeletServing => "kubernetes.io/kubelet-serving",
            Self::LegacyUnknown => "kubernetes.io/legacy-unknown",
            Self::Other(name) => name,
        }
    }

    /// Whether it is in Kubernetes' domain and none that Kubernetes has: nobody signs for it
    /// (S-CSR-15).
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        matches!(self, Self::Other(name) if name.starts_with(KUBERNETES))
    }

    /// Whether rules of Kubernetes say what it may sign. For the others only a policy can.
    #[must_use]
    pub const fn has_rules(&self) -> bool {
        matches!(
            self,
            Self::KubeApiserverClient | Self::KubeApiserverClientKubelet | Self::KubeletServing
        )
    }

    /// What this signer does not sign (S-CSR-12, S-CSR-13); the first objection only.
    ///
    /// S-CSR-12 stands first: the API server refuses to store such a request at all.
    ///
    /// ```
    /// use portcullis::api::certificates::KeyUsage;
    /// use portcullis::pki::Requested;
    /// use portcullis::pki::signer::Signer;
    ///
    /// let requested = Requested { common_name: "jane", ..Requested::default() };
    /// let signer = Signer::KubeApiserverClient;
    /// assert!(signer.check(&requested, &[KeyUsage::ClientAuth]).is_ok());
    /// let refusal = signer.check(&requested, &[KeyUsage::ServerAuth]).unwrap_err();
    /// assert_eq!(refusal.to_string(), "invalid usage for client certificate: server auth");
    /// ```
    ///
    /// # Errors
    /// The objection, in the words of the API server.
    pub fn check(
        &self,
        requested: &Requested<'_>,
        usages: &[KeyUsage],
    ) -> Result<(), SignerRefusal> {
        match self {
            Self::KubeApiserverClient => check_client(requested, usages),
            Self::KubeApiserverClientKubelet => check_kubelet_client(requested, usages),
            Self::KubeletServing => check_kubelet_serving(requested, usages),
            Self::LegacyUnknown | Self::Other(_) => Ok(()),
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not the name of a signer (S-CSR-5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SignerNameError(pub FieldErrors);

impl FromStr for Signer {
    type Err = SignerNameError;

    fn from_str(text: &str) -> Result<Self, SignerNameError> {
        let known = [
            Self::KubeApiserverClient,
            Self::KubeApiserverClientKubelet,
            Self::KubeletServing,
            Self::LegacyUnknown,
        ];
        if let Some(signer) = known.into_iter().find(|signer| signer.as_str() == text) {
            return Ok(signer);
        }
        let errors = signer_name_errors("signerName", text);
        if errors.is_empty() {
            return Ok(Self::Other(text.to_owned()));
        }
        Err(SignerNameError(FieldErrors::from(errors)))
    }
}

/// Why a signer does not sign: the texts of the API server (S-CSR-12, S-CSR-13).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it, and they are part of the interface")]
pub enum SignerRefusal {
    #[error("DNS subjectAltNames are not allowed")]
    DnsNames,
    #[error("DNS or IP subjectAltName is required")]
    DnsOrIpRequired,
    #[error("Email subjectAltNames are not allowed")]
    EmailAddresses,
    #[error("IP subjectAltNames are not allowed")]
    IpAddresses,
    #[error(
        "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
    )]
    Masters,
    #[error("missing required usage for client certificate: client auth")]
    NoClientAuth,
    #[error("subject organization is not system:nodes")]
    NotNodes,
    #[error("subject common name does not begin with system:node:")]
    NotOfANode,
    #[error("URI subjectAltNames are not allowed")]
    Uris,
    #[error("invalid usage for client certificate: {0}")]
    Usage(KeyUsage),
    #[error("usages did not match [{0}]")]
    Usages(&'static str),
}

fn check_client(requested: &Requested<'_>, usages: &[KeyUsage]) -> Result<(), SignerRefusal> {
    if requested.organizations.iter().any(|group| group == groups::MASTERS) {
        return Err(SignerRefusal::Masters);
    }
    let allowed = [KeyUsage::ClientAuth, KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment];
    if let Some(other) = usages.iter().find(|usage| !allowed.contains(usage)) {
        return Err(SignerRefusal::Usage(*other));
    }
    if !usages.contains(&KeyUsage::ClientAuth) {
        return Err(SignerRefusal::NoClientAuth);
    }
    Ok(())
}

fn check_kubelet_client(
    requested: &Requested<'_>,
    usages: &[KeyUsage],
) -> Result<(), SignerRefusal> {
    check_organization(requested)?;
    let Requested { dns_names, email_addresses, ip_addresses, uris, .. } = requested;
    refuse(!dns_names.is_empty(), SignerRefusal::DnsNames)?;
    refuse(!email_addresses.is_empty(), SignerRefusal::EmailAddresses)?;
    refuse(!ip_addresses.is_empty(), SignerRefusal::IpAddresses)?;
    refuse(!uris.is_empty(), SignerRefusal::Uris)?;
    check_node_name(requested)?;
    let expected = "client auth digital signature key encipherment";
    refuse(!is_pair(usages, KeyUsage::ClientAuth), SignerRefusal::Usages(expected))
}

fn check_kubelet_serving(
    requested: &Requested<'_>,
    usages: &[KeyUsage],
) -> Result<(), SignerRefusal> {
    check_organization(requested)?;
    let Requested { dns_names, email_addresses, ip_addresses, uris, .. } = requested;
    refuse(dns_names.is_empty() && ip_addresses.is_empty(), SignerRefusal::DnsOrIpRequired)?;
    refuse(!email_addresses.is_empty(), SignerRefusal::EmailAddresses)?;
    refuse(!uris.is_empty(), SignerRefusal::Uris)?;
    let expected = "digital signature key encipherment server auth";
    refuse(!is_pair(usages, KeyUsage::ServerAuth), SignerRefusal::Usages(expected))?;
    check_node_name(requested)
}

fn refuse(when: bool, refusal: SignerRefusal) -> Result<(), SignerRefusal> {
    if when { Err(refusal) } else { Ok(()) }
}

/// Exactly one organization, and this one.
fn check_organization(requested: &Requested<'_>) -> Result<(), SignerRefusal> {
    refuse(
        !matches!(requested.organizations, [one] if one == groups::NODES),
        SignerRefusal::NotNodes,
    )
}

/// The prefix alone passes (S-CSR-14).
fn check_node_name(requested: &Requested<'_>) -> Result<(), SignerRefusal> {
    refuse(!requested.common_name.starts_with(NODE_PREFIX), SignerRefusal::NotOfANode)
}

/// As a set: `digital signature`, this one, and `key encipherment` or not.
fn is_pair(usages: &[KeyUsage], main: KeyUsage) -> bool {
    let may = |usage: &KeyUsage| {
        *usage == main || matches!(usage, KeyUsage::DigitalSignature | KeyUsage::KeyEncipherment)
    };
    usages.contains(&main) && usages.contains(&KeyUsage::DigitalSignature) && usages.iter().all(may)
}
