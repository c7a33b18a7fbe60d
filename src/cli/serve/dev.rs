//! `serve --dev`: a folder with everything a server needs, made on the spot, and what to paste.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use portcullis::authn::Secret;

use crate::cli::certificates::{self, API_SERVER, Certificates, Wanted};
use crate::cli::exit::Failure;
use crate::cli::kubeconfig::{self, Webhook};

const POLICY: &str = include_str!("../../../policies/rbac/sample-cluster.yaml");

/// People of the sample policy: user, uid, groups, what they are an example of.
const PEOPLE: [(&str, &str, &str); 3] = [
    ("oncall@example.com", "1001", "oidc:all-engineers"),
    ("jane@example.com", "1002", "oidc:support,oidc:all-engineers"),
    ("sam@example.com", "1003", "oidc:shop-developers"),
];

/// The audience of the sample tokens, as an API server of kubeadm's asks for it.
const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

/// A folder that vanishes with its server.
#[derive(Debug)]
pub(super) struct Dev {
    folder: PathBuf,
    token: Secret,
}

impl Dev {
    /// Makes the folder.
    pub(super) fn new(address: SocketAddr, operations: SocketAddr) -> Result<Self, Failure> {
        let folder = new_folder().map_err(|error| Failure::Write {
            path: std::env::temp_dir().display().to_string(),
            error,
        })?;
        let (tokens, first) = tokens()?;
        let dev = Self { folder, token: first };
        let made = certificates::make(&Wanted {
            server_names: &[],
            client: API_SERVER,
            now: SystemTime::now(),
            days: 7,
            authority_days: 7,
        })?;
        dev.fill(&made, &tokens, address, operations)
            .map_err(|error| Failure::Write { path: dev.folder.display().to_string(), error })?;
        Ok(dev)
    }

    /// The configuration file in it.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("server.yaml")
    }

    fn fill(
        &self,
        made: &Certificates,
        tokens: &Secret,
        address: SocketAddr,
        operations: SocketAddr,
    ) -> io::Result<()> {
        let secret = |name: &str, text: &Secret| {
            write_private(&self.folder.join(name), text.expose_secret().as_bytes())
        };
        let open = |name: &str, text: &str| fs::write(self.folder.join(name), text);
        open("ca.crt", &made.ca_pem)?;
        open("tls.crt", &made.server_pem)?;
        secret("tls.key", &made.server_key_pem)?;
        open("apiserver.crt", &made.client_pem)?;
        secret("apiserver.key", &made.client_key_pem)?;
        secret("tokens.csv", tokens)?;
        fs::create_dir(self.folder.join("policy"))?;
        open("policy/sample-cluster.yaml", POLICY)?;
        open("server.yaml", &server_yaml(address, operations))
    }

    /// Writes the two kubeconfigs once it is known where the server listens.
    pub(super) fn write_kubeconfigs(&self, address: SocketAddr) -> Result<(), Failure> {
        for (name, path) in
            [("authorization.kubeconfig", "authorize"), ("token.kubeconfig", "authenticate")]
        {
            let text = kubeconfig::webhook(&Webhook {
                server_url: &format!("https://{address}/{path}"),
                ca: &self.folder.join("ca.crt"),
                client_certificate: &self.folder.join("apiserver.crt"),
                client_key: &self.folder.join("apiserver.key"),
            });
            let path = self.folder.join(name);
            fs::write(&path, text)
                .map_err(|error| Failure::Write { path: path.display().to_string(), error })?;
        }
        Ok(())
    }

    /// What to paste.
    pub(super) fn welcome(&self, address: SocketAddr, operations: SocketAddr) -> String {
        let folder = self.folder.display();
        let curl = format!(
            "curl --silent --show-error --cacert {folder}/ca.crt --cert {folder}/apiserver.crt \\\n    \
             --key {folder}/apiserver.key --header 'content-type: application/json'"
        );
        let mut text = format!(
            "Everything is in {folder} and vanishes with this server; certificates are good for a \
             week.\nThe policy is policies/rbac/sample-cluster.yaml; edit {folder}/policy and it is \
             read anew.\n"
        );
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\nMay the one on call read the secrets of kube-system? (yes; try another user)\n\n  \
             {curl} \\\n    https://{address}/authorize --data '{}'\n",
            review("oncall@example.com")
        );
        let _ = write!(
            text,
            "\nWhose token is this?\n\n  {curl} \\\n    https://{address}/authenticate --data '{}'\n",
            token_review(self.token.expose_secret())
        );
        let _ = write!(
            text,
            "\nIs it ready, and what does it count?\n\n  curl http://{operations}/readyz\n  curl \
             http://{operations}/metrics\n"
        );
        let _ = write!(
            text,
            "\nFor an API server on this machine:\n\n  \
             --authentication-token-webhook-config-file={folder}/token.kubeconfig\n  \
             --authentication-token-webhook-version=v1\n  \
             --authorization-mode=Node,Webhook\n  \
             --authorization-webhook-config-file={folder}/authorization.kubeconfig\n  \
             --authorization-webhook-version=v1\n\n(`portcullis init apiserver` makes the real \
             thing.) The other sample tokens are in {folder}/tokens.csv.\n"
        );
        text
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // What cannot be removed is a week's certificate in a private folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn server_yaml(address: SocketAddr, operations: SocketAddr) -> String {
    format!(
        "\
apiVersion: portcullis.dev/v1alpha1
kind: ServerConfiguration
listen:
  address: '{address}'
  tls:
    certificateFile: tls.crt
    keyFile: tls.key
    clientCAFile: ca.crt
    allowedClients: [{API_SERVER}]
operations: {{address: '{operations}'}}
policy:
  paths: [policy]
  defaultRoles: true
authorizers: [{{type: RBAC}}]
apiAudiences: ['{AUDIENCE}']
authenticators:
- tokenFile: {{file: tokens.csv, format: csv}}
"
    )
}

fn review(user: &str) -> String {
    format!(
        r#"{{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{{"user":"{user}","groups":["system:authenticated"],"resourceAttributes":{{"verb":"get","resource":"secrets","namespace":"kube-system"}}}}}}"#
    )
}

fn token_review(token: &str) -> String {
    format!(
        r#"{{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{{"token":"{token}"}}}}"#
    )
}

/// A token for each of the people, as the API server's file has them; and the first.
fn tokens() -> Result<(Secret, Secret), Failure> {
    let mut file = String::new();
    let mut first = None;
    for (user, uid, groups) in PEOPLE {
        let token = random_token()?;
        // Writing to a string cannot fail.
        let _ = writeln!(file, "{token},{user},{uid},\"{groups}\"");
        first.get_or_insert(token);
    }
    Ok((Secret::new(file), Secret::new(first.unwrap_or_default())))
}

fn random_token() -> Result<String, Failure> {
    let mut bytes = [0_u8; 24];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::usage("the system gives no random numbers"))?;
    Ok(bytes.iter().fold(String::from("dev-"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// A folder that nobody else can look into.
fn new_folder() -> io::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("portcullis-dev-{}", std::process::id()));
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder)?;
    Ok(folder)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}
