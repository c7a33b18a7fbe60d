//! `init`: the files that put the review server into service.

mod address;
mod authorization;
mod exempt;
mod folder;
mod rbac;
mod server;
mod version;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, Subcommand};
use portcullis::authn::Secret;

use super::certificates::{self, API_SERVER, Authority, Certificates, Wanted};
use super::exit::{Exit, Failure};
use super::kubeconfig;
use address::Address;
use exempt::Exemption;
use folder::{Content, Entry, Existing};
use version::KubernetesVersion;

/// Write the files that put the review server into service
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Apiserver(ApiserverArgs),
    Rbac(rbac::RbacArgs),
}

/// Everything a kube-apiserver needs to ask Portcullis, and everything `serve` needs to answer
///
/// Writes certificates, the configuration of the server, an AuthorizationConfiguration, both
/// kubeconfigs, and the flags of the API server; then says whom the webhook cannot stop, and what
/// to do next. Nothing is changed anywhere else.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis init apiserver --out portcullis
  portcullis init apiserver --out portcullis --kubernetes-version 1.33 \\
    --exempt-user system:cloud-controller-manager
  portcullis init apiserver --out portcullis --renew

Exit status:
  0  the files are written
  2  wrong usage, or something is in the way; nothing was written")]
struct ApiserverArgs {
    /// The folder to be written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where the API server finds the review server. It resolves no names of the cluster's DNS
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9443")]
    address: Address,
    /// Where the review server listens [default: --address, or every interface if that is a name]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<std::net::SocketAddr>,
    /// One more name or IP address for the certificate of the server (repeatable)
    #[arg(long = "server-name", value_name = "NAME")]
    server_names: Vec<String>,
    /// The version of the API server, at least 1.30
    #[arg(long, value_name = "VERSION", default_value = "1.36")]
    kubernetes_version: KubernetesVersion,
    /// Where the API server will see the folder `apiserver`
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/etc/kubernetes/portcullis",
        value_parser = mount_path
    )]
    mounted_at: String,
    /// A user the webhook is not asked about (repeatable): what your cluster cannot start without
    ///
    /// Such as a cloud controller manager or the service account of the network plugin.
    #[arg(long = "exempt-user", value_name = "USER")]
    exempt_users: Vec<String>,
    /// A group the webhook is not asked about (repeatable)
    #[arg(long = "exempt-group", value_name = "GROUP")]
    exempt_groups: Vec<String>,
    /// Let the server follow the roles and bindings of the cluster itself, instead of a folder
    ///
    /// As the pod that it runs in, whose service account is then exempted from the webhook, or with the
    /// credentials of a kubeconfig: name their user with --exempt-user.
    #[arg(
        long,
        value_name = "KUBECONFIG",
        num_args = 0..=1,
        default_missing_value = "",
        require_equals = true
    )]
    from_cluster: Option<String>,
    /// Replace files that are there, certificates and authority too; your policy stays
    #[arg(long)]
    force: bool,
    /// Only make new certificates, under the authority in DIR/ca
    ///
    /// Give the same --address and --server-name as before.
    #[arg(
        long,
        conflicts_with_all = ["force", "exempt_users", "exempt_groups", "from_cluster", "listen"]
    )]
    renew: bool,
}

/// Whom the API server sees when the server follows the cluster from one of its pods.
const IN_CLUSTER_USER: &str = "system:serviceaccount:portcullis-system:portcullis";

/// Days of the certificates, and of their authority.
const DAYS: u32 = 365;
const AUTHORITY_DAYS: u32 = 3650;

/// Runs the verb.
pub(crate) fn run(args: &InitArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let args = match &args.what {
        What::Apiserver(args) => args,
        What::Rbac(args) => return rbac::run(args, out),
    };
    let mut names = vec![args.address.host().to_owned()];
    names.extend(args.server_names.iter().cloned());
    let wanted = Wanted {
        server_names: &names,
        client: API_SERVER,
        now: SystemTime::now(),
        days: DAYS,
        authority_days: AUTHORITY_DAYS,
    };
    if args.renew {
        return renew(args, &wanted, out);
    }
    let mut exempt_users = args.exempt_users.clone();
    match args.from_cluster.as_deref() {
        // Its own lists would wait for it.
        Some("") => exempt_users.push(IN_CLUSTER_USER.to_owned()),
        Some(_) if exempt_users.is_empty() => {
            return Err(Failure::usage(
                "the server must not be asked about its own requests: name the user of this kubeconfig \
                 with --exempt-user",
            ));
        }
        _ => {}
    }
    let exemptions = exempt::all(&exempt_users, &args.exempt_groups).map_err(Failure::Usage)?;
    let made = certificates::make(&wanted)?;
    let mut entries = vec![
        plain("ca/ca.crt", made.ca_pem.clone()),
        plain("apiserver/ca.crt", made.ca_pem.clone()),
        plain("server/client-ca.crt", made.ca_pem.clone()),
    ];
    entries.extend(configurations(args, &exemptions));
    entries.extend(leaves(made, true));
    let existing = if args.force { Existing::Replace } else { Existing::Refuse };
    folder::write(&args.out, &entries, existing)?;
    report(args, &exemptions, &entries, out)
}

fn plain(path: &'static str, text: String) -> Entry {
    Entry { path, content: Content::Plain(text) }
}

