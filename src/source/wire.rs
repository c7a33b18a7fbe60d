//! The parts of objects that are read besides the RBAC types: all of `metadata`, to find the same
//! type errors as the API server, and the few fields that tell names.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::api::Str;
use crate::api::meta::{OWN_PREFIX, ObjectMeta, PROPAGATION_PREFIX, StrMap, Uid};
use crate::api::null::{self, ObjectsOnly, Text};
use crate::api::rbac::{AggregationRule, PolicyRule, RoleRef, Subject};
use crate::util::rfc3339;

/// Every field that decides what an object says, whatever its kind, read in one pass. When this
/// reads, the type of the kind reads; when it fails, [`Node`](super::node::Node) says why.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, remote = "Self")]
pub(super) struct Wide<'a> {
    #[serde(borrow)]
    pub(super) api_version: Text<'a>,
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) metadata: Metadata,
    #[serde(deserialize_with = "null::list")]
    pub(super) rules: Vec<PolicyRule>,
    #[serde(deserialize_with = "null::list")]
    pub(super) subjects: Vec<Subject>,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) role_ref: RoleRef,
    #[serde(deserialize_with = "null::optional")]
    pub(super) aggregation_rule: Option<AggregationRule>,
    #[serde(borrow)]
    pub(super) spec: Option<&'a RawValue>,
    /// Of pods.
    #[cfg(feature = "node")]
    #[serde(borrow)]
    pub(super) status: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) items: Option<Vec<&'a RawValue>>,
    /// Of Secrets, as are the next two. Never read unless it is one, so that they may be anything.
    #[cfg(feature = "authn")]
    #[serde(borrow, rename = "type")]
    pub(super) secret_type: Option<&'a RawValue>,
    #[cfg(feature = "authn")]
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    #[cfg(feature = "authn")]
    #[serde(borrow)]
    pub(super) string_data: Option<&'a RawValue>,
}

/// Of objects alone: derived code would take a list for the fields in their order.
impl<'de: 'a, 'a> Deserialize<'de> for Wide<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(ObjectsOnly(deserializer))
    }
}

/// All of `metadata`, as the API server types it. The fields without a use are here because a
/// value of the wrong type in them makes the server refuse the object.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    #[serde(deserialize_with = "null::or_default")]
    pub(super) name: Str,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) namespace: Str,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) resource_version: Str,
    #[serde(deserialize_with = "null::map")]
    pub(super) labels: StrMap,
    pub(super) annotations: Option<Annotations>,
    #[serde(rename = "finalizers")]
    _finalizers: Option<Vec<Option<AnyStr>>>,
    #[serde(rename = "ownerReferences", deserialize_with = "null::list")]
    _owner_references: Vec<OwnerReference>,
    #[serde(rename = "generateName")]
    _generate_name: Option<AnyStr>,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) uid: Uid,
    #[serde(rename = "selfLink")]
    _self_link: Option<AnyStr>,
    #[serde(rename = "creationTimestamp")]
    _creation_timestamp: Option<AnyStr>,
    pub(super) deletion_timestamp: Option<Time>,
    #[serde(rename = "generation")]
    _generation: Option<i64>,
    #[serde(rename = "deletionGracePeriodSeconds")]
    _deletion_grace_period_seconds: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct OwnerReference {
    #[serde(rename = "apiVersion")]
    _api_version: Option<AnyStr>,
    #[serde(rename = "kind")]
    _kind: Option<AnyStr>,
    #[serde(rename = "name")]
    _name: Option<AnyStr>,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) uid: Uid,
    #[serde(rename = "controller")]
    _controller: Option<bool>,
    #[serde(rename = "blockOwnerDeletion")]
    _block_owner_deletion: Option<bool>,
}

impl Metadata {
    /// The part that decisions need.
    pub(super) fn into_meta(self) -> ObjectMeta {
        ObjectMeta {
            name: self.name,
            namespace: self.namespace,
            labels: self.labels,
            annotations: self.annotations.map(Annotations::into_own).unwrap_or_default(),
            resource_version: self.resource_version,
        }
    }
}

/// Some string.
struct AnyStr;

impl<'de> Deserialize<'de> for AnyStr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyStrVisitor;

        impl Visitor<'_> for AnyStrVisitor {
            type Value = AnyStr;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, _: &str) -> Result<AnyStr, E> {
                Ok(AnyStr)
            }
        }

        deserializer.deserialize_str(AnyStrVisitor)
    }
}

