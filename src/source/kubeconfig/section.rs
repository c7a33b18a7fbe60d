//! The three lists of a kubeconfig, and what stands in them for one user.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::api::Str;
use crate::api::kubeconfig::{Cluster, Context, Credentials, Entries, Exec, Material};
use crate::source::document::{Node, Value};

/// A list of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Clusters,
    Users,
    Contexts,
}

impl Section {
    pub(super) const ALL: [Self; 3] = [Self::Clusters, Self::Users, Self::Contexts];

    /// The field that holds the list.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Users => "users",
            Self::Contexts => "contexts",
        }
    }

    /// The field of an entry that holds what it names.
    pub(super) const fn inner(self) -> &'static str {
        match self {
            Self::Clusters => "cluster",
            Self::Users => "user",
            Self::Contexts => "context",
        }
    }
}

/// An entry as it is to stand in a list.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) section: Section,
    pub(super) name: String,
    pub(super) node: Node,
}

/// The entries, in the order in which kubeadm writes the lists.
pub(super) fn entries(entries: &Entries) -> Vec<Entry> {
    let entry = |section: Section, name: &str, fields| {
        let inner = (section.inner().into(), node(Value::Map(fields)));
        let node = node(Value::Map(vec![("name".into(), text(name)), inner]));
        Entry { section, name: name.to_owned(), node }
    };
    let cluster = entries
        .cluster
        .as_ref()
        .map(|named| entry(Section::Clusters, &named.name, cluster(&named.value)));
    let user = entry(Section::Users, &entries.user.name, credentials(&entries.user.value));
    let context = entry(Section::Contexts, &entries.context.name, context(&entries.context.value));
    cluster.into_iter().chain([user, context]).collect()
}

type Fields = Vec<(Str, Node)>;

fn cluster(cluster: &Cluster) -> Fields {
    let mut fields = Fields::new();
    if let Some(authority) = &cluster.certificate_authority {
        fields.push(material("certificate-authority", authority, |bytes| STANDARD.encode(bytes)));
    }
    fields.push(("server".into(), text(&cluster.server)));
    fields
}

fn credentials(credentials: &Credentials) -> Fields {
    let Credentials { client_certificate, client_key, token, exec, others: _ } = credentials;
    let mut fields = Fields::new();
    if let Some(certificate) = client_certificate {
        fields.push(material("client-certificate", certificate, |bytes| STANDARD.encode(bytes)));
    }
    if let Some(key) = client_key {
        fields.push(material("client-key", key, |key| STANDARD.encode(key.expose_secret())));
    }
    match token {
        Some(Material::Embedded(token)) => {
            fields.push(("token".into(), text(token.expose_secret())));
        }
        Some(Material::Referenced(path)) => fields.push(("tokenFile".into(), text(path))),
        None => {}
    }
    if let Some(exec) = exec {
        fields.push(("exec".into(), node(Value::Map(self::exec(exec)))));
    }
    fields
}

/// In the order in which kubectl writes them. `env` stands there because kubectl 1.20 writes it, too.
fn exec(exec: &Exec) -> Fields {
    let list = exec.args.iter().map(|argument| text(argument)).collect();
    let mut fields = vec![
        ("apiVersion".into(), text(&exec.api_version)),
        ("args".into(), node(Value::List(list))),
        ("command".into(), text(&exec.command)),
        ("env".into(), node(Value::Null)),
    ];
    if !exec.install_hint.is_empty() {
        fields.push(("installHint".into(), text(&exec.install_hint)));
    }
    fields.push(("interactiveMode".into(), text("IfAvailable")));
    fields.push(("provideClusterInfo".into(), node(Value::Bool(false))));
    fields
}

fn context(context: &Context) -> Fields {
    let mut fields = vec![("cluster".into(), text(&context.cluster))];
    if !context.namespace.is_empty() {
        fields.push(("namespace".into(), text(&context.namespace)));
    }
    fields.push(("user".into(), text(&context.user)));
    fields
}

fn material<T>(field: &str, material: &Material<T>, encode: impl Fn(&T) -> String) -> (Str, Node) {
    match material {
        Material::Embedded(value) => (format!("{field}-data").into(), text(&encode(value))),
        Material::Referenced(path) => (field.into(), text(path)),
    }
}

pub(super) fn text(text: &str) -> Node {
    node(Value::String(text.into()))
}

pub(super) const fn node(value: Value) -> Node {
    Node { value, line: 0 }
}

/// Whether two trees say the same, wherever they stand; fields in any order.
pub(super) fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| {
                    b.iter().any(|(other, with)| other == name && same(value, with))
                })
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b,
    }
}