fn configurations(args: &ApiserverArgs, exemptions: &[Exemption]) -> Vec<Entry> {
    let mounted = args.mounted_at.as_str();
    let webhook = |path| {
        kubeconfig::webhook(&kubeconfig::Webhook {
            server_url: &args.address.url(path),
            ca: &Path::new(mounted).join("ca.crt"),
            client_certificate: &Path::new(mounted).join("client.crt"),
            client_key: &Path::new(mounted).join("client.key"),
        })
    };
    let listen = args.listen.unwrap_or_else(|| args.address.listen());
    let kubeconfig = format!("{mounted}/authorization-webhook.kubeconfig");
    let authorization =
        authorization::configuration(args.kubernetes_version, &kubeconfig, exemptions);
    let mut entries = vec![
        plain("apiserver/authorization-config.yaml", authorization),
        plain("apiserver/authorization-webhook.kubeconfig", webhook("/authorize")),
        plain("apiserver/token-webhook.kubeconfig", webhook("/authenticate")),
        plain("server/server.yaml", server::configuration(listen, args.from_cluster.as_deref())),
        plain("kube-apiserver-flags.txt", server::flag_list(mounted)),
        plain("kubeadm.yaml", server::kubeadm(args.kubernetes_version, mounted)),
    ];
    if args.from_cluster.is_none() {
        entries.push(Entry {
            path: "server/policy/policy.yaml",
            content: Content::Sample(server::POLICY.to_owned()),
        });
    }
    entries
}

/// The certificates that are made anew by `--renew`, too.
fn leaves(made: Certificates, with_authority_key: bool) -> Vec<Entry> {
    let secret = |path, key| Entry { path, content: Content::Secret(key) };
    let mut entries = vec![
        plain("apiserver/client.crt", made.client_pem),
        secret("apiserver/client.key", made.client_key_pem),
        plain("server/tls.crt", made.server_pem),
        secret("server/tls.key", made.server_key_pem),
    ];
    if with_authority_key {
        entries.push(secret("ca/ca.key", made.ca_key_pem));
    }
    entries
}

fn renew(args: &ApiserverArgs, wanted: &Wanted<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let read = |name| {
        let path = args.out.join(name);
        fs::read_to_string(&path)
            .map_err(|error| Failure::Read { path: path.display().to_string(), error })
    };
    let authority = Authority { pem: read("ca/ca.crt")?, key_pem: Secret::new(read("ca/ca.key")?) };
    let made = certificates::make_under(wanted, authority)?;
    folder::write(&args.out, &leaves(made, false), Existing::Replace)?;
    writeln!(
        out,
        "\
New certificates, good for {DAYS} days, are in {dir}:
  server/tls.crt, server/tls.key: for the review server; it reads them again by itself
  apiserver/client.crt, apiserver/client.key: for the API servers; they read them again within minutes
Copy them to their places. The old ones are good until they end.",
        dir = args.out.display()
    )?;
    Ok(Exit::Yes)
}

fn report(
    args: &ApiserverArgs,
    exemptions: &[Exemption],
    entries: &[Entry],
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let dir = args.out.display();
    let version = args.kubernetes_version;
    let mounted = &args.mounted_at;
    writeln!(out, "Written to {dir}, for Kubernetes {version}:")?;
    let mut paths: Vec<&str> = entries.iter().map(|entry| entry.path).collect();
    paths.sort_unstable();
    for path in paths {
        writeln!(out, "  {path}")?;
    }
    writeln!(out, "\nThe webhook is not asked about these, and cannot stop them:")?;
    writeln!(out, "  - members of system:masters: no configuration can change that")?;
    for exemption in exemptions {
        writeln!(out, "  - {}", exemption.who)?;
    }
    write!(
        out,
        "\
They keep what Node and RBAC give them. Whoever can take on one of these identities goes round the
webhook: by impersonation, by signing client certificates, by creating tokens or pods in kube-system.

Next:
  1. Keep a credential of system:masters at hand (kubeadm: /etc/kubernetes/super-admin.conf). It
     works when the webhook does not.
  2. Take {dir}/ca/ca.key off this machine if others use it. Only --renew needs it.
  3. Copy {dir}/server to where the review server runs, {prepare}, and start it:
       portcullis serve --config server.yaml
     It must run before the API server asks it. {place}
  4. Copy {dir}/apiserver to {mounted} on every control-plane node.
  5. Add the flags in {dir}/kube-apiserver-flags.txt (with kubeadm: kubeadm.yaml), on one
     control-plane node after the other.
The certificates end in {DAYS} days: `portcullis init apiserver --out {dir} --renew` makes new ones.
",
        place = args.address.advice(),
        prepare = match args.from_cluster {
            None => "fill server/policy",
            Some(_) => "grant it what `portcullis init rbac` writes",
        },
    )?;
    if version.is_unknown() {
        writeln!(
            out,
            "Kubernetes {version} is newer than this build knows; it was given the rules of 1.36."
        )?;
    }
    Ok(Exit::Yes)
}

/// A path that needs no quotes in flags and YAML.
fn mount_path(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let path = text.trim_end_matches('/');
    if !path.starts_with('/') || !path.bytes().all(fits) || path.contains("/../") {
        return Err("write an absolute path of letters, digits, `.`, `_` and `-`".to_owned());
    }
    Ok(path.to_owned())
}
