use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::{Equivalent, Weighter, sync::Cache};

use crate::api::authorization::Identity;
use crate::model::User;

/// Users that were seen, so that a review of a known one builds none anew.
///
/// Bounded by bytes. Holds nothing of any policy, so nothing in it goes stale: whoever differs in
/// one byte of name, uid, groups or extra is somebody else.
#[derive(Debug)]
pub(super) struct Identities {
    known: Cache<Known, Arc<User>, Bytes>,
}

impl Identities {
    /// Room for about `bytes` of users.
    pub(super) fn new(bytes: u64) -> Self {
        // A user with a dozen groups is about a kilobyte; the estimate only sizes the first table.
        let items = usize::try_from(bytes / 1024).unwrap_or(usize::MAX).clamp(16, 16_384);
        Self { known: Cache::with_weighter(items, bytes, Bytes) }
    }

    /// The user of a review.
    pub(super) fn user(&self, identity: Identity<'_>) -> Arc<User> {
        if let Some(user) = self.known.get(&Asked(identity)) {
            return user;
        }
        let user = Arc::new(identity.to_user());
        self.known.insert(Known(Arc::clone(&user)), Arc::clone(&user));
        user
    }

    /// How many are known.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.known.len()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known(Arc<User>);

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Identity::hash_user(&self.0, state);
    }
}

struct Asked<'a>(Identity<'a>);

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash_into(state);
    }
}

impl Equivalent<Known> for Asked<'_> {
    fn equivalent(&self, known: &Known) -> bool {
        self.0.is(&known.0)
    }
}

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Known, Arc<User>> for Bytes {
    fn weight(&self, _: &Known, user: &Arc<User>) -> u64 {
        let texts = |texts: &[String]| texts.iter().map(|text| 24 + text.len()).sum::<usize>();
        let extra = user.extra.iter().map(|(key, values)| 80 + key.len() + texts(values));
        let bytes = 240 + user.name.len() + user.uid.len() + texts(&user.groups);
        u64::try_from(bytes + extra.sum::<usize>()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::authorization::IncomingReview;

    fn body(user: &str, group: &str) -> String {
        format!(
            r#"{{"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
                "spec": {{"user": "{user}", "groups": ["{group}"], "nonResourceAttributes": {{}}}}}}"#
        )
    }

    #[test]
    fn a_known_user_is_shared_and_another_is_not() {
        let identities = Identities::new(1 << 20);
        let ask = |user: &str, group: &str| {
            let body = body(user, group);
            identities.user(IncomingReview::from_json(body.as_bytes()).unwrap().identity())
        };
        let jane = ask("jane", "dev");
        assert!(Arc::ptr_eq(&jane, &ask("jane", "dev")));
        let ops = ask("jane", "ops");
        assert!(!Arc::ptr_eq(&jane, &ops));
        assert_eq!(
            (jane.groups.as_slice(), ops.groups.as_slice()),
            (&["dev".to_owned()][..], &["ops".to_owned()][..])
        );
        assert_eq!(identities.len(), 2);
    }

    #[test]
    fn a_flood_of_users_stays_within_its_bytes() {
        let identities = Identities::new(64 << 10);
        for number in 0..10_000 {
            let body = body(&format!("user-{number}"), "dev");
            identities.user(IncomingReview::from_json(body.as_bytes()).unwrap().identity());
        }
        assert!(identities.len() < 300, "{}", identities.len());
    }
}
