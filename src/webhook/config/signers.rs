//! Which requests for certificates this server signs.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use super::NamedPath;
use crate::model::Origin;
use crate::pki::issue::LOGIN_SIGNER;
use crate::pki::signer::Signer;
use crate::pki::validity::{DEFAULT_SIGNING_DURATION, SHORTEST};
use crate::source::config_file::{Field, Object};

/// A signer of Kubernetes: CertificateSigningRequests of one name are approved, if that is wanted, and
/// signed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignerConfig {
    /// Whose requests: `spec.signerName`.
    pub signer: Signer,
    /// The line that begins it.
    pub origin: Origin,
    /// Who signs.
    pub authority: SignerAuthorityConfig,
    /// The signing policy, see [`source::signing_policy`](crate::source::signing_policy). Without one
    /// the rules of Kubernetes for this signer decide alone.
    pub policy: Option<NamedPath>,
    /// Whether requests are approved here, too.
    pub approve: Approve,
    /// Whether requests that the policy refuses are denied, for ever, instead of left pending.
    pub deny_refused: bool,
    /// The longest life of a certificate (S-CSR-16).
    pub signing_duration: Duration,
    /// Files of books of its own; without them the books are those that all replicas share
    /// (`cluster.facts`).
    pub ledger: Option<SignerLedgerConfig>,
}

/// Who signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerAuthorityConfig {
    /// The certificate, PEM.
    pub certificate_file: NamedPath,
    /// Its key, PEM.
    pub key_file: NamedPath,
    /// The passphrase of the key.
    pub passphrase_file: Option<NamedPath>,
}

/// Books in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerLedgerConfig {
    /// The ledger.
    pub file: NamedPath,
    /// The revocation file that belongs to it.
    pub revocations_file: NamedPath,
}

/// Who approves requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Approve {
    /// Somebody else.
    #[default]
    Never,
    /// This server, what a rule of the signing policy allows.
    ByPolicy,
    /// This server, as kube-controller-manager does it: client certificates of kubelets whose requester
    /// may create `certificatesigningrequests/selfnodeclient` or `/nodeclient` (S-CSR-18).
    Kubelets,
}

impl SignerConfig {
    /// Every file that it names, but those that it writes.
    pub(in crate::webhook) fn files(&self) -> impl Iterator<Item = &NamedPath> {
        let SignerAuthorityConfig { certificate_file, key_file, passphrase_file } = &self.authority;
        [certificate_file, key_file].into_iter().chain(passphrase_file).chain(&self.policy)
    }
}

/// `has_cluster`: whether there is an API server; `has_facts`: whether replicas share their books.
pub(super) fn signers(
    field: &Field<'_>,
    base: &Path,
    has_cluster: bool,
    has_facts: bool,
) -> Option<Vec<SignerConfig>> {
    if !has_cluster {
        field.note(
            "takes requests from `cluster`, which is missing; say there how the API server is reached",
        );
        return None;
    }
    let mut names = HashSet::new();
    let mut signers = Vec::new();
    let mut is_whole = true;
    for entry in field.list()? {
        let read = entry.clone().object().and_then(|object| {
            let read = signer(&object, base, has_facts);
            object.finish();
            let read = read?;
            if !names.insert(read.signer.clone()) {
                entry_stands_twice(&entry, &read.signer);
                return None;
            }
            Some(read)
        });
        is_whole &= read.is_some();
        signers.extend(read);
    }
    is_whole.then_some(signers)
}

fn entry_stands_twice(entry: &Field<'_>, signer: &Signer) {
    entry.note(format!("signer `{signer}` stands there already; remove one"));
}

