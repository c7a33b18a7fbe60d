//! From flags to a compiled policy.

use std::path::Path;
#[cfg(feature = "live-groups")]
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::Kind;
use portcullis::api::resources::{ResourceInfo, ResourceTable, discovery};
use portcullis::authz::abac;
#[cfg(feature = "live-groups")]
use portcullis::authz::live_groups::{GroupResolver, LiveGroupsOptions};
use portcullis::authz::node::Gates;
use portcullis::model::{Request, groups};
use portcullis::query::Groups;
use portcullis::snapshot::{self, Config, Link, Mode, Snapshot, SuperUserStep};
#[cfg(feature = "live-groups")]
use portcullis::source::group_file;
use portcullis::source::hierarchy::{self, Hierarchy};
use portcullis::source::{self, Input, LoadError, LoadOptions, Loaded, Notice, Report, Skipped};

use super::args::{Asked, HierarchyFrom, NameArgs, PolicyArgs};
use super::batch;
use super::chain;
use super::describe::{self, counted};
use super::exit::Failure;
use super::live::{Live, Missing, Seen};
use super::progress::Bar;
use super::rego;
use super::speak::Speaker;
use super::target::TargetArgs;
use super::webhook::WebhookUse;

/// The namespace of a question, and of objects that name none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// Another way to a policy, where this build has it.
const LIVE: &str = if cfg!(feature = "watch") { "ask a cluster with --live, " } else { "" };

/// Everything that was read, compiled.
#[derive(Debug)]
pub(crate) struct World {
    /// What was said.
    pub(crate) inventory: Inventory,
    /// What it means.
    pub(crate) snapshot: Snapshot,
    /// What was read besides.
    pub(crate) report: Report,
    /// How long reading and compiling took.
    pub(crate) took: Duration,
    /// The namespace of objects that name none.
    pub(super) default_namespace: String,
    /// Whether the chain has webhooks that are not asked, and that could change answers.
    pub(super) has_unasked: bool,
    /// The API server that was asked, if one was.
    pub(super) server: Option<String>,
    /// What it did not give.
    pub(super) missing: Missing,
    /// By which namespaces inherit.
    hierarchy: Hierarchy,
}

impl World {
    /// Whether something was skipped that could change an answer about this namespace (empty:
    /// cluster scope). What could not even be read as a namespaced object always could.
    pub(crate) fn is_doubtful(&self, namespace: &str) -> bool {
        self.snapshot.rbac().is_some()
            && (self.missing.grants(namespace)
                || self.report.skipped.iter().any(|skipped| self.may_matter(skipped, namespace)))
    }

    /// Whether a pod or volume was left out that could lead to a node.
    pub(crate) fn is_graph_doubtful(&self) -> bool {
        const KINDS: [&str; 5] = [
            "Pod",
            "PersistentVolume",
            "VolumeAttachment",
            "ResourceSlice",
            "PodCertificateRequest",
        ];
        let is_of_graph = |notice: &Notice| matches!(notice, Notice::Unreadable { kind, .. } if KINDS.contains(&kind.as_str()));
        self.snapshot.node().is_some()
            && (self.missing.graph() || self.report.notices.iter().any(is_of_graph))
    }

    /// Whether something was left out that could change this answer.
    pub(crate) fn is_doubtful_for(&self, request: &Request<'_>) -> bool {
        self.is_doubtful(request.attributes.namespace())
            || request.user.is_member(groups::NODES) && self.is_graph_doubtful()
    }

    /// Whether a custom resource may be meant whose definition could not be listed.
    pub(crate) fn is_name_doubtful(&self, target: &TargetArgs, table: &ResourceTable) -> bool {
        self.missing.has("CustomResourceDefinitions") && target.is_unknown(table)
    }

    fn may_matter(&self, skipped: &Skipped, namespace: &str) -> bool {
        let Skipped { kind, namespace: own, .. } = skipped;
        let own = if own.is_empty() { self.default_namespace.as_str() } else { own };
        match kind.as_str() {
            "Role" | "RoleBinding" => {
                own == namespace || self.hierarchy.above(namespace).any(|above| above == own)
            }
            _ => true,
        }
    }
}

/// Reads and compiles. What was skipped is listed on standard error, whatever its weight.
pub(crate) fn load(
    args: &PolicyArgs,
    live: Option<Live>,
    namespace: Option<&str>,
    speaker: Speaker,
) -> Result<World, Failure> {
    let world = read(args, live, namespace, speaker)?;
    describe::loaded(&world, speaker);
    Ok(world)
}

