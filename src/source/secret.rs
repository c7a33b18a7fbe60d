//! Secrets: of the two types that hold tokens the values that are asked for, of all others the name.
//!
//! No message about a Secret shows a value, whatever is wrong with it.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::WrongType;
use super::node::Node;
use super::object;
use super::wire::{Metadata, Wide};
use crate::api::core::{INVALID_SINCE, Secret, SecretContent};
use crate::api::null::Text;
use crate::util::secret::SecretBytes;

/// Base64 as Go reads it: padding must be there, the bits left over may be anything.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The Secret of a JSON value that was read in one go; `None` asks for the exact reading.
pub(super) fn from_wide(wide: Wide<'_>) -> Option<Secret> {
    let name: Text<'_> = raw(wide.secret_type)?;
    let mut content = SecretContent::for_type(&name.0);
    if content != SecretContent::Other {
        fill(&mut content, raw(wide.data)?, raw(wide.string_data)?).ok()?;
    }
    Some(secret(wide.metadata, content))
}

fn raw<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> Option<T> {
    raw.map_or_else(|| Some(T::default()), |raw| serde_json::from_str(raw.get()).ok())
}

/// The Secret of a tree.
pub(super) fn from_node(node: &Node) -> Result<Secret, WrongType> {
    read(node).map_err(|error| WrongType { found: without_value(&error.found), ..error })
}

fn read(node: &Node) -> Result<Secret, WrongType> {
    let metadata = object::metadata(node)?;
    let name: Text<'_> = object::field(node, "type")?;
    let mut content = SecretContent::for_type(&name.0);
    if content != SecretContent::Other {
        let (data, string_data) =
            (object::field(node, "data")?, object::field(node, "stringData")?);
        fill(&mut content, data, string_data).map_err(|key| {
            let line = node.get("data").and_then(|data| data.get(&key)).map_or(0, |it| it.line);
            let field = format!("data.{key}");
            let (expected, found) = ("text in base64".to_owned(), "something else".to_owned());
            WrongType { field, expected, found, line }
        })?;
    }
    Ok(secret(metadata, content))
}

/// `the string `hunter2`` is `a string`.
fn without_value(found: &str) -> String {
    match found.split_once(" `") {
        Some((what, _)) => what.replacen("the ", "a ", 1),
        None => found.to_owned(),
    }
}

fn secret(metadata: Metadata, content: SecretContent) -> Secret {
    let mut labels = metadata.labels;
    Secret {
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
        deletion_timestamp: metadata.deletion_timestamp.map(|time| time.0),
        invalid_since: labels.remove(INVALID_SINCE).unwrap_or_default(),
        content,
    }
}

/// Takes the values that are asked for; `stringData` is written over `data`, as the API server
/// does. An error is the key whose value is no base64.
fn fill(content: &mut SecretContent, data: Pairs<'_>, strings: Pairs<'_>) -> Result<(), String> {
    for (key, value) in data.0 {
        // What nobody asks for must be base64 too, or the API server would refuse the Secret.
        let Some(bytes) = decode(&value) else { return Err(key.into_owned()) };
        if let Some(slot) = content.slot(&key) {
            *slot = bytes;
        }
    }
    for (key, value) in strings.0 {
        if let Some(slot) = content.slot(&key) {
            *slot = SecretBytes::from(value.into_owned().into_bytes());
        }
    }
    Ok(())
}

/// Go skips line breaks, and nothing else.
fn decode(text: &str) -> Option<SecretBytes> {
    let text = match text.contains(['\r', '\n']) {
        true => Cow::Owned(text.replace(['\r', '\n'], "")),
        false => Cow::Borrowed(text),
    };
    BASE64.decode(text.as_bytes()).ok().map(SecretBytes::from)
}

