//! Questions about a world, owned, with their answers.

use portcullis::api::Str;
use portcullis::model::{Attributes, NonResourceAttributes, Request, ResourceAttributes, User};

/// What kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// A service account with the three groups of its token: most of a cluster's requests.
    ServiceAccount,
    /// A person with 5 to 20 groups, most of which no policy mentions.
    Person,
    /// Paths that are not resources, and whatever the anonymous user tries.
    Path,
    /// Nobody: who can do this?
    WhoCan,
}

impl Class {
    /// Every class.
    pub(crate) const ALL: [Self; 4] =
        [Self::ServiceAccount, Self::Person, Self::Path, Self::WhoCan];

    /// The name in benchmark ids.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ServiceAccount => "service-account",
            Self::Person => "person",
            Self::Path => "path",
            Self::WhoCan => "who-can",
        }
    }
}

/// One question with its answer.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// Its class.
    pub(crate) class: Class,
    /// Who asks; empty for [`Class::WhoCan`].
    pub(crate) user: User,
    /// What is asked.
    pub(crate) asked: Asked,
    /// Whether RBAC allows it, by the reference; for [`Class::WhoCan`] whether it was made from a
    /// grant, so that somebody can.
    pub(crate) allowed: bool,
}

/// What is asked, owned.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// The verb.
    pub(crate) verb: Str,
    /// The path; empty when a resource is asked for.
    pub(crate) path: Str,
    /// Empty for cluster scope.
    pub(crate) namespace: Str,
    /// Empty for the core group.
    pub(crate) group: Str,
    /// The resource.
    pub(crate) resource: Str,
    /// Often empty.
    pub(crate) subresource: Str,
    /// Empty for collections.
    pub(crate) name: Str,
}

impl Asked {
    /// As the engine takes it.
    pub(crate) fn attributes(&self) -> Attributes<'_> {
        if !self.path.is_empty() {
            return Attributes::NonResource(NonResourceAttributes {
                verb: &self.verb,
                path: &self.path,
            });
        }
        Attributes::Resource(
            ResourceAttributes::new(&self.verb, &self.resource)
                .in_group(&self.group)
                .in_namespace(&self.namespace)
                .with_subresource(&self.subresource)
                .named(&self.name),
        )
    }
}

impl Query {
    /// Reads every text of the question, as parsing it would.
    pub(crate) fn read_over(&self) -> usize {
        let read = |text: &str| text.bytes().map(usize::from).sum::<usize>();
        let request = self.request();
        let user = read(&request.user.name)
            + request.user.groups.iter().map(|group| read(group)).sum::<usize>();
        user + read(request.attributes.verb())
            + match &request.attributes {
                Attributes::Resource(asked) => {
                    read(asked.namespace)
                        + read(asked.group)
                        + read(asked.resource)
                        + read(asked.subresource)
                        + read(asked.name)
                }
                Attributes::NonResource(asked) => read(asked.path),
            }
    }

    /// As the engine takes it.
    pub(crate) fn request(&self) -> Request<'_> {
        Request { user: &self.user, attributes: self.asked.attributes() }
    }
}

/// Paths that clients ask for; the default policy opens about half of them to everybody.
pub(crate) const PATHS: [&str; 16] = [
    "/healthz",
    "/livez",
    "/readyz",
    "/livez/etcd",
    "/version",
    "/version/",
    "/metrics",
    "/api",
    "/apis",
    "/apis/apps/v1",
    "/openapi/v2",
    "/openapi/v3/apis/batch/v1",
    "/debug/pprof/heap",
    "/logs/kubelet.log",
    "/.well-known/openid-configuration",
    "/metrics/cadvisor",
];
