use std::collections::BTreeMap;

/// Well-known group names (S-ATTR-2).
pub mod groups {
    /// Members are allowed everything, before any configured authorizer is asked (S-CHAIN-10).
    pub const MASTERS: &str = "system:masters";
    /// Every user who proved an identity.
    pub const AUTHENTICATED: &str = "system:authenticated";
    /// The group of the anonymous user.
    pub const UNAUTHENTICATED: &str = "system:unauthenticated";
    /// Every service account of the cluster.
    pub const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
    /// Every kubelet.
    pub const NODES: &str = "system:nodes";
}

/// Well-known user names and prefixes (S-ATTR-3).
pub mod names {
    /// A request without credentials.
    pub const ANONYMOUS: &str = "system:anonymous";
    /// What the user name of a service account begins with.
    pub const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";
    /// What the user name of a kubelet begins with; the name of its node follows (S-NODE-1).
    pub const NODE_PREFIX: &str = "system:node:";
}

/// Who asks: a name, a uid, groups in order, and extra values (S-ATTR-1).
///
/// Nothing is added implicitly: a user without groups is in no group, not even
/// `system:authenticated` (S-SAR-6). Use [`User::impersonated`] for the groups that
/// `kubectl --as` yields.
///
/// ```
/// use portcullis::model::User;
///
/// let jane = User::new("jane").with_groups(["dev", "system:authenticated"]);
/// assert!(jane.is_member("dev"));
/// assert!(!User::new("jane").is_member("system:authenticated"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The user name; may be empty when groups alone are asked about (S-SAR-11).
    pub name: String,
    /// The uid, informative only.
    pub uid: String,
    /// The groups, in the order they were given.
    pub groups: Vec<String>,
    /// Extra values by key; keys are lower-case in real requests.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user with a name and nothing else.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same user with these groups instead of the ones it had.
    #[must_use]
    pub fn with_groups<G: Into<String>>(mut self, groups: impl IntoIterator<Item = G>) -> Self {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// The service account `namespace/name` with the groups that its token carries.
    ///
    /// ```
    /// use portcullis::model::User;
    ///
    /// let sa = User::service_account("kube-system", "default");
    /// assert_eq!(sa.name, "system:serviceaccount:kube-system:default");
    /// assert_eq!(
    ///     sa.groups,
    ///     ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"]
    /// );
    /// ```
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::new(ServiceAccountName::username(namespace, name)).with_groups([
            groups::SERVICE_ACCOUNTS.to_owned(),
            format!("{}:{namespace}", groups::SERVICE_ACCOUNTS),
            groups::AUTHENTICATED.to_owned(),
        ])
    }

    /// The kubelet of a node, with the groups that its certificate and the API server give it (S-NODE-1).
    ///
    /// ```
    /// use portcullis::model::User;
    ///
    /// let kubelet = User::node("n1");
    /// assert_eq!(kubelet.name, "system:node:n1");
    /// assert_eq!(kubelet.groups, ["system:nodes", "system:authenticated"]);
    /// ```
    #[must_use]
    pub fn node(name: &str) -> Self {
        Self::new(format!("{}{name}", names::NODE_PREFIX))
            .with_groups([groups::NODES, groups::AUTHENTICATED])
    }

    /// The user that impersonation of `name` with `groups` yields (S-IMP-6).
    ///
    /// A service account without explicit groups gets its automatic ones; naming any group drops
    /// them. Then `system:anonymous` gets `system:unauthenticated`, and everybody else
    /// `system:authenticated` unless the list settles that already.
    ///
    /// ```
    /// use portcullis::model::User;
    ///
    /// let sa = User::impersonated("system:serviceaccount:ns:app", Vec::<String>::new());
    /// assert_eq!(sa, User::service_account("ns", "app"));
    /// let named = User::impersonated("system:serviceaccount:ns:app", ["dev"]);
    /// assert_eq!(named.groups, ["dev", "system:authenticated"]);
    /// ```
    #[must_use]
    pub fn impersonated<G: Into<String>>(
        name: impl Into<String>,
        groups: impl IntoIterator<Item = G>,
    ) -> Self {
        let mut user = Self::new(name).with_groups(groups);
        if user.groups.is_empty()
            && let Ok(account) = ServiceAccountName::parse(&user.name)
        {
            let namespace_group = format!("{}:{}", groups::SERVICE_ACCOUNTS, account.namespace);
            user.groups = vec![groups::SERVICE_ACCOUNTS.to_owned(), namespace_group];
        }
        if user.name == names::ANONYMOUS {
            if !user.is_member(groups::UNAUTHENTICATED) {
                user.groups.push(groups::UNAUTHENTICATED.to_owned());
            }
        } else if !user.is_member(groups::AUTHENTICATED) && !user.is_member(groups::UNAUTHENTICATED)
        {
            user.groups.push(groups::AUTHENTICATED.to_owned());
        }
        user
    }

    /// Whether `group` is among the groups, byte for byte.
    #[must_use]
    pub fn is_member(&self, group: &str) -> bool {
        self.groups.iter().any(|held| held == group)
    }
}