/// A map from string to string, borrowed where possible; `null` is empty, as map and as value.
#[derive(Default)]
struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Text(key), Text(value))) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(Pairs(pairs))
            }

            fn visit_none<E>(self) -> Result<Pairs<'de>, E> {
                Ok(Pairs::default())
            }

            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Pairs<'de>, D::Error> {
                inner.deserialize_map(self)
            }
        }

        deserializer.deserialize_option(PairsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use crate::api::core::{BootstrapToken, Kind, Secret, SecretContent, TokenObjects};
    use crate::source::{LoadOptions, Loaded, parse};
    use crate::util::secret::SecretBytes;

    fn load(text: &str) -> Loaded {
        parse("secrets", text.as_bytes(), &LoadOptions::default()).unwrap()
    }

    fn bytes(text: &str) -> SecretBytes {
        SecretBytes::from(text.as_bytes().to_vec())
    }

    const TOKENS: &str = "
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Secret
  type: bootstrap.kubernetes.io/token
  metadata: {name: bootstrap-token-abcdef, namespace: kube-system}
  data:
    token-id: YWJjZGVm
    token-secret: |
      MDEyMzQ1Njc4
      OWFiY2RlZg==
    expiration: null
    description: aGk=
  stringData: {token-secret: fedcba9876543210, auth-extra-groups: null, other: x}
- apiVersion: v1
  kind: Secret
  type: kubernetes.io/service-account-token
  metadata:
    name: web-token
    uid: 6f9c2d3e-0a1b-4c5d-8e7f-001122334455
    deletionTimestamp: 1970-01-01T00:01:00Z
    labels: {kubernetes.io/legacy-token-invalid-since: '2026-01-01', other: x}
  data: {token: aGV5, ca.crt: aGk=}
- {apiVersion: v1, kind: Secret, type: Opaque, metadata: {name: o, uid: u}, data: {token: aGV5}}
- {apiVersion: v1, kind: Secret, metadata: {name: p}, data: {not-even: base64!}}
";

    /// The same as JSON, which is read by other code.
    const TOKENS_JSON: &str = r#"{"apiVersion": "v1", "kind": "SecretList", "items": [
{"type": "bootstrap.kubernetes.io/token",
 "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
 "data": {"token-id": "YWJjZGVm", "token-secret": "MDEyMzQ1Njc4\nOWFiY2RlZg==", "expiration": null,
          "description": "aGk="},
 "stringData": {"token-secret": "fedcba9876543210", "auth-extra-groups": null, "other": "x"}},
{"type": "kubernetes.io/service-account-token",
 "metadata": {"name": "web-token", "uid": "6f9c2d3e-0a1b-4c5d-8e7f-001122334455",
              "deletionTimestamp": "1970-01-01T00:01:00Z",
              "labels": {"kubernetes.io/legacy-token-invalid-since": "2026-01-01", "other": "x"}},
 "data": {"token": "aGV5", "ca.crt": "aGk="}},
{"type": "Opaque", "metadata": {"name": "o", "uid": "u"}, "data": {"token": "aGV5"}},
{"metadata": {"name": "p"}, "data": {"not-even": "base64!"}}
]}"#;

    #[test]
    fn tokens_are_decoded_and_other_secrets_leave_their_values_behind() {
        let bootstrap = Secret {
            namespace: "kube-system".into(),
            name: "bootstrap-token-abcdef".into(),
            content: SecretContent::BootstrapToken(Box::new(BootstrapToken {
                id: bytes("abcdef"),
                secret: bytes("fedcba9876543210"),
                ..BootstrapToken::default()
            })),
            ..Secret::default()
        };
        let account = Secret {
            namespace: "default".into(),
            name: "web-token".into(),
            uid: "6f9c2d3e-0a1b-4c5d-8e7f-001122334455".into(),
            deletion_timestamp: Some(60),
            invalid_since: "2026-01-01".into(),
            content: SecretContent::ServiceAccountToken(bytes("hey")),
        };
        let other = |name: &str, uid: &str| Secret {
            namespace: "default".into(),
            name: name.into(),
            uid: uid.into(),
            ..Secret::default()
        };
        let expected = [bootstrap, account, other("o", "u"), other("p", "")];
        for text in [TOKENS, TOKENS_JSON] {
            let Loaded { inventory, report } = load(text);
            assert_eq!(inventory.core.secrets, expected);
            assert_eq!(report.other_kinds["Secret"], 2);
            assert_eq!(report.notices, []);
            assert!(TokenObjects::new(&inventory).secret("default", "o").is_some());
        }
    }

    #[test]
    fn without_string_data_the_decoded_value_counts() {
        let text = TOKENS.replace("stringData: {token-secret: fedcba9876543210, ", "stringData: {");
        let Loaded { inventory, .. } = load(&text);
        let SecretContent::BootstrapToken(token) = &inventory.core.secrets[0].content else {
            panic!("no bootstrap token");
        };
        assert!(token.secret.is(b"0123456789abcdef"));
    }

    #[test]
    fn a_bad_secret_is_left_out_and_its_value_is_shown_nowhere() {
        for (bad, complaint) in [
            (r#""data": {"token": "hunter2!"}"#, "`data.token` must be text in base64, but is"),
            (r#""data": {"unused": "hunter2!"}"#, "`data.unused` must be text in base64"),
            (r#""data": {"token": ["hunter2"]}"#, "`data.token` must be a string, but is a list"),
            (r#""data": {"token": 4711}"#, "`data.token` must be a string, but is a number"),
            (r#""data": {"token": true}"#, "`data.token` must be a string, but is a boolean"),
            (r#""data": "hunter2""#, "`data` must be an object, but is a string"),
            (r#""stringData": "hunter2""#, "`stringData` must be an object, but is a string"),
            (r#""stringData": ["hunter2"]"#, "`stringData` must be an object, but is a list"),
            (r#""stringData": {"token": 4711}"#, "`stringData.token` must be a string, but is a"),
            (r#""metadata": {"annotations": "hunter2"}"#, "must be an object, but is a string"),
            (r#""metadata": {"deletionTimestamp": "hunter2"}"#, "but is a string"),
            (r#""metadata": {"uid": 4711}"#, "`metadata.uid` must be a string, but is a number"),
        ] {
            let head = r#""apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token""#;
            let json = format!("{{{head}, {bad}}}");
            for text in [format!("---\n{json}"), json] {
                let Loaded { inventory, report } = load(&text);
                assert_eq!(inventory.core.secrets, [], "{text}");
                let [notice] = &report.notices[..] else { panic!("{:?}", report.notices) };
                let said = notice.to_string();
                assert!(said.contains(complaint), "{said}");
                let shown = format!("{said} {report:?}");
                assert!(!shown.contains("hunter2") && !shown.contains("4711"), "{shown}");
            }
        }
    }

    #[test]
    fn a_secret_whose_text_is_no_yaml_is_refused_without_its_text() {
        let text = "{apiVersion: v1, kind: Secret, stringData: {token: !!int hunter2}}";
        let error = parse("s.yaml", text.as_bytes(), &LoadOptions::default()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn accounts_pods_and_nodes_are_read_with_what_tokens_name() {
        let object = |kind, uid, second: u32, rest| {
            format!(
                r#"{{"apiVersion": "v1", "kind": "{kind}", "metadata": {{"name": "x", "uid": "{uid}",
                "deletionTimestamp": "1970-01-01T00:00:0{second}Z"}}, "spec": {{{rest}}}}}"#
            )
        };
        let account = object("ServiceAccount", "u1", 1, "");
        let pod = object("Pod", "u2", 2, r#""nodeName": "n""#);
        let node = object("Node", "u3", 3, "");
        for text in [
            format!("{account}\n{pod}\n{node}"),
            format!("---\n{account}\n---\n{pod}\n---\n{node}"),
            format!(
                r#"{{"kind": "List", "apiVersion": "v1", "items": [{account}, {pod}, {node}]}}"#
            ),
        ] {
            let Loaded { inventory, report } = load(&text);
            assert_eq!((report.objects, report.notices.len()), (3, 0));
            assert_eq!(inventory.service_accounts, [("default".into(), "x".into())]);
            assert_eq!(inventory.pods[0].node_name, "n");
            let objects = TokenObjects::new(&inventory);
            let account = objects.service_account("default", "x").unwrap();
            assert_eq!((account.uid.clone(), account.deletion_timestamp), ("u1".into(), Some(1)));
            let pod = objects.pod("default", "x").unwrap();
            assert_eq!((pod.uid.clone(), pod.deletion_timestamp), ("u2".into(), Some(2)));
            let node = objects.node("x").unwrap();
            assert_eq!((node.uid.clone(), node.deletion_timestamp), ("u3".into(), Some(3)));
            assert!(!objects.holds(Kind::Secret));
        }
    }

    #[test]
    fn an_object_deleted_at_no_time_is_left_out_and_told() {
        for kind in ["Node", "Pod", "Secret", "ServiceAccount"] {
            let text = format!(
                "apiVersion: v1\nkind: {kind}\nmetadata:\n  name: x\n  deletionTimestamp: soon\n"
            );
            let Loaded { inventory, report } = load(&text);
            let objects = TokenObjects::new(&inventory);
            for kind in [Kind::Node, Kind::Pod, Kind::Secret, Kind::ServiceAccount] {
                assert!(!objects.holds(kind), "{kind}");
            }
            let said = report.notices[0].to_string();
            assert!(said.contains("`metadata.deletionTimestamp` must be a time such as"), "{said}");
            assert!(said.contains("(line 5)"), "{said}");
        }
    }
}
