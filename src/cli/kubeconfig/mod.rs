//! `kubeconfig`: what a user needs to come to a cluster, in a file of its own or in one that is
//! there already.

#[cfg(feature = "login")]
mod login;
mod material;
mod place;
#[cfg(feature = "webhook")]
mod webhook;

pub(crate) use material::read_authority;
#[cfg(feature = "ledger")]
pub(crate) use place::{Held, would_put};
#[cfg(feature = "webhook")]
pub(crate) use webhook::{Webhook, webhook};

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis::api::kubeconfig::{Cluster, Credentials, Entries, Material};
use portcullis::authn::{Secret, SecretBytes};
use portcullis::source::kubeconfig::{self, Existing};

use super::clock::now;
use super::exit::{Exit, Failure};
use super::speak::Speaker;
use material::checked_pair;
use place::{Place, put, reference};

/// Write a kubeconfig for a user, or put the user into one that is there
///
/// In a file that is there every other byte stays: comments, order, fields of other programs. The
/// result is read again and compared with what was meant before anything is written. Files in JSON
/// or with lists in brackets are written anew as a whole.
///
/// On standard output a kubeconfig with a key or a token in it is written only when that is no
/// terminal.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis kubeconfig --user jane --server https://api.example:6443 --ca-file ca.crt \\
      --client-certificate jane.crt --client-key jane.key --out jane.kubeconfig
  portcullis kubeconfig --user jane --cluster kind --client-certificate jane.crt \\
      --client-key jane.key --merge ~/.kube/config
  portcullis kubeconfig --user ci --server https://api.example:6443 --ca-file ca.crt \\
      --token-file ci.token --reference --out ci.kubeconfig
  portcullis kubeconfig --user jane --server https://api.example:6443 --ca-file ca.crt \\
      --out jane.kubeconfig --login -- --server https://login.example:8443 --method basic

Exit status:
  0  done
  2  wrong usage or unusable input; nothing was written")]
pub(crate) struct KubeconfigArgs {
    /// What the user is called in the file
    #[arg(long, value_name = "U")]
    user: String,
    /// The user's certificate, PEM
    #[arg(long, value_name = "FILE", requires = "client_key")]
    #[cfg_attr(
        feature = "login",
        arg(required_unless_present_any = ["token_file", "login"])
    )]
    #[cfg_attr(not(feature = "login"), arg(required_unless_present = "token_file"))]
    client_certificate: Option<PathBuf>,
    /// Its key, PEM, without a passphrase
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
    /// A file with a bearer token in it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["client_certificate", "client_key"])]
    token_file: Option<PathBuf>,
    #[cfg(feature = "login")]
    #[command(flatten)]
    login: login::LoginEntryArgs,
    /// Who vouches for the server: a bundle of certificates, PEM
    #[arg(long, value_name = "FILE", requires = "server")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Write the paths of key, certificates and token instead of what is in these files
    ///
    /// Relative to the folder of the kubeconfig where they are below it, else absolute.
    #[arg(long, conflicts_with = "embed")]
    reference: bool,
    /// Write the content of the files (this is the default)
    #[arg(long)]
    embed: bool,
    /// A new file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A kubeconfig to put the user into; made when it is not there
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    merge: Option<PathBuf>,
    /// Replace entries of the same names
    #[arg(long, requires = "merge")]
    overwrite: bool,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// Which cluster the user goes to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The URL of the API server; needed unless a file is merged into that has the cluster
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// What the cluster is called in the file
    #[arg(long, value_name = "NAME", default_value = "kubernetes")]
    pub(crate) cluster: String,
    /// What the context is called in the file [default: USER@CLUSTER]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The namespace of the context
    #[arg(long, value_name = "NS", default_value = "", hide_default_value = true)]
    pub(crate) context_namespace: String,
    /// Leave the current context as it is
    #[arg(long)]
    pub(crate) no_current_context: bool,
}

