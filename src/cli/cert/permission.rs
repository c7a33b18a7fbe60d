//! Who asks for a certificate, who approves it, and what decides about both.

use std::path::PathBuf;

use clap::Args;
use portcullis::model::{Request, ResourceAttributes, User, Verdict};
use portcullis::pki::Requested;
use portcullis::pki::approval::{AutoApproval, NotPermitted, auto_approval, may_approve, may_sign};
use portcullis::pki::policy::SigningPolicy;
use portcullis::pki::signer::Signer;
use portcullis::pki::validation::Valid;
use portcullis::source::signing_policy;

use crate::cli::args::PolicyArgs;
use crate::cli::exit::Failure;
use crate::cli::load::{self, World, read_file};
use crate::cli::speak::Speaker;

/// Who asks, who approves, and by which rules.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who asks, and who may")]
pub(super) struct PermissionArgs {
    /// Who wants the certificate; the signing policy decides by it, and the ledger keeps it
    #[arg(long, value_name = "USER")]
    pub(super) requester: Option<String>,
    /// A group of the requester (repeatable)
    #[arg(long = "requester-group", value_name = "GROUP", requires = "requester")]
    pub(super) requester_groups: Vec<String>,
    /// Who approves and signs; roles and policies (-f, --abac) must allow it [default: the requester]
    #[arg(long = "as", value_name = "USER")]
    pub(super) approver: Option<String>,
    /// A group of whoever approves (repeatable)
    #[arg(long = "as-group", value_name = "GROUP", requires = "approver")]
    pub(super) approver_groups: Vec<String>,
    /// The signing policy: who may have which names, groups, keys and lifetimes
    #[arg(long, value_name = "FILE")]
    pub(super) signing_policy: Option<PathBuf>,
    #[command(flatten)]
    pub(super) policy: PolicyArgs,
}

/// The same, read.
pub(super) struct Permission {
    /// Who wants the certificate, when that is said.
    pub(super) requester: Option<User>,
    /// Who approves and signs, when that is said.
    pub(super) approver: Option<User>,
    /// The signing policy, when there is one.
    pub(super) rules: Option<SigningPolicy>,
    /// Nobody approves or signs by name: a controller does.
    pub(super) is_automatic: bool,
    /// The authorizer chain, when there is one.
    world: Option<World>,
}

impl PermissionArgs {
    /// Reads what the flags name.
    pub(super) fn read(&self, speaker: Speaker) -> Result<Permission, Failure> {
        let user = |name: &Option<String>, groups: &[String], flag: &str| match name.as_deref() {
            Some("") => Err(Failure::usage(format!("{flag} is empty; name a user"))),
            name => Ok(name.map(|name| User::impersonated(name, groups))),
        };
        let requester = user(&self.requester, &self.requester_groups, "--requester")?;
        let rules = match &self.signing_policy {
            None => None,
            Some(path) => {
                let read = signing_policy::parse(path, &read_file(path)?);
                Some(read.map_err(|error| Failure::usage(error.to_string()))?)
            }
        };
        let has_chain = self.has_chain();
        // Where nobody is asked nobody approved, and the books must not say so.
        let approver = user(&self.approver, &self.approver_groups, "--as")?
            .or_else(|| requester.clone().filter(|_| has_chain));
        if self.approver.is_some() && !has_chain {
            return Err(Failure::usage(
                "--as needs somebody to ask: name roles and bindings with -f, or a policy with --abac",
            ));
        }
        let world = has_chain.then(|| load::load(&self.policy, None, None, speaker)).transpose()?;
        Ok(Permission { requester, approver, rules, is_automatic: false, world })
    }

    pub(super) fn has_chain(&self) -> bool {
        let PolicyArgs { files, abac, with_defaults, modes, .. } = &self.policy;
        !files.is_empty() || abac.is_some() || *with_defaults || !modes.is_empty()
    }
}

