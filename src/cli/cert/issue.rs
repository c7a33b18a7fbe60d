//! `cert issue`: a key, its certificate, and what else a new user needs, in one step.

use std::path::PathBuf;

use clap::Args;
use portcullis::api::kubeconfig::{Credentials, Entries, Material};
use portcullis::authn::SecretBytes;
use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
use portcullis::crypto::subject::Subject;
use portcullis::source::kubeconfig::Existing;

use super::bind::{BindArgs, Checked};
use super::clock::utc;
use super::issuance::{DaysArgs, Issuance, NotIssued, Written};
use super::permission::PermissionArgs;
use super::place::PkiArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::kubeconfig::{self, ClusterArgs, Held, read_authority};
use crate::cli::speak::Speaker;
use crate::cli::whole_file::{Readers, check_new, write_new};

/// Make a key and a certificate for a user, and what else the user needs
///
/// Everything is checked first. Then are written, in this order: the key, the record in the ledger,
/// the certificate, the binding, the kubeconfig. What fails on the way names what was written; no
/// file is ever overwritten.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis cert issue --user jane --group dev --out-dir jane
  portcullis cert issue --user jane --group dev --out-dir jane --days 90 \\
      --kubeconfig jane/config --server https://api.example:6443
  portcullis cert issue --user jane --out-dir jane --bind clusterrole/view -n team \\
      --requester lead --as admin --as-group system:masters -f cluster.yaml

Exit status:
  0  issued
  1  refused by a rule; nothing was written
  2  wrong usage or unusable input; what was written is named")]
pub(super) struct IssueArgs {
    /// Whom the certificate is for: its common name
    #[arg(long, value_name = "U")]
    user: String,
    /// A group of the user (repeatable; the order is kept)
    #[arg(long = "group", value_name = "G")]
    groups: Vec<String>,
    /// The uid of the user; API servers read it since 1.33
    #[arg(long, value_name = "X")]
    uid: Option<String>,
    /// What kind of key: ecdsa-p256, ecdsa-p384, ed25519, rsa2048, rsa3072, rsa4096
    #[arg(long, value_name = "KIND", default_value_t)]
    key_type: KeyAlgorithm,
    #[command(flatten)]
    days: DaysArgs,
    /// The folder for USER.key, USER.crt and USER.binding.yaml; made when it is not there
    #[arg(long, value_name = "DIR", required_unless_present_all = ["key_out", "cert_out"])]
    out_dir: Option<PathBuf>,
    /// Where the key goes [default: DIR/USER.key]
    #[arg(long, value_name = "FILE")]
    key_out: Option<PathBuf>,
    /// Where the certificate goes [default: DIR/USER.crt]
    #[arg(long, value_name = "FILE")]
    cert_out: Option<PathBuf>,
    /// Where the binding goes [default: DIR/USER.binding.yaml]
    #[arg(long, value_name = "FILE", requires = "bind")]
    bind_out: Option<PathBuf>,
    /// A kubeconfig to put the user into, with key and certificate; made when it is not there
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Who vouches for the API server, PEM [default: the authority that signs]
    #[arg(long, value_name = "FILE", requires = "server")]
    server_ca: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    bind: BindArgs,
    #[command(flatten)]
    permission: PermissionArgs,
    #[command(flatten)]
    place: PkiArgs,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// Where everything goes.
struct Paths {
    key: PathBuf,
    certificate: PathBuf,
    binding: PathBuf,
}

/// Runs the verb.
pub(super) fn run(args: &IssueArgs) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.quiet, false);
    issue(args, speaker).map_or_else(NotIssued::exit, |()| Ok(Exit::Yes))
}

