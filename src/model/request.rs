use super::{FieldRequirement, LabelRequirement, Selector, User};

/// One question: may this user do this?
///
/// Borrows everything, so asking costs no allocation.
///
/// ```
/// use portcullis::model::{Request, ResourceAttributes, User};
///
/// let user = User::new("jane");
/// let request = Request::resource(&user, ResourceAttributes::new("get", "pods").in_namespace("ns"));
/// assert_eq!(request.attributes.verb(), "get");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub user: &'a User,
    /// What is asked.
    pub attributes: Attributes<'a>,
}

impl<'a> Request<'a> {
    /// A question about a resource.
    #[must_use]
    pub const fn resource(user: &'a User, attributes: ResourceAttributes<'a>) -> Self {
        Self { user, attributes: Attributes::Resource(attributes) }
    }

    /// A question about a path that is not a resource.
    #[must_use]
    pub const fn non_resource(user: &'a User, verb: &'a str, path: &'a str) -> Self {
        let attributes = NonResourceAttributes { verb, path };
        Self { user, attributes: Attributes::NonResource(attributes) }
    }
}

/// What is asked, without who asks (S-ATTR-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attributes<'a> {
    /// An object or collection of the API.
    Resource(ResourceAttributes<'a>),
    /// A path outside it, such as `/healthz`.
    NonResource(NonResourceAttributes<'a>),
}

impl<'a> Attributes<'a> {
    /// The verb of either kind.
    #[must_use]
    pub const fn verb(&self) -> &'a str {
        match self {
            Self::Resource(resource) => resource.verb,
            Self::NonResource(path) => path.verb,
        }
    }

    /// The namespace; empty for cluster scope and for paths (S-SAR-7).
    #[must_use]
    pub const fn namespace(&self) -> &'a str {
        match self {
            Self::Resource(resource) => resource.namespace,
            Self::NonResource(_) => "",
        }
    }

    /// The name of the object; empty when none is named, and for paths (S-SAR-7).
    #[must_use]
    pub const fn name(&self) -> &'a str {
        match self {
            Self::Resource(resource) => resource.name,
            Self::NonResource(_) => "",
        }
    }

    /// Whether the verb only reads: exactly `get`, `list` or `watch` (S-ATTR-11).
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self.verb(), "get" | "list" | "watch")
    }
}

/// A question about a resource. Empty strings mean what they mean to the API server: the core
/// group, cluster scope, no subresource, no name (S-SAR-4, S-SAR-5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceAttributes<'a> {
    /// `get`, `list`, …; matched exactly.
    pub verb: &'a str,
    /// Empty for cluster scope.
    pub namespace: &'a str,
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The API version; no built-in authorizer consults it (S-RBAC-4).
    pub version: &'a str,
    /// The plural resource name.
    pub resource: &'a str,
    /// Empty when the resource itself is meant.
    pub subresource: &'a str,
    /// Empty when the request names no object.
    pub name: &'a str,
    /// Field selector of `list`, `watch` and `deletecollection`.
    pub field_selector: Selector<'a, FieldRequirement>,
    /// Label selector of the same verbs.
    pub label_selector: Selector<'a, LabelRequirement>,
}

impl<'a> ResourceAttributes<'a> {
    /// A verb on a resource of the core group, at cluster scope.
    #[must_use]
    pub fn new(verb: &'a str, resource: &'a str) -> Self {
        Self { verb, resource, ..Self::default() }
    }

    /// In this API group.
    #[must_use]
    pub const fn in_group(mut self, group: &'a str) -> Self {
        self.group = group;
        self
    }

    /// In this namespace.
    #[must_use]
    pub const fn in_namespace(mut self, namespace: &'a str) -> Self {
        self.namespace = namespace;
        self
    }

    /// On this object.
    #[must_use]
    pub const fn named(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    /// On this subresource.
    #[must_use]
    pub const fn with_subresource(mut self, subresource: &'a str) -> Self {
        self.subresource = subresource;
        self
    }
}

/// A question about a path that is not a resource; everything else is empty (S-SAR-7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NonResourceAttributes<'a> {
    /// The lower-cased HTTP method.
    pub verb: &'a str,
    /// The path, with trailing slashes as they were sent.
    pub path: &'a str,
}