impl Permission {
    /// Says what nobody decides here.
    pub(super) fn say_what_is_missing(&self, speaker: Speaker) {
        if self.rules.is_none() && self.world.is_none() {
            speaker.note(
                "only the rules of the signer decide; --signing-policy says who may have what, -f or \
                 --abac who may approve",
            );
        }
    }

    /// Warns of names that Kubernetes keeps for itself, when no policy looks at them.
    pub(super) fn warn_of_names(&self, speaker: Speaker, user: &str, groups: &[String]) {
        if self.rules.is_some() {
            return;
        }
        let names = [("user", user)].into_iter();
        let names = names.chain(groups.iter().map(|group| ("group", group.as_str())));
        for (what, name) in names.filter(|(_, name)| name.starts_with("system:")) {
            speaker.warn(format!("{what} `{name}` is one of Kubernetes itself; is that meant?"));
        }
    }

    /// Whether the requester may create requests (S-CSR-9); yes when there is nobody to ask.
    pub(super) fn may_create(&self, requester: &User) -> Result<(), String> {
        let Some(world) = &self.world else { return Ok(()) };
        let attributes = ResourceAttributes::new("create", "certificatesigningrequests")
            .in_group("certificates.k8s.io");
        if world.snapshot.authorize(&Request::resource(requester, attributes)).is_allowed() {
            return Ok(());
        }
        Err(cannot(requester, "create", "certificatesigningrequests"))
    }

    /// Whether whoever approves may write approvals, and approve for this signer (S-CSR-9). `object`
    /// is the name of the CertificateSigningRequest; empty for a bare request.
    pub(super) fn may_approve(&self, signer: &Signer, object: &str) -> Result<(), String> {
        self.ask(signer, ("approval", object), may_approve)
    }

    /// Whether whoever signs may write certificates, and sign for this signer (S-CSR-9).
    pub(super) fn may_sign(&self, signer: &Signer, object: &str) -> Result<(), String> {
        self.ask(signer, ("status", object), may_sign)
    }

    /// Whether Kubernetes would approve this by itself (S-CSR-18); no when there is nobody to ask.
    pub(super) fn auto_approval(
        &self,
        requester: &User,
        signer: &Signer,
        valid: &Valid,
    ) -> Option<AutoApproval> {
        let world = self.world.as_ref()?;
        let requested = Requested::from(&valid.request);
        auto_approval(&asking(world), requester, signer, &requested, &valid.usages)
    }

    fn ask(
        &self,
        signer: &Signer,
        (subresource, object): (&str, &str),
        may: fn(&portcullis::pki::approval::Ask<'_>, &User, &Signer) -> Result<(), NotPermitted>,
    ) -> Result<(), String> {
        let Some(world) = &self.world else { return Ok(()) };
        let Some(approver) = &self.approver else {
            if self.is_automatic {
                return Ok(());
            }
            return Err("nobody is named who approves; say who with --as USER".to_owned());
        };
        let attributes = ResourceAttributes::new("update", "certificatesigningrequests")
            .in_group("certificates.k8s.io")
            .with_subresource(subresource)
            .named(object);
        if !world.snapshot.authorize(&Request::resource(approver, attributes)).is_allowed() {
            let resource = format!("certificatesigningrequests/{subresource}");
            return Err(cannot(approver, "update", &resource));
        }
        may(&asking(world), approver, signer).map_err(|refusal| {
            let errors: String = refusal.errors.iter().map(|error| format!(": {error}")).collect();
            format!("{refusal}{errors}")
        })
    }
}

/// The chain as a function.
fn asking(world: &World) -> impl Fn(&Request<'_>) -> Verdict<'static> + '_ {
    |request| {
        let verdict = world.snapshot.authorize(request);
        Verdict::new(verdict.decision, verdict.reason().into_owned())
            .with_errors(verdict.errors.clone())
    }
}

/// The words of the API server.
fn cannot(user: &User, verb: &str, resource: &str) -> String {
    format!(
        "User \"{}\" cannot {verb} resource \"{resource}\" in API group \"certificates.k8s.io\" at the \
         cluster scope",
        user.name
    )
}