/// The same for those who make their own of what the load met.
pub(crate) fn read(
    args: &PolicyArgs,
    live: Option<Live>,
    namespace: Option<&str>,
    speaker: Speaker,
) -> Result<World, Failure> {
    let started = Instant::now();
    if args.files.is_empty()
        && live.is_none()
        && args.abac.is_none()
        && !args.with_defaults
        && args.modes.is_empty()
        && args.authorization_config.is_none()
        && args.rego.is_empty()
    {
        return Err(Failure::usage(format!(
            "there is no policy to ask; name files with -f PATH, --abac FILE or --rego PATH, \
             {LIVE}or take the roles of every cluster with --with-defaults"
        )));
    }
    batch::check_stdin(None, args)?;
    let gates = gates(args, speaker);
    let default_namespace = namespace.unwrap_or(DEFAULT_NAMESPACE).to_owned();
    let chain = match &args.authorization_config {
        Some(file) => Some((chain::links(file, args.webhook, speaker)?, file)),
        None => None,
    };
    let (is_live, node) = (live.is_some(), asks_node(args, chain.as_ref().map(|it| &it.0)));
    let (mut loaded, missing, server) = match live {
        None => (read_objects(args, &default_namespace)?, Missing::default(), None),
        Some(live) => {
            let Seen { loaded, missing, server } = live.read(args, node, speaker)?;
            check_strict(args, &loaded)?;
            (loaded, missing, Some(server))
        }
    };
    let hierarchy = match &args.hierarchy {
        Some(HierarchyFrom::Labels) => Hierarchy::from_labels(&loaded)?,
        Some(HierarchyFrom::File(path)) => Hierarchy::from_file(path)?,
        None => Hierarchy::default(),
    };
    if args.hierarchy.is_some() {
        hierarchy::inherit(&mut loaded, &hierarchy)?;
    }
    let Loaded { inventory, report } = loaded;
    let abac = args.abac.as_deref().map(read_abac).transpose()?;
    let has_rbac =
        is_live || args.with_defaults || has_policy(&inventory) || !report.skipped.is_empty();
    let rego = rego::policy(args)?;
    let (mut links, says) = match chain {
        Some((links, file)) => (links, file.display().to_string()),
        None => {
            let modes = modes(args, has_rbac, abac.is_some());
            (modes.into_iter().map(Link::Mode).collect(), "--mode".to_owned())
        }
    };
    let unasked = links.iter().filter(|link| link.mode().is_none()).count();
    if let Some(policy) = &rego {
        rego::insert(policy, args, &mut links, speaker);
    }
    let modes: Vec<Mode> = links.iter().filter_map(Link::mode).collect();
    if modes.contains(&Mode::Rbac) && !has_rbac {
        return Err(Failure::usage(no_rbac(args, &report)));
    }
    if modes.contains(&Mode::Node) && args.files.is_empty() && !is_live {
        return Err(Failure::usage(
            "mode Node needs the pods and volumes of the cluster; name files with -f",
        ));
    }
    describe::graph(&modes, &inventory, speaker);
    describe::unasked(&modes, &says, has_rbac && !args.files.is_empty(), abac.is_some(), speaker);
    let has_unasked = args.webhook == WebhookUse::Incomplete && unasked > 0;

    let step = if args.no_super_user { SuperUserStep::LeaveOut } else { SuperUserStep::Include };
    let mut config = links.into_iter().fold(Config::default(), Config::with_link);
    config = config.with_super_user(step).with_aggregation(args.aggregate.into()).with_node(gates);
    if let Some(policy) = abac {
        config = config.with_abac(policy);
    }
    if let Some(clock) = args.clock() {
        config = config.with_grant_times(clock);
    }
    #[cfg(feature = "live-groups")]
    if let Some(path) = &args.live_groups {
        let file = Arc::new(group_file::load(path)?);
        config = config.with_live_groups(GroupResolver::new(file, LiveGroupsOptions::default()));
    }
    let snapshot = snapshot::compile(&inventory, &config)?;
    let took = started.elapsed();
    Ok(World {
        inventory,
        snapshot,
        report,
        took,
        default_namespace,
        has_unasked,
        server,
        missing,
        hierarchy,
    })
}

/// The gates that the Node authorizer has; of every other it is said that it has none.
fn gates(args: &PolicyArgs, speaker: Speaker) -> Gates {
    let mut gates = Gates::default();
    for (name, is_on) in &args.feature_gates {
        let gate = match name.as_str() {
            "PodCertificateRequest" => &mut gates.pod_certificate_request,
            "KubeletServiceAccountTokenForCredentialProviders" => {
                &mut gates.service_account_token_for_credential_providers
            }
            _ => {
                speaker.note(format!("feature gate `{name}` changes nothing in this build"));
                continue;
            }
        };
        *gate = *is_on;
        if !args.modes.contains(&Asked::Mode(Mode::Node)) && args.authorization_config.is_none() {
            speaker.note(format!("feature gate `{name}` changes nothing: --mode has no Node"));
        }
    }
    gates
}

