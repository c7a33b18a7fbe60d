use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

#[cfg(feature = "conditional-authorization")]
use super::conditions::{ConditionalAuthorization, ConditionalMode};
use super::prepared::{Selectors, fields_of, labels_of};
use super::review::{Review, ReviewError, Version};
use super::spec::{FieldSelectorAttributes, LabelSelectorAttributes};
use crate::api::null::{self, Text};
use crate::model::{Attributes, NonResourceAttributes, ResourceAttributes, User};

/// A SubjectAccessReview as a server receives it: read once, in place, borrowing from the body.
///
/// For a webhook, which is asked for SubjectAccessReviews alone; [`Review`] reads the other kinds.
/// What it reads it reads as [`Review`] does. Of validation it keeps what makes a question: exactly
/// one kind of attributes (S-SAR-9, S-SAR-10). That a user is named is the asker's affair: an API
/// server without authentication asks for nobody (S-WHA-2).
///
/// ```
/// use portcullis::api::authorization::{IncomingReview, Version};
///
/// let body = br#"{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
///     "spec": {"user": "jane", "groups": ["dev"],
///              "resourceAttributes": {"verb": "get", "resource": "pods"}}}"#;
/// let review = IncomingReview::from_json(body)?;
/// assert_eq!(review.version(), Version::V1);
/// assert_eq!(review.identity().to_user().groups, ["dev"]);
/// assert_eq!(review.attributes().verb(), "get");
/// # Ok::<(), portcullis::api::authorization::ReviewError>(())
/// ```
#[derive(Debug)]
pub struct IncomingReview<'a> {
    version: Version,
    spec: Spec<'a>,
    selectors: Selectors,
}

/// Who a review says is asking; borrowed from the body.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The user name.
    pub name: &'a str,
    /// The uid.
    pub uid: &'a str,
    groups: &'a [Text<'a>],
    // Sorted by key, each key once.
    extra: &'a [(Text<'a>, Texts<'a>)],
}

impl<'a> IncomingReview<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`ReviewError`] for JSON that cannot be read, other kinds and versions, and a review that
    /// asks nothing or two things at once.
    pub fn from_json(json: &'a [u8]) -> Result<Self, ReviewError> {
        let null::Plain(Body { kind, api_version, spec }) = serde_json::from_slice(json)?;
        if kind.0.is_empty() {
            return Err(ReviewError::NoKind);
        }
        let version = match &*api_version.0 {
            "authorization.k8s.io/v1" => Version::V1,
            "authorization.k8s.io/v1beta1" => Version::V1beta1,
            other => return Err(ReviewError::Version(other.to_owned())),
        };
        if kind.0 != "SubjectAccessReview" {
            return Err(ReviewError::Kind(kind.0.into_owned()));
        }
        let mut spec: Spec<'a> = spec.unwrap_or_default();
        if spec.resource_attributes.is_some() == spec.non_resource_attributes.is_some() {
            return Err(refusal(json));
        }
        if version == Version::V1beta1 {
            spec.groups = std::mem::take(&mut spec.group);
        }
        let selectors = match &spec.resource_attributes {
            Some(Resource { field_selector, label_selector, .. }) => Selectors {
                fields: field_selector.as_ref().map(fields_of).unwrap_or_default(),
                labels: label_selector.as_ref().map(labels_of).unwrap_or_default(),
            },
            None => Selectors::default(),
        };
        Ok(Self { version, spec, selectors })
    }

    /// The version it was written in and is to be answered in.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Who asks; nothing is added (S-SAR-6).
    #[must_use]
    pub fn identity(&self) -> Identity<'_> {
        let Spec { user, uid, groups, extra, .. } = &self.spec;
        Identity { name: &user.0, uid: &uid.0, groups: &groups.0, extra: &extra.0 }
    }

    /// What is asked. Only the version is defaulted (S-SAR-4).
    #[must_use]
    pub fn attributes(&self) -> Attributes<'_> {
        match (&self.spec.resource_attributes, &self.spec.non_resource_attributes) {
            (Some(resource), _) => Attributes::Resource(ResourceAttributes {
                verb: &resource.verb.0,
                namespace: &resource.namespace.0,
                group: &resource.group.0,
                version: if resource.version.0.is_empty() { "*" } else { &resource.version.0 },
                resource: &resource.resource.0,
                subresource: &resource.subresource.0,
                name: &resource.name.0,
                field_selector: self.selectors.fields.as_selector(),
                label_selector: self.selectors.labels.as_selector(),
            }),
            (None, Some(path)) => Attributes::NonResource(NonResourceAttributes {
                verb: &path.verb.0,
                path: &path.path.0,
            }),
            // Refused when it was read.
            (None, None) => Attributes::NonResource(NonResourceAttributes::default()),
        }
    }

    /// The conditions that the asker understands (S-COND-1), as far as its verb can depend on any
    /// (S-COND-3).
    #[cfg(feature = "conditional-authorization")]
    #[must_use]
    pub fn conditional_mode(&self) -> ConditionalMode {
        self.spec.conditional_authorization.mode.for_verb(self.attributes().verb())
    }

    /// The `evaluationError` of the answer: what the authorizer complained about, then the
    /// selectors that were not understood (S-SAR-14). Empty when all went well.
    #[must_use]
    pub fn evaluation_error(&self, authorizer_error: Option<&str>) -> String {
        self.selectors.evaluation_error(authorizer_error)
    }
}