/// A time, in whole seconds since 1970-01-01 UTC.
pub(super) struct Time(
    #[cfg_attr(
        not(feature = "authn"),
        expect(
            dead_code,
            reason = "what is no time is told in every build; only tokens need when"
        )
    )]
    pub(super) i64,
);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;

        impl Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as `2026-01-31T12:00:00Z`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                let time = rfc3339::parse(text);
                time.map(|time| Time(time.seconds))
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(TimeVisitor)
    }
}

/// The annotations that mean something to an engine. The others are only typed: some of them are as
/// large as the object.
#[derive(Default)]
pub(super) struct Annotations(pub(super) StrMap);

/// On pods that a kubelet made of a file (S-NODE-10).
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";

impl Annotations {
    /// Those that mean something to Portcullis itself.
    fn into_own(mut self) -> StrMap {
        self.0.remove(MIRROR);
        self.0
    }

    pub(super) fn is_kept(key: &str) -> bool {
        key == MIRROR || key.starts_with(OWN_PREFIX) || key.starts_with(PROPAGATION_PREFIX)
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnnotationsVisitor;

        impl<'de> Visitor<'de> for AnnotationsVisitor {
            type Value = Annotations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Annotations, A::Error> {
                read_some::<_, Option<AnyStr>>(&mut access, Annotations::is_kept).map(Annotations)
            }
        }

        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

/// The entries of a map from string to string that are wanted; of the others a `Skipped` is read.
pub(super) fn read_some<'de, A: MapAccess<'de>, Skipped: Deserialize<'de>>(
    access: &mut A,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<StrMap, A::Error> {
    let mut wanted = StrMap::new();
    while let Some(Text(key)) = access.next_key::<Text<'de>>()? {
        if is_wanted(&key) {
            let value = access.next_value::<Option<Str>>()?;
            wanted.insert(key.as_ref().into(), value.unwrap_or_default());
        } else {
            access.next_value::<Skipped>()?;
        }
    }
    Ok(wanted)
}

/// `spec` of a pod and of what makes pods; which path is used depends on the kind.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodMaker {
    #[serde(deserialize_with = "null::or_default")]
    pub(super) service_account_name: Str,
    /// The old name of the same.
    #[serde(deserialize_with = "null::or_default")]
    pub(super) service_account: Str,
    /// Of Pods.
    #[cfg(all(feature = "authn", not(feature = "node")))]
    #[serde(deserialize_with = "null::or_default")]
    pub(super) node_name: Str,
    /// Of Deployments and the like.
    #[serde(deserialize_with = "null::or_default")]
    pub(super) template: Inner,
    /// Of CronJobs.
    #[serde(deserialize_with = "null::or_default")]
    pub(super) job_template: Inner,
}

/// Something that has a `spec` in turn.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Inner {
    #[serde(deserialize_with = "null::optional")]
    pub(super) spec: Option<Box<PodMaker>>,
}

impl Inner {
    /// What is inside; nothing when there is nothing.
    pub(super) fn into_spec(self) -> PodMaker {
        self.spec.map_or_else(PodMaker::default, |spec| *spec)
    }
}

/// `spec` of a CustomResourceDefinition, v1 and v1beta1.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Definition {
    #[serde(deserialize_with = "null::or_default")]
    pub(super) group: Str,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) scope: Str,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) names: Names,
    /// v1beta1 could name a single version here.
    #[serde(deserialize_with = "null::or_default")]
    pub(super) version: Str,
    #[serde(deserialize_with = "null::list")]
    pub(super) versions: Vec<Version>,
    /// v1beta1 had them for all versions.
    #[serde(deserialize_with = "null::or_default")]
    pub(super) subresources: Subresources,
}

/// The `spec` of a HierarchyConfiguration.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct HierarchySpec {
    #[serde(deserialize_with = "null::or_default")]
    pub(super) parent: Str,
}

/// The names of a custom resource.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Names {
    #[serde(deserialize_with = "null::or_default")]
    pub(super) kind: Str,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) plural: Str,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) singular: Str,
    #[serde(deserialize_with = "null::list")]
    pub(super) short_names: Vec<Str>,
    #[serde(deserialize_with = "null::list")]
    pub(super) categories: Vec<Str>,
}

/// One version of a custom resource.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Version {
    #[serde(deserialize_with = "null::or_default")]
    pub(super) name: Str,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) served: bool,
    #[serde(deserialize_with = "null::or_default")]
    pub(super) subresources: Subresources,
}

/// Which subresources there are; their content does not matter.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Subresources {
    pub(super) status: Option<serde::de::IgnoredAny>,
    pub(super) scale: Option<serde::de::IgnoredAny>,
}
