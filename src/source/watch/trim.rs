//! An object of the wire, cut down in one pass to what is kept of its kind: no tree of it is ever made.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Key;
use super::definition::Definition;
use super::keep::Keep;
use crate::api::Str;
use crate::api::null::Text;

/// An object that was cut down. Texts that are missing, or are none, are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trimmed {
    pub(super) api_version: Str,
    pub(super) kind: Str,
    pub(super) namespace: Str,
    pub(super) name: Str,
    /// `metadata.resourceVersion`.
    pub(super) version: Str,
    pub(super) rest: Rest,
}

/// The fields of an object that are kept, without those that its key and its version say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// Fields of `metadata`, then fields of the object, each after a comma.
    text: Box<[u8]>,
    /// How much of it belongs to `metadata`.
    metadata: u32,
}

/// Cuts an object down.
///
/// # Errors
/// When it is no JSON object, or longer than 4 GiB.
pub(super) fn trim(text: &str, definition: &Definition) -> Result<Trimmed, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let trimmed = deserializer.deserialize_map(ObjectVisitor { definition })?;
    deserializer.end()?;
    Ok(trimmed)
}

impl Rest {
    /// How many bytes it takes.
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    /// Writes the object as JSON: what was kept of it, at that version.
    pub(super) fn write(
        &self,
        definition: &Definition,
        api_version: &str,
        key: &Key,
        version: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), serde_json::Error> {
        out.extend(b"{\"apiVersion\":");
        string(api_version, out)?;
        out.extend(b",\"kind\":");
        string(definition.kind, out)?;
        out.extend(b",\"metadata\":{\"name\":");
        string(&key.name, out)?;
        if !key.namespace.is_empty() {
            out.extend(b",\"namespace\":");
            string(&key.namespace, out)?;
        }
        if !version.is_empty() {
            out.extend(b",\"resourceVersion\":");
            string(version, out)?;
        }
        let metadata = usize::try_from(self.metadata).unwrap_or_default();
        let (metadata, fields) = self.text.split_at_checked(metadata).unwrap_or_default();
        out.extend(metadata);
        out.push(b'}');
        out.extend(fields);
        out.push(b'}');
        Ok(())
    }
}

/// Writes to memory: what can fail is the value alone, and no text does.
fn string<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::to_writer(out, value)
}

struct ObjectVisitor<'a> {
    definition: &'a Definition,
}

impl<'de> Visitor<'de> for ObjectVisitor<'_> {
    type Value = Trimmed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Trimmed, A::Error> {
        let mut trimmed = Trimmed::default();
        let (mut metadata, mut fields) = (Vec::new(), Vec::new());
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            match key.as_ref() {
                "apiVersion" => trimmed.api_version = text(map.next_value()?),
                "kind" => trimmed.kind = text(map.next_value()?),
                "metadata" => {
                    let keep = &self.definition.metadata;
                    let trimmed = &mut trimmed;
                    map.next_value_seed(Metadata { trimmed, keep, out: &mut metadata })?;
                }
                name => pair(&mut map, name, self.definition.fields.field(name), &mut fields)?,
            }
        }
        let length = u32::try_from(metadata.len()).map_err(A::Error::custom)?;
        metadata.append(&mut fields);
        trimmed.rest = Rest { text: metadata.into_boxed_slice(), metadata: length };
        Ok(trimmed)
    }
}

/// The text of a value; empty when it is none.
fn text(raw: &RawValue) -> Str {
    serde_json::from_str::<Text<'_>>(raw.get()).map_or_else(|_| Str::default(), |it| it.0.into())
}

/// `metadata`: what says which object this is, and what is kept.
struct Metadata<'a> {
    trimmed: &'a mut Trimmed,
    keep: &'a Keep,
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Metadata<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Metadata that is no object names nothing, and so is no object of ours.
        let raw = <&RawValue>::deserialize(deserializer)?;
        match raw.get().starts_with('{') {
            true => serde_json::Deserializer::from_str(raw.get())
                .deserialize_map(self)
                .map_err(D::Error::custom),
            false => Ok(()),
        }
    }
}

impl<'de> Visitor<'de> for Metadata<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            match key.as_ref() {
                "name" => self.trimmed.name = text(map.next_value()?),
                "namespace" => self.trimmed.namespace = text(map.next_value()?),
                "resourceVersion" => self.trimmed.version = text(map.next_value()?),
                name => pair(&mut map, name, self.keep.field(name), self.out)?,
            }
        }
        Ok(())
    }
}

