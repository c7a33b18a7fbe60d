//! The binding that a new user is to have: shown, checked, written as a manifest.

use clap::Args;
use portcullis::api::rbac::{Kind, Subject};
use portcullis::query::{BindingPlan, BindingRole, BindingScope, may_bind};

use super::permission::PermissionArgs;
use crate::cli::args::Format;
use crate::cli::exit::Failure;
use crate::cli::load;
use crate::cli::output::object;
use crate::cli::speak::Speaker;

/// What the user is to be allowed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Binding")]
pub(super) struct BindArgs {
    /// Write a binding of this role, too: clusterrole/NAME or role/NAME
    ///
    /// It is checked first, by the policy of -f, whether --requester may grant it.
    #[arg(long, value_name = "ROLE")]
    bind: Option<BindingRole>,
    /// The namespace of the binding
    #[arg(short, long, value_name = "NS", requires = "bind")]
    namespace: Option<String>,
    /// Bind a ClusterRole in the whole cluster
    #[arg(long, requires = "bind", conflicts_with = "namespace")]
    cluster_wide: bool,
    /// Bind this group instead of the user
    #[arg(long, value_name = "G", requires = "bind")]
    bind_group: Option<String>,
    /// Write the binding although there is no policy to check it by
    #[arg(long, requires = "bind")]
    unchecked: bool,
}

/// What came of a check.
pub(super) enum Checked {
    /// No binding is wanted.
    Nothing,
    /// It may be made. The manifest, YAML.
    Manifest(Vec<u8>),
    /// It may not.
    Refused(String),
}

impl BindArgs {
    /// Shows what the binding would grant, and asks whether it may be made.
    pub(super) fn check(
        &self,
        user: &str,
        groups: &[String],
        permission: &PermissionArgs,
        speaker: Speaker,
    ) -> Result<Checked, Failure> {
        let Some(role) = &self.bind else { return Ok(Checked::Nothing) };
        let plan = self.plan(role, user)?;
        if let Some(group) = &self.bind_group
            && !groups.contains(group)
        {
            speaker.warn(format!("`{user}` is not in the group `{group}` that is bound"));
        }
        let policy = &permission.policy;
        if policy.files.is_empty() && !policy.with_defaults {
            if !self.unchecked {
                return Err(Failure::usage(format!(
                    "nothing can be said about {role} without a policy: name roles and bindings with \
                     -f, or write the binding --unchecked"
                )));
            }
            speaker.warn(format!("nobody checked what {role} grants, nor who may grant it"));
            return manifest(&plan);
        }
        let requester = permission.requester.as_ref().ok_or_else(|| {
            Failure::usage("say who grants this, so that it can be checked: --requester USER")
        })?;
        let requester = portcullis::model::User::impersonated(
            requester,
            permission.requester_groups.iter().cloned(),
        );
        // What was skipped is told when the policy is read for the rest.
        let world = load::load(policy, None, self.namespace.as_deref(), Speaker::new(true, false))?;
        match plan.grants(&world.snapshot) {
            Some(lines) => {
                speaker.note(format!("{role} would grant {}:", self.where_it_grants()));
                lines.iter().for_each(|line| speaker.note(format!("  {line}")));
            }
            None => speaker.warn(format!("the policy has no {role}")),
        }
        if world.is_doubtful(self.namespace.as_deref().unwrap_or_default()) {
            return Ok(Checked::Refused(
                "something was skipped in reading the policy that could matter".to_owned(),
            ));
        }
        match may_bind(&world.snapshot, &requester, &plan) {
            Ok(()) => manifest(&plan),
            Err(refusal) => Ok(Checked::Refused(refusal.to_string())),
        }
    }

    fn plan(&self, role: &BindingRole, user: &str) -> Result<BindingPlan, Failure> {
        let scope = match (&self.namespace, self.cluster_wide) {
            (Some(namespace), _) => BindingScope::Namespace(namespace.clone()),
            (None, true) => BindingScope::Cluster,
            (None, false) if role.kind == Kind::ClusterRole => {
                return Err(Failure::usage(
                    "say where the role is to be bound: in a namespace with -n NS, or everywhere \
                     with --cluster-wide",
                ));
            }
            (None, false) => {
                return Err(Failure::usage("a Role is bound in its namespace: name it with -n NS"));
            }
        };
        let (subject, of) = match &self.bind_group {
            Some(group) => (Subject::group(group.as_str()), group.as_str()),
            None => (Subject::user(user), user),
        };
        // S-RVAL-2: what a name may not have.
        let name = format!("{of}-{}", role.name).replace(['/', '%'], "-");
        BindingPlan::new(&name, role.clone(), &scope, subject)
            .map_err(|error| Failure::usage(error.to_string()))
    }

    fn where_it_grants(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("in namespace `{namespace}`"),
            None => "in the whole cluster".to_owned(),
        }
    }
}

fn manifest(plan: &BindingPlan) -> Result<Checked, Failure> {
    let mut text = Vec::new();
    object(&mut text, Format::Yaml, &plan.manifest())?;
    Ok(Checked::Manifest(text))
}
