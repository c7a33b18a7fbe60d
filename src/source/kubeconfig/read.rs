//! From a tree to what matters in it.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::KubeconfigError;
use super::section::Section;
use crate::api::kubeconfig::{Cluster, Context, Credentials, Kubeconfig, Material, Named};
use crate::source::document::{self, Node, Value};
use crate::util::secret::{Secret, SecretBytes};

/// The tree of a file: a map, empty when there is nothing. Checked is all that a merge relies on.
pub(super) fn tree(path: &str, bytes: &[u8]) -> Result<Node, KubeconfigError> {
    let document = document::read(path, bytes.to_vec())?;
    if let Some((field, line)) = document.duplicates.first() {
        let (path, field) = (path.to_owned(), field.to_string());
        return Err(KubeconfigError::DuplicateField { path, line: *line, field });
    }
    let root = match document.root {
        None => Node { value: Value::Map(Vec::new()), line: 0 },
        Some(root) => root,
    };
    let reader = Reader { path };
    reader.fields(&root, "")?;
    for (field, expected) in [("kind", "Config"), ("apiVersion", "v1")] {
        if !["", expected].contains(&reader.text(&root, field, "")?.as_str()) {
            return Err(KubeconfigError::WrongKind { path: path.to_owned(), field });
        }
    }
    for section in Section::ALL {
        reader.names(&root, section)?;
    }
    Ok(root)
}

/// What matters of it.
pub(super) fn kubeconfig(path: &str, root: &Node) -> Result<Kubeconfig, KubeconfigError> {
    let reader = Reader { path };
    Ok(Kubeconfig {
        clusters: reader.entries(root, Section::Clusters, Reader::cluster)?,
        users: reader.entries(root, Section::Users, Reader::credentials)?,
        contexts: reader.entries(root, Section::Contexts, Reader::context)?,
        current_context: reader.text(root, "current-context", "")?,
    })
}

