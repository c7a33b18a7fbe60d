use crate::authn::Authenticated;
use crate::model::{User, groups, names};

/// Whether requests without credentials have a user, and on which paths (S-ANON-1, S-ANON-2).
///
/// ```
/// use portcullis::authn::request::Anonymous;
///
/// let probes = Anonymous::on_paths(["/healthz", "/livez"]);
/// assert_eq!(probes.user("/livez", &[]).unwrap().user.name, "system:anonymous");
/// assert!(probes.user("/livez/etcd", &[]).is_none());
/// assert!(Anonymous::everywhere().user("/api", &[]).is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymous {
    /// `None` for all.
    paths: Option<Vec<String>>,
}

impl Anonymous {
    /// The name in logs and metrics.
    pub const NAME: &'static str = "anonymous";

    /// On every path.
    #[must_use]
    pub const fn everywhere() -> Self {
        Self { paths: None }
    }

    /// On exactly these paths, byte for byte, without patterns. No paths at all mean every path, as
    /// empty `conditions` do for the API server (S-ANON-2).
    #[must_use]
    pub fn on_paths<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        let paths: Vec<String> = paths.into_iter().map(Into::into).collect();
        Self { paths: (!paths.is_empty()).then_some(paths) }
    }

    /// The anonymous user, if this path has one. `path` is the decoded path of the URL without its
    /// query. The audiences asked for are those reported.
    #[must_use]
    pub fn user(&self, path: &str, audiences: &[String]) -> Option<Authenticated> {
        if self.paths.as_ref().is_some_and(|paths| !paths.iter().any(|known| known == path)) {
            return None;
        }
        Some(Authenticated {
            user: User::new(names::ANONYMOUS).with_groups([groups::UNAUTHENTICATED]),
            audiences: audiences.to_vec(),
            expires: None,
        })
    }
}