fn issue(args: &IssueArgs, speaker: Speaker) -> Result<(), NotIssued> {
    let paths = args.paths()?;
    let groups = &args.groups;
    let binding = match args.bind.check(&args.user, groups, &args.permission, speaker)? {
        Checked::Nothing => None,
        Checked::Manifest(text) => Some(text),
        Checked::Refused(why) => return Err(NotIssued::Refused(why)),
    };
    for path in
        [&paths.key, &paths.certificate].into_iter().chain(binding.as_ref().map(|_| &paths.binding))
    {
        check_new(path)?;
    }
    let issuance = Issuance::open(&args.place, &args.permission, &args.days, speaker)?;
    // What cannot be written into the kubeconfig is found out before there is a certificate.
    let authority = args.server_authority(&issuance, speaker)?;
    if let Some(path) = &args.kubeconfig {
        let trial = args.entries(b"", b"", &authority)?;
        kubeconfig::would_put(&trial, path)?;
    }
    let key =
        PrivateKey::generate(args.key_type).map_err(|error| Failure::usage(error.to_string()))?;
    let subject = Subject {
        common_name: args.user.clone(),
        organizations: groups.clone(),
        uid: args.uid.clone(),
    };
    let request = issuance.request(&key, &subject, speaker)?;

    let mut written = Written::default();
    let pem = key.to_pem();
    let key_pem = pem.expose_secret().as_bytes();
    if let Some(folder) = &args.out_dir {
        let failed = |error| Failure::Write { path: folder.display().to_string(), error };
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    // So is whether another command is at it, or left its lock behind.
    let held = args.kubeconfig.as_deref().map(Held::take).transpose()?;
    write_new(&paths.key, key_pem, Readers::Owner)?;
    written.file("key", &paths.key);
    let issued = written.told(issuance.issue(&request))?;
    written.record(&issued);
    let certificate = issued.certificate.pem();
    let rest = || -> Result<(), NotIssued> {
        write_new(&paths.certificate, certificate.as_bytes(), Readers::Anybody)?;
        if let Some(manifest) = &binding {
            write_new(&paths.binding, manifest, Readers::Anybody)?;
            speaker.note(format!("kubectl apply -f {} makes the binding", paths.binding.display()));
        }
        if let Some(held) = &held {
            let entries = args.entries(certificate.as_bytes(), key_pem, &authority)?;
            held.put(&entries, Existing::Refuse, speaker)?;
        }
        Ok(())
    };
    written.told(rest())?;
    speaker.note(format!(
        "`{}` has a certificate until {}: `{}`",
        args.user,
        utc(issued.certificate.not_after()),
        paths.certificate.display()
    ));
    Ok(())
}

impl IssueArgs {
    fn paths(&self) -> Result<Paths, Failure> {
        let safe = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
        let stem: String = self.user.chars().map(|c| if safe(c) { c } else { '_' }).collect();
        let path = |named: &Option<PathBuf>, ending: &str| {
            let in_folder =
                || self.out_dir.as_ref().map(|dir| dir.join(format!("{stem}.{ending}")));
            named.clone().or_else(in_folder)
        };
        let key = path(&self.key_out, "key");
        let certificate = path(&self.cert_out, "crt");
        let (Some(key), Some(certificate)) = (key, certificate) else {
            return Err(Failure::usage("say where key and certificate go: --out-dir DIR"));
        };
        let beside = || certificate.with_extension("binding.yaml");
        let binding = path(&self.bind_out, "binding.yaml").unwrap_or_else(beside);
        Ok(Paths { key, certificate, binding })
    }

    fn server_authority(&self, issuance: &Issuance, speaker: Speaker) -> Result<Vec<u8>, Failure> {
        match &self.server_ca {
            Some(path) => read_authority(path, speaker),
            None => Ok(issuance.authority.certificate_pem().into_bytes()),
        }
    }

    fn entries(
        &self,
        certificate: &[u8],
        key: &[u8],
        authority: &[u8],
    ) -> Result<Entries, Failure> {
        let credentials = Credentials::certificate(
            Material::Embedded(certificate.to_vec()),
            Material::Embedded(SecretBytes::from(key.to_vec())),
        );
        let authority = Some(Material::Embedded(authority.to_vec()));
        self.cluster.entries(&self.user, credentials, authority)
    }
}