fn signer(object: &Object<'_>, base: &Path, has_facts: bool) -> Option<SignerConfig> {
    let signer = object.required("signerName").and_then(name);
    let authority = object.required("authority").and_then(|field| authority(field, base));
    let policy = object.get("policy").map(|field| field.path(base));
    let approve = object.get("approve").map(|field| {
        let words = [
            ("Never", Approve::Never),
            ("ByPolicy", Approve::ByPolicy),
            ("Kubelets", Approve::Kubelets),
        ];
        field.one_of(&words)
    });
    let deny_refused = object.get("denyRefused").map(|field| field.boolean());
    let signing_duration = object.get("signingDuration").map(|field| {
        const RANGE: std::ops::RangeInclusive<Duration> =
            seconds(SHORTEST)..=Duration::from_secs(100 * 365 * 86_400);
        let bounds = "from `10m`, less than which no certificate lasts, to a hundred years";
        field.within(field.positive_duration()?, &RANGE, bounds)
    });
    let ledger = object.get("ledger").map(|field| ledger(field, base));
    if ledger.is_none() && !has_facts {
        object.note(
            "has no books: name files under `ledger`, or let replicas share theirs with \
             `cluster.facts`",
        );
        return None;
    }
    let approve = approve.map_or(Some(Approve::Never), |read| read)?;
    let signer = signer?;
    let read = SignerConfig {
        origin: object.origin(),
        authority: authority?,
        policy: policy.map_or(Some(None), |read| read.map(Some))?,
        approve,
        deny_refused: deny_refused.map_or(Some(false), |read| read)?,
        signing_duration: signing_duration
            .map_or(Some(seconds(DEFAULT_SIGNING_DURATION)), |read| read)?,
        ledger: ledger.map_or(Some(None), |read| read.map(Some))?,
        signer,
    };
    agrees(object, &read).then_some(read)
}

/// The name of a signer that somebody can ask for, and that is nobody else's.
fn name(field: Field<'_>) -> Option<Signer> {
    let text = field.text()?;
    let problem = match text.parse::<Signer>() {
        Err(error) => error.to_string(),
        Ok(signer) if signer.is_nobody() => format!(
            "there is no signer `{text}`: in the domain kubernetes.io only Kubernetes has signers"
        ),
        Ok(Signer::LegacyUnknown) => {
            format!("nobody can ask for signer `{text}`; the API server takes no such requests")
        }
        Ok(signer) if signer.as_str() == LOGIN_SIGNER => {
            format!("signer `{text}` signs for those who log in; name another")
        }
        Ok(signer) => return Some(signer),
    };
    field.note(problem);
    None
}

fn agrees(object: &Object<'_>, read: &SignerConfig) -> bool {
    let SignerConfig { signer, policy, approve, deny_refused, .. } = read;
    let problem = if policy.is_none() && !signer.has_rules() {
        format!(
            "signer `{signer}` has no rules in Kubernetes; name a signing policy under `policy`"
        )
    } else if *approve == Approve::ByPolicy && policy.is_none() {
        "approves by policy, and has none; name a signing policy under `policy`".to_owned()
    } else if *approve == Approve::Kubelets && *signer != Signer::KubeApiserverClientKubelet {
        let kubelets = Signer::KubeApiserverClientKubelet;
        format!("`approve: Kubelets` is for signer `{kubelets}`; use `ByPolicy`")
    } else if *deny_refused && *approve != Approve::ByPolicy {
        "`denyRefused` is for `approve: ByPolicy`: nobody else refuses anything here".to_owned()
    } else {
        return true;
    };
    object.note(problem);
    false
}

fn authority(field: Field<'_>, base: &Path) -> Option<SignerAuthorityConfig> {
    let object = field.object()?;
    let file = |name| object.required(name).and_then(|field| field.path(base));
    let (certificate_file, key_file) = (file("certificateFile"), file("keyFile"));
    let passphrase_file = object.get("passphraseFile").map(|field| field.path(base));
    object.finish();
    Some(SignerAuthorityConfig {
        certificate_file: certificate_file?,
        key_file: key_file?,
        passphrase_file: passphrase_file.map_or(Some(None), |read| read.map(Some))?,
    })
}

fn ledger(field: Field<'_>, base: &Path) -> Option<SignerLedgerConfig> {
    let object = field.object()?;
    let path = |name| object.required(name).and_then(|field| field.path(base));
    let (file, revocations_file) = (path("file"), path("revocationsFile"));
    object.finish();
    Some(SignerLedgerConfig { file: file?, revocations_file: revocations_file? })
}

const fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}