impl ClusterArgs {
    /// The entries of a user. `authority` vouches for the server.
    pub(crate) fn entries(
        &self,
        user: &str,
        credentials: Credentials,
        authority: Option<Material<Vec<u8>>>,
    ) -> Result<Entries, Failure> {
        if user.is_empty() || self.cluster.is_empty() {
            return Err(Failure::usage("--user and --cluster must not be empty"));
        }
        let mut entries = Entries::new(user, credentials, &self.cluster);
        if let Some(server) = &self.server {
            check_server(server)?;
            let server = server.clone();
            entries = entries.with_cluster(Cluster {
                server,
                certificate_authority: authority,
                ..Cluster::default()
            });
        }
        if let Some(context) = &self.context {
            entries.context.name.clone_from(context);
        }
        entries.context.value.namespace.clone_from(&self.context_namespace);
        entries.make_current = !self.no_current_context;
        Ok(entries)
    }
}

fn check_server(server: &str) -> Result<(), Failure> {
    let host = server.strip_prefix("https://").unwrap_or_default();
    let is_url = !host.is_empty()
        && !host.starts_with('/')
        && !server.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_url {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--server `{server}`: write https://HOST:PORT; without TLS a key or a token is worth nothing"
    )))
}

/// Runs the verb.
pub(crate) fn run(args: &KubeconfigArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.quiet, false);
    let place = match (&args.out, &args.merge) {
        (Some(path), _) => Place::New(path),
        (None, Some(path)) => {
            let existing = if args.overwrite { Existing::Replace } else { Existing::Refuse };
            Place::Merge(path, existing)
        }
        (None, None) => Place::Stdout,
    };
    if args.cluster.server.is_none() && !matches!(place, Place::Merge(..)) {
        return Err(Failure::usage("say where the API server is: --server https://HOST:PORT"));
    }
    if args.cluster.server.is_some() && args.ca_file.is_none() {
        return Err(Failure::usage("say who vouches for the API server: --ca-file FILE"));
    }
    let authority = match &args.ca_file {
        None => None,
        Some(path) => Some(args.material(path, place, read_authority(path, speaker)?)?),
    };
    let credentials = args.credentials(place, speaker)?;
    let entries = args.cluster.entries(&args.user, credentials, authority)?;
    match place {
        Place::Stdout => {
            let is_terminal = std::io::stdout().is_terminal();
            if is_terminal && entries.user.value.embeds_secret() {
                return Err(Failure::usage(
                    "there is a key or a token in it, which is not shown on a terminal; \
                     write it to a file with --out FILE, or name the files with --reference",
                ));
            }
            let text = kubeconfig::render(&entries);
            out.write_all(text.expose_secret().as_bytes())?;
        }
        Place::New(path) | Place::Merge(path, _) => put(&entries, place, path, speaker)?,
    }
    Ok(Exit::Yes)
}

impl KubeconfigArgs {
    /// What was read from a file, or the path of that.
    fn material<T>(&self, path: &Path, place: Place<'_>, read: T) -> Result<Material<T>, Failure> {
        if self.reference {
            return Ok(Material::Referenced(reference(path, place)?));
        }
        Ok(Material::Embedded(read))
    }

    fn credentials(&self, place: Place<'_>, speaker: Speaker) -> Result<Credentials, Failure> {
        #[cfg(feature = "login")]
        if let Some(exec) = self.login.exec()? {
            return Ok(Credentials::exec(exec));
        }
        match (&self.client_certificate, &self.client_key, &self.token_file) {
            (Some(certificate), Some(key), _) => {
                let (certificate_pem, key_pem) = checked_pair(certificate, key, now(), speaker)?;
                Ok(Credentials::certificate(
                    self.material(certificate, place, certificate_pem)?,
                    self.material(key, place, SecretBytes::from(key_pem))?,
                ))
            }
            (_, _, Some(path)) => {
                let token = material::read_token(path)?;
                Ok(Credentials::token(self.material::<Secret>(path, place, token)?))
            }
            // The arguments ask for one of them.
            _ => Err(Failure::usage(
                "say what the user proves themselves with: --client-certificate and --client-key, \
                 or --token-file",
            )),
        }
    }
}

/// A text as YAML reads it back whatever is in it: a JSON string.
#[cfg(feature = "webhook")]
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