/// Writes a field after a comma, unless nothing is kept of it.
fn pair<'de, A: MapAccess<'de>>(
    map: &mut A,
    name: &str,
    keep: Option<&Keep>,
    out: &mut Vec<u8>,
) -> Result<(), A::Error> {
    let Some(keep) = keep else {
        map.next_value::<serde::de::IgnoredAny>()?;
        return Ok(());
    };
    let start = out.len();
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    string(name, out).map_err(A::Error::custom)?;
    out.push(b':');
    if !map.next_value_seed(Part { keep, out })? {
        out.truncate(start);
    }
    Ok(())
}

/// A value within an object. Reads whether anything is left of it.
struct Part<'a> {
    keep: &'a Keep,
    out: &'a mut Vec<u8>,
}

impl Part<'_> {
    fn scalar<T: Serialize + ?Sized, E: Error>(self, value: &T) -> Result<bool, E> {
        string(value, self.out).map_err(E::custom)?;
        Ok(true)
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        match self.keep {
            Keep::Whole => {
                self.out.extend(<&RawValue>::deserialize(deserializer)?.get().as_bytes());
                Ok(true)
            }
            Keep::Presence => {
                let is_null = <&RawValue>::deserialize(deserializer)?.get() == "null";
                self.out.extend(if is_null { &b"null"[..] } else { &b"{}"[..] });
                Ok(true)
            }
            Keep::Fields(_) | Keep::Sparse(..) | Keep::Keys(_) | Keep::AllBut(_) => {
                deserializer.deserialize_any(self)
            }
        }
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut is_kept = !matches!(self.keep, Keep::Sparse(..));
        self.out.push(b'{');
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            let before = self.out.len();
            pair(&mut map, &key, self.keep.field(&key), self.out)?;
            is_kept |= self.out.len() > before
                && !matches!(self.keep, Keep::Sparse(_, alone) if *alone == key);
        }
        self.out.push(b'}');
        Ok(is_kept)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut is_kept = !matches!(self.keep, Keep::Sparse(..));
        self.out.push(b'[');
        loop {
            let start = self.out.len();
            if self.out.last() != Some(&b'[') {
                self.out.push(b',');
            }
            match items.next_element_seed(Part { keep: self.keep, out: &mut *self.out })? {
                Some(true) => is_kept = true,
                Some(false) => self.out.truncate(start),
                None => {
                    self.out.truncate(start);
                    break;
                }
            }
        }
        self.out.push(b']');
        Ok(is_kept)
    }

    /// Go reads `null` as if there was nothing.
    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        match self.keep {
            Keep::Sparse(..) => Ok(false),
            _ => self.scalar(&()),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        self.scalar(&value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<bool, E> {
        self.scalar(&value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
        self.scalar(&value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<bool, E> {
        self.scalar(&value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
        self.scalar(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::watch::Watched;

    fn kept(watched: &Watched, object: &str) -> String {
        let definition = watched.definition();
        let trimmed = trim(object, definition).unwrap();
        let key = Key { namespace: trimmed.namespace.clone(), name: trimmed.name.clone() };
        let mut out = Vec::new();
        let api_version = definition.api_version(0);
        trimmed.rest.write(definition, &api_version, &key, &trimmed.version, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn of_a_pod_what_makes_edges_is_kept_and_nothing_else() {
        let pod = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"n","uid":"u",
            "resourceVersion":"7","labels":{"a":"b"},"managedFields":[{"manager":"m"}],
            "annotations":{"kubernetes.io/config.mirror":"x","other":"y"}},
            "spec":{"nodeName":"w","serviceAccountName":"s","tolerations":[{"key":"k"}],
              "imagePullSecrets":[{"name":"pull"}],
              "containers":[{"name":"c","image":"i","env":[{"name":"A","value":"1"}]},
                {"name":"d","env":[{"name":"B","valueFrom":{"secretKeyRef":{"name":"t","key":"k"}}},
                                   {"name":"C","valueFrom":{"fieldRef":{"fieldPath":"x"}}}],
                 "envFrom":[{"configMapRef":{"name":"m"}}]}],
              "ephemeralContainers":[{"name":"e"},{"name":"f"}],
              "volumes":[{"name":"v","emptyDir":{}},{"name":"w","ephemeral":{"volumeClaimTemplate":{}}},
                {"name":"k","projected":{"sources":[{"serviceAccountToken":{}},{"configMap":{"name":"r"}}]}},
                {"name":"z","secret":{}}]},
            "status":{"phase":"Running","podIP":"10.0.0.1"}}"#;
        assert_eq!(
            kept(&Watched::Pods, pod),
            concat!(
                r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n","resourceVersion":"7","#,
                r#""uid":"u","annotations":{"kubernetes.io/config.mirror":"x"}},"#,
                r#""spec":{"nodeName":"w","serviceAccountName":"s","imagePullSecrets":[{"name":"pull"}],"#,
                r#""containers":[{"env":[{"valueFrom":{"secretKeyRef":{"name":"t"}}}],"#,
                r#""envFrom":[{"configMapRef":{"name":"m"}}]}],"ephemeralContainers":[{},{}],"#,
                r#""volumes":[{"name":"w","ephemeral":{}},"#,
                r#"{"name":"k","projected":{"sources":[{"configMap":{"name":"r"}}]}},"#,
                r#"{"name":"z","secret":{}}]}}"#,
            )
        );
    }

    #[test]
    fn of_a_secret_no_value_is_kept_as_text() {
        let secret = r#"{"kind":"Secret","apiVersion":"v1","type":"t","metadata":{"name":"s","namespace":"n",
            "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"hunter2"},
            "labels":{"a":"b","kubernetes.io/legacy-token-invalid-since":"2026-01-01"}},
            "data":{"token":"aHVudGVyMg=="},"stringData":{"token":"hunter2"}}"#;
        for watched in [Watched::BootstrapSecrets, Watched::ServiceAccountSecrets] {
            assert_eq!(
                kept(&watched, secret),
                concat!(
                    r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"n","#,
                    r#""labels":{"kubernetes.io/legacy-token-invalid-since":"2026-01-01"}},"type":"t"}"#,
                )
            );
        }
        assert!(!kept(&Watched::SecretMetadata, secret).contains("type"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_kept_for_whoever_reads_it() {
        for (wrong, is_kept) in [
            (r#""spec":7"#, true),
            (r#""spec":{"nodeName":["n"]}"#, true),
            (r#""spec":{"volumes":"none"}"#, true),
            (r#""spec":{"volumes":[true]}"#, true),
            (r#""spec":{"tolerations":7}"#, false),
        ] {
            let pod = format!(r#"{{"metadata":{{"name":"p","namespace":"n"}},{wrong}}}"#);
            assert_eq!(kept(&Watched::Pods, &pod).contains(wrong), is_kept, "{wrong}");
        }
    }

    #[test]
    fn who_it_is_is_empty_where_it_is_not_said_and_what_is_no_object_is_refused() {
        let definition = Watched::ClusterRoles.definition();
        for metadata in ["7", "null", "{}", r#"{"name":7}"#, r#"["x"]"#] {
            let trimmed = trim(&format!(r#"{{"metadata":{metadata}}}"#), definition).unwrap();
            assert_eq!((trimmed.name.as_str(), trimmed.kind.as_str()), ("", ""), "{metadata}");
        }
        for text in ["7", "[]", "{", r#"{"metadata":{"name":"x"}} 7"#, r#"{"a":}"#] {
            assert!(trim(text, definition).is_err(), "{text}");
        }
    }

    #[test]
    fn of_other_kinds_all_is_kept_but_managed_fields() {
        let labels = "a=b".into();
        let watched = Watched::ConfigMaps { namespace: "n".into(), labels };
        let object = r#"{"data":{"k":"v\n"},"metadata":{"managedFields":[1],"name":"c","namespace":"n","labels":{"a":"b"}}}"#;
        assert_eq!(
            kept(&watched, object),
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"n","labels":{"a":"b"}},"data":{"k":"v\n"}}"#
        );
    }

    /// Tables are searched by halves.
    #[test]
    fn the_tables_are_sorted() {
        fn check(keep: &Keep) {
            if let Keep::Fields(fields) | Keep::Sparse(fields, _) = keep {
                assert!(fields.is_sorted_by(|a, b| a.0 < b.0), "{fields:?}");
                fields.iter().for_each(|(_, keep)| check(keep));
            }
        }
        for watched in crate::source::watch::tests::all() {
            let definition = watched.definition();
            check(&definition.metadata);
            check(&definition.fields);
        }
    }
}