/// Why a review that asks nothing, or two things, is refused: in the words of validation.
#[cold]
fn refusal(json: &[u8]) -> ReviewError {
    match Review::from_json(json) {
        Ok(Review::Access(review)) => match review.validate() {
            Err(errors) => ReviewError::Invalid(errors),
            // Validation refuses what is refused here; were it ever not so, it fails closed.
            Ok(()) => ReviewError::Invalid(Default::default()),
        },
        Ok(Review::Rules(_)) => ReviewError::Kind("SelfSubjectRulesReview".to_owned()),
        Err(error) => error,
    }
}

impl Identity<'_> {
    /// The same as a value of its own.
    #[must_use]
    pub fn to_user(&self) -> User {
        let mut user = User::default();
        self.write_to(&mut user);
        user
    }

    /// The groups, in order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &str> {
        self.groups.iter().map(|group| &*group.0)
    }

    /// Bytes and number of all extra values, keys included.
    #[must_use]
    pub fn extra_size(&self) -> usize {
        let bytes = |texts: &Texts<'_>| texts.0.iter().map(|text| 1 + text.0.len()).sum::<usize>();
        self.extra.iter().map(|(key, values)| 1 + key.0.len() + bytes(values)).sum()
    }

    /// Makes `user` the same, whoever it was before, in the room that it has: a server that answers
    /// one review after the other allocates nothing for those who ask.
    pub fn write_to(&self, user: &mut User) {
        rewrite(&mut user.name, self.name);
        rewrite(&mut user.uid, self.uid);
        rewrite_all(&mut user.groups, self.groups);
        let same_keys = user.extra.len() == self.extra.len()
            && user.extra.keys().zip(self.extra).all(|(own, (key, _))| *own == key.0);
        if same_keys {
            for (own, (_, values)) in user.extra.values_mut().zip(self.extra) {
                rewrite_all(own, &values.0);
            }
        } else {
            let owned = |(key, values): &(Text<'_>, Texts<'_>)| {
                let mut own = Vec::new();
                rewrite_all(&mut own, &values.0);
                (key.0.to_string(), own)
            };
            user.extra = self.extra.iter().map(owned).collect();
        }
    }
}

fn rewrite(own: &mut String, text: &str) {
    own.clear();
    own.push_str(text);
}

fn rewrite_all(own: &mut Vec<String>, texts: &[Text<'_>]) {
    own.resize_with(texts.len(), String::new);
    for (own, text) in own.iter_mut().zip(texts) {
        rewrite(own, &text.0);
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, rename = "SubjectAccessReview")]
struct Body<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    api_version: Text<'a>,
    #[serde(borrow, deserialize_with = "null::optional")]
    spec: Option<Spec<'a>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default, rename = "SubjectAccessReviewSpec")]
struct Spec<'a> {
    #[serde(borrow, deserialize_with = "null::optional")]
    resource_attributes: Option<Resource<'a>>,
    #[serde(borrow, deserialize_with = "null::optional")]
    non_resource_attributes: Option<Path<'a>>,
    #[serde(borrow)]
    user: Text<'a>,
    #[serde(borrow)]
    groups: Texts<'a>,
    // The spelling of `v1beta1` (S-SAR-2).
    #[serde(borrow)]
    group: Texts<'a>,
    #[serde(borrow)]
    extra: Extra<'a>,
    #[serde(borrow)]
    uid: Text<'a>,
    #[cfg(feature = "conditional-authorization")]
    conditional_authorization: ConditionalAuthorization,
}

#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", default, rename = "ResourceAttributes")]
struct Resource<'a> {
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    verb: Text<'a>,
    #[serde(borrow)]
    group: Text<'a>,
    #[serde(borrow)]
    version: Text<'a>,
    #[serde(borrow)]
    resource: Text<'a>,
    #[serde(borrow)]
    subresource: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    // Rare, and parsed at once: nothing would be gained by borrowing.
    #[serde(deserialize_with = "null::optional")]
    field_selector: Option<FieldSelectorAttributes>,
    #[serde(deserialize_with = "null::optional")]
    label_selector: Option<LabelSelectorAttributes>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default, rename = "NonResourceAttributes")]
struct Path<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow)]
    verb: Text<'a>,
}

/// A list of strings; `null` is the empty one.
#[derive(Debug, Default)]
struct Texts<'a>(Vec<Text<'a>>);

/// Extra values, sorted by key; of a key that is there twice the last counts.
#[derive(Debug, Default)]
struct Extra<'a>(Vec<(Text<'a>, Texts<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<Vec<Text<'a>>>::deserialize(deserializer)?.unwrap_or_default()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Extra<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<Pairs<'a>>::deserialize(deserializer)?.unwrap_or_default().0))
    }
}

/// [`Extra`] that is there.
#[derive(Default)]
struct Pairs<'a>(Vec<(Text<'a>, Texts<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs: Vec<(Text<'de>, Texts<'de>)> = Vec::new();
                let mut is_sorted = true;
                while let Some((key, values)) = map.next_entry::<Text<'de>, Texts<'de>>()? {
                    is_sorted = is_sorted && pairs.last().is_none_or(|(last, _)| *last < key);
                    pairs.push((key, values));
                }
                // The API server writes maps sorted. Anybody else's are sorted once, at the end:
                // a place found for each key in turn would take a hostile map minutes.
                if !is_sorted {
                    pairs.reverse();
                    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
                    pairs.dedup_by(|(later, _), (first, _)| later == first);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

#[cfg(test)]
mod tests;