/// The namespace and name in a service account's user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceAccountName<'a> {
    /// The namespace, a DNS-1123 label.
    pub namespace: &'a str,
    /// The name, a DNS-1123 subdomain.
    pub name: &'a str,
}

/// The user name is not that of a service account (S-ATTR-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Username must be in the form system:serviceaccount:namespace:name")]
pub struct ServiceAccountNameError;

impl<'a> ServiceAccountName<'a> {
    /// Splits and validates a user name (S-ATTR-5).
    ///
    /// # Errors
    /// When the prefix is missing, the rest is not two parts, or a part is not a legal name.
    pub fn parse(username: &'a str) -> Result<Self, ServiceAccountNameError> {
        let rest =
            username.strip_prefix(names::SERVICE_ACCOUNT_PREFIX).ok_or(ServiceAccountNameError)?;
        let (namespace, name) = rest.split_once(':').ok_or(ServiceAccountNameError)?;
        if name.contains(':') || !is_dns1123_label(namespace) || !is_dns1123_subdomain(name) {
            return Err(ServiceAccountNameError);
        }
        Ok(Self { namespace, name })
    }

    /// The user name of the service account `namespace/name`, not validated.
    #[must_use]
    pub fn username(namespace: &str, name: &str) -> String {
        format!("{}{namespace}:{name}", names::SERVICE_ACCOUNT_PREFIX)
    }

    /// Whether `username` is, byte for byte, that of `namespace/name`. Unlike [`Self::parse`] this
    /// validates nothing, as RBAC's subject match does not (S-ATTR-6, S-RBAC-16).
    #[must_use]
    pub fn is_username_of(username: &str, namespace: &str, name: &str) -> bool {
        username
            .strip_prefix(names::SERVICE_ACCOUNT_PREFIX)
            .and_then(|rest| rest.strip_prefix(namespace))
            .and_then(|rest| rest.strip_prefix(':'))
            .is_some_and(|rest| rest == name)
    }
}

/// RFC 1123 label: up to 63 of `[a-z0-9-]`, beginning and ending with a letter or digit.
fn is_dns1123_label(text: &str) -> bool {
    text.len() <= 63 && is_label_text(text)
}

/// RFC 1123 subdomain: up to 253 characters, labels joined by dots (each of any length, as the
/// API server's pattern has it).
fn is_dns1123_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label_text)
}

fn is_label_text(text: &str) -> bool {
    let is_alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.as_bytes().first().is_some_and(is_alphanumeric)
        && text.as_bytes().last().is_some_and(is_alphanumeric)
        && text.bytes().all(|byte| is_alphanumeric(&byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_name_is_split_and_its_twin_with_a_bad_part_is_refused() {
        let ok = ServiceAccountName::parse("system:serviceaccount:ns:a.b").unwrap();
        assert_eq!((ok.namespace, ok.name), ("ns", "a.b"));
        for bad in [
            "system:serviceaccount:ns",
            "system:serviceaccount::a",
            "system:serviceaccount:ns:",
            "system:serviceaccount:ns:a:b",
            "system:serviceaccount:NS:a",
            "system:serviceaccount:n.s:a",
            "ns:a",
        ] {
            assert_eq!(ServiceAccountName::parse(bad), Err(ServiceAccountNameError), "{bad}");
        }
    }

    #[test]
    fn the_literal_match_validates_nothing() {
        assert!(ServiceAccountName::is_username_of("system:serviceaccount::", "", ""));
        assert!(ServiceAccountName::is_username_of("system:serviceaccount:a:b:c", "a:b", "c"));
        assert!(!ServiceAccountName::is_username_of("system:serviceaccount:a:b", "a", "bc"));
    }

    #[test]
    fn anonymous_is_not_authenticated() {
        let user = User::impersonated(names::ANONYMOUS, Vec::<String>::new());
        assert_eq!(user.groups, [groups::UNAUTHENTICATED]);
    }
}
