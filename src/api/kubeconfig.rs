//! What does a kubeconfig say: which clusters, which users, and which of them go together
//! (S-CSR-23)?
//!
//! [`Kubeconfig`] is what matters of a whole file, [`Entries`] are the three that one user needs.
//! Absent on purpose: text (see `source::kubeconfig`), reading the files that entries refer to, and
//! whether anything in it is true.

use crate::util::secret::{Secret, SecretBytes};

/// What matters of a kubeconfig. Names are unique among clusters, users and contexts each.
#[derive(Debug, Default)]
pub struct Kubeconfig {
    /// Where API servers are, and who vouches for them.
    pub clusters: Vec<Named<Cluster>>,
    /// What users prove themselves with.
    pub users: Vec<Named<Credentials>>,
    /// Which user goes to which cluster.
    pub contexts: Vec<Named<Context>>,
    /// The context that is used when none is asked for; may be empty, or name none.
    pub current_context: String,
}

impl Kubeconfig {
    /// The cluster of a name.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        find(&self.clusters, name)
    }

    /// The user of a name.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&Credentials> {
        find(&self.users, name)
    }

    /// The context of a name.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<&Context> {
        find(&self.contexts, name)
    }
}

fn find<'a, T>(all: &'a [Named<T>], name: &str) -> Option<&'a T> {
    all.iter().find(|named| named.name == name).map(|named| &named.value)
}

/// An entry and what it is called within the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<T> {
    /// The name; empty names are legal.
    pub name: String,
    /// What it names.
    pub value: T,
}

impl<T> Named<T> {
    /// Names something.
    #[must_use]
    pub fn new(name: impl Into<String>, value: T) -> Self {
        Self { name: name.into(), value }
    }
}

/// Something that stands in the file, or in another file that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material<T> {
    /// It stands here.
    Embedded(T),
    /// It is in the file of this path; a relative one counts from the folder of the kubeconfig.
    Referenced(String),
}

/// An API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its URL.
    pub server: String,
    /// Who vouches for it, PEM. Where both forms are given the embedded one counts, as for kubectl.
    pub certificate_authority: Option<Material<Vec<u8>>>,
    /// The name that the server's certificate is to be of; empty for that of the URL. This and the
    /// following fields are read only; [`Entries`] never write them.
    pub tls_server_name: String,
    /// Whether any certificate will do.
    pub insecure_skip_tls_verify: bool,
    /// The proxy that leads to it; empty for none.
    pub proxy_url: String,
}

/// What a user proves themselves with.
#[derive(Debug, Default)]
pub struct Credentials {
    /// The certificate, PEM; intermediates follow it. The embedded form counts before the other.
    pub client_certificate: Option<Material<Vec<u8>>>,
    /// Its key, PEM. The embedded form counts before the other.
    pub client_key: Option<Material<SecretBytes>>,
    /// A bearer token. Here the file counts before the embedded one, as for kubectl.
    pub token: Option<Material<Secret>>,
    /// A program that gives a credential. Written only: where it is read, its name is among `others`.
    pub exec: Option<Exec>,
    /// The other fields that stand there, such as `exec` or `as`: their names alone. They are read
    /// only; [`Entries`] never write them.
    pub others: Vec<String>,
}

/// A credential plugin: the program that kubectl asks for a credential. It gets kubectl's standard
/// input where there is a person behind it (`interactiveMode: IfAvailable`), and no variables of its
/// own (`env: null`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// The version that it is asked in, such as `client.authentication.k8s.io/v1`.
    pub api_version: String,
    /// The program: a name to be found in `PATH`, or a path.
    pub command: String,
    /// Its arguments. No secrets: whoever may list processes sees them.
    pub args: Vec<String>,
    /// What kubectl says when the program is not there.
    pub install_hint: String,
}

impl Credentials {
    /// A certificate and its key.
    #[must_use]
    pub fn certificate(certificate: Material<Vec<u8>>, key: Material<SecretBytes>) -> Self {
        Self { client_certificate: Some(certificate), client_key: Some(key), ..Self::default() }
    }

    /// A bearer token.
    #[must_use]
    pub fn token(token: Material<Secret>) -> Self {
        Self { token: Some(token), ..Self::default() }
    }

    /// A program that is asked.
    #[must_use]
    pub fn exec(exec: Exec) -> Self {
        Self { exec: Some(exec), ..Self::default() }
    }

    /// Whether a key or a token stands in the file itself.
    #[must_use]
    pub const fn embeds_secret(&self) -> bool {
        matches!(self.client_key, Some(Material::Embedded(_)))
            || matches!(self.token, Some(Material::Embedded(_)))
    }
}

/// Which user goes to which cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the user.
    pub user: String,
    /// The namespace that is used when none is asked for; empty for none.
    pub namespace: String,
}

/// What one user needs in a kubeconfig (S-CSR-23).
///
/// ```
/// use portcullis::api::kubeconfig::{Cluster, Credentials, Entries, Material, Named};
/// use portcullis::authn::Secret;
///
/// let cluster = Cluster { server: "https://api.example:6443".to_owned(), ..Cluster::default() };
/// let token = Credentials::token(Material::Embedded(Secret::new("s3cret".to_owned())));
/// let entries = Entries::new("jane", token, "example").with_cluster(cluster);
/// assert_eq!(entries.context.name, "jane@example");
/// assert!(!format!("{entries:?}").contains("s3cret"));
/// ```
#[derive(Debug)]
pub struct Entries {
    /// The cluster; `None` when the file has it already.
    pub cluster: Option<Named<Cluster>>,
    /// The user.
    pub user: Named<Credentials>,
    /// The context of the two.
    pub context: Named<Context>,
    /// Whether that is to be the current context. Default: yes.
    pub make_current: bool,
}

impl Entries {
    /// A user of a cluster that the file has already. The context is `<user>@<cluster>`.
    #[must_use]
    pub fn new(user: &str, credentials: Credentials, cluster: &str) -> Self {
        let context =
            Context { cluster: cluster.to_owned(), user: user.to_owned(), ..Context::default() };
        Self {
            cluster: None,
            user: Named::new(user, credentials),
            context: Named::new(format!("{user}@{cluster}"), context),
            make_current: true,
        }
    }

    /// The same with the cluster.
    #[must_use]
    pub fn with_cluster(mut self, cluster: Cluster) -> Self {
        self.cluster = Some(Named::new(&self.context.value.cluster, cluster));
        self
    }
}