/// The entries of a list; none when it is absent or null.
pub(super) fn items(root: &Node, section: Section) -> &[Node] {
    match root.get(section.field()).map(|list| &list.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

struct Reader<'a> {
    path: &'a str,
}

type Read<T> = Result<T, KubeconfigError>;

impl Reader<'_> {
    fn wrong(&self, node: &Node, field: String, expected: &'static str) -> KubeconfigError {
        let found = match &node.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        };
        let (path, line) = (self.path.to_owned(), node.line);
        KubeconfigError::WrongType { path, line, field, expected, found }
    }

    /// The fields of a map; `null` has none.
    fn fields<'n>(&self, node: &'n Node, at: &str) -> Read<&'n [(crate::api::Str, Node)]> {
        match &node.value {
            Value::Null => Ok(&[]),
            Value::Map(fields) => Ok(fields),
            _ if at.is_empty() => Err(self.wrong(node, "the file".to_owned(), "an object")),
            _ => Err(self.wrong(node, at.to_owned(), "an object")),
        }
    }

    /// A text; empty when it is absent or null.
    fn text(&self, node: &Node, field: &str, at: &str) -> Read<String> {
        match node.get(field) {
            None => Ok(String::new()),
            Some(value) => match &value.value {
                Value::Null => Ok(String::new()),
                Value::String(text) => Ok(text.to_string()),
                _ => Err(self.wrong(value, format!("{at}{field}"), "a string")),
            },
        }
    }

    /// A boolean; false when it is absent or null.
    fn flag(&self, node: &Node, field: &str, at: &str) -> Read<bool> {
        match node.get(field) {
            None => Ok(false),
            Some(value) => match &value.value {
                Value::Null => Ok(false),
                Value::Bool(flag) => Ok(*flag),
                _ => Err(self.wrong(value, format!("{at}{field}"), "true or false")),
            },
        }
    }

    /// Bytes in base64; none when they are absent, null or empty.
    fn bytes(&self, node: &Node, field: &str, at: &str) -> Read<Option<Vec<u8>>> {
        let mut text = self.text(node, field, at)?;
        // Go skips line breaks in base64, and nothing else.
        text.retain(|character| !matches!(character, '\r' | '\n'));
        if text.is_empty() {
            return Ok(None);
        }
        STANDARD.decode(&text).map(Some).map_err(|_| KubeconfigError::WrongType {
            path: self.path.to_owned(),
            line: node.get(field).map_or(0, |value| value.line),
            field: format!("{at}{field}"),
            expected: "text in base64",
            found: "other text",
        })
    }

    /// That the names of a list are texts, and none stands twice.
    fn names(&self, root: &Node, section: Section) -> Read<()> {
        let list = section.field();
        match root.get(list) {
            Some(node) if !matches!(node.value, Value::Null | Value::List(_)) => {
                return Err(self.wrong(node, list.to_owned(), "a list"));
            }
            _ => {}
        }
        let mut seen = HashSet::new();
        for (index, item) in items(root, section).iter().enumerate() {
            let at = format!("{list}[{index}]");
            self.fields(item, &at)?;
            let name = self.text(item, "name", &format!("{at}."))?;
            if let Some(value) = item.get(section.inner()) {
                self.fields(value, &format!("{at}.{}", section.inner()))?;
            }
            if seen.contains(&name) {
                let (path, line) = (self.path.to_owned(), item.line);
                return Err(KubeconfigError::DuplicateName { path, line, section: list, name });
            }
            seen.insert(name);
        }
        Ok(())
    }

    fn entries<T: Default>(
        &self,
        root: &Node,
        section: Section,
        read: impl Fn(&Self, &Node, &str) -> Read<T>,
    ) -> Read<Vec<Named<T>>> {
        let entry = |(index, item): (usize, &Node)| {
            let at = format!("{}[{index}].{}.", section.field(), section.inner());
            let value = item.get(section.inner());
            let value = value.map_or_else(|| Ok(T::default()), |value| read(self, value, &at))?;
            Ok(Named::new(item.text("name"), value))
        };
        items(root, section).iter().enumerate().map(entry).collect()
    }

    fn cluster(&self, node: &Node, at: &str) -> Read<Cluster> {
        let data = self.bytes(node, "certificate-authority-data", at)?;
        let file = self.text(node, "certificate-authority", at)?;
        let certificate_authority = embedded_first(data, file);
        Ok(Cluster {
            server: self.text(node, "server", at)?,
            certificate_authority,
            tls_server_name: self.text(node, "tls-server-name", at)?,
            insecure_skip_tls_verify: self.flag(node, "insecure-skip-tls-verify", at)?,
            proxy_url: self.text(node, "proxy-url", at)?,
        })
    }

    fn credentials(&self, node: &Node, at: &str) -> Read<Credentials> {
        let certificate = self.bytes(node, "client-certificate-data", at)?;
        let key = self.bytes(node, "client-key-data", at)?.map(SecretBytes::from);
        let token = self.text(node, "token", at)?;
        let token_file = self.text(node, "tokenFile", at)?;
        let token = match (token.is_empty(), token_file.is_empty()) {
            (true, true) => None,
            (false, true) => Some(Material::Embedded(Secret::new(token))),
            (_, false) => Some(Material::Referenced(token_file)),
        };
        const READ: [&str; 6] = [
            "client-certificate",
            "client-certificate-data",
            "client-key",
            "client-key-data",
            "token",
            "tokenFile",
        ];
        let others = self.fields(node, at)?.iter().map(|(name, _)| name.to_string());
        Ok(Credentials {
            client_certificate: embedded_first(
                certificate,
                self.text(node, "client-certificate", at)?,
            ),
            client_key: embedded_first(key, self.text(node, "client-key", at)?),
            token,
            exec: None,
            others: others.filter(|name| !READ.contains(&name.as_str())).collect(),
        })
    }

    fn context(&self, node: &Node, at: &str) -> Read<Context> {
        Ok(Context {
            cluster: self.text(node, "cluster", at)?,
            user: self.text(node, "user", at)?,
            namespace: self.text(node, "namespace", at)?,
        })
    }
}

fn embedded_first<T>(data: Option<T>, file: String) -> Option<Material<T>> {
    match data {
        Some(data) => Some(Material::Embedded(data)),
        None => (!file.is_empty()).then_some(Material::Referenced(file)),
    }
}