/// Whether mode Node will be asked, as far as flags tell.
fn asks_node(args: &PolicyArgs, chain: Option<&Vec<Link>>) -> bool {
    args.modes.contains(&Asked::Mode(Mode::Node))
        || chain.is_some_and(|links| links.iter().any(|link| link.mode() == Some(Mode::Node)))
}

fn options(args: &PolicyArgs, default_namespace: &str) -> LoadOptions {
    LoadOptions {
        default_namespace: default_namespace.into(),
        strict: args.strict,
        keep_metadata: !args.rego.is_empty(),
        ..LoadOptions::default()
    }
}

/// An API server hands out whatever it has; what cannot be read is known only then.
fn check_strict(args: &PolicyArgs, loaded: &Loaded) -> Result<(), Failure> {
    match loaded.report.skipped.first() {
        Some(skipped) if args.strict => Err(LoadError::Skipped(Box::new(skipped.clone())).into()),
        _ => Ok(()),
    }
}

fn read_objects(args: &PolicyArgs, default_namespace: &str) -> Result<Loaded, Failure> {
    let options = options(args, default_namespace);
    let inputs: Vec<Input> = args.files.iter().map(Input::from).collect();
    let mut bar = Bar::new();
    let read = source::load(&inputs, &options, &mut |progress| bar.show(progress));
    bar.finish();
    let mut read = read?;
    if args.with_defaults {
        source::put_default_roles_in_front(&mut read, &options)?;
    }
    Ok(read)
}

/// An empty policy file is refused: the API server would run with it and allow nobody anything,
/// but here it is an unfinished download.
fn read_abac(path: &Path) -> Result<abac::Policy, Failure> {
    let name = path.display().to_string();
    let text = read_text(path)?;
    let policy = abac::Policy::parse(name.as_str(), &text)?;
    if policy.is_empty() {
        return Err(Failure::usage(format!("`{name}`: not a single policy line in it")));
    }
    Ok(policy)
}

/// Reads a file that must be text.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read_file(path)?).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        let message = "not UTF-8 text; save the file as UTF-8".to_owned();
        Failure::Line { path: path.display().to_string(), line, message }
    })
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| Failure::Read { path: path.display().to_string(), error })
}

pub(super) const POLICY_KINDS: [Kind; 4] =
    [Kind::ClusterRole, Kind::ClusterRoleBinding, Kind::Role, Kind::RoleBinding];

fn has_policy(inventory: &Inventory) -> bool {
    POLICY_KINDS.iter().any(|kind| inventory.count(*kind) > 0)
}

/// The modes that were asked for, or those for which there is policy.
fn modes(args: &PolicyArgs, has_rbac: bool, has_abac: bool) -> Vec<Mode> {
    if !args.modes.is_empty() {
        let mode = |asked: &Asked| match asked {
            Asked::Mode(mode) => Some(*mode),
            Asked::Rego => None,
        };
        return args.modes.iter().filter_map(mode).collect();
    }
    // RBAC is missed when nothing else is given.
    let has_others = has_abac || !args.rego.is_empty();
    let modes = [(has_rbac || !has_others, Mode::Rbac), (has_abac, Mode::Abac)];
    modes.into_iter().filter_map(|(given, mode)| given.then_some(mode)).collect()
}

fn no_rbac(args: &PolicyArgs, report: &Report) -> String {
    if args.files.is_empty() {
        return "mode RBAC needs roles and bindings; name files with -f, or add --with-defaults"
            .to_owned();
    }
    let files: Vec<String> =
        args.files.iter().map(|path| format!("`{}`", path.display())).collect();
    let files = files.join(", ");
    if report.documents == 0 {
        return format!("{files}: nothing in it, so there is no policy to ask");
    }
    format!(
        "{files}: no Role, ClusterRole, RoleBinding or ClusterRoleBinding among {}; an ABAC policy \
         is given with --abac, one in Rego with --rego",
        counted(report.documents, "document")
    )
}

/// The resources that are known: built in, then discovered, then defined among the objects.
pub(crate) fn resources(args: &NameArgs, inventory: &Inventory) -> Result<ResourceTable, Failure> {
    let mut table = ResourceTable::builtin();
    for path in &args.discovery {
        let bytes = read_file(path)?;
        table.extend(discovery::parse(&path.display().to_string(), &bytes)?);
    }
    table.extend_custom(inventory.custom_resources.iter().map(ResourceInfo::from));
    Ok(table)
}

/// Who is in which group, as a file says; nobody without one.
pub(crate) fn groups(path: Option<&Path>) -> Result<Groups, Failure> {
    let Some(path) = path else {
        return Ok(Groups::default());
    };
    Ok(Groups::parse(&path.display().to_string(), &read_text(path)?)?)
}
