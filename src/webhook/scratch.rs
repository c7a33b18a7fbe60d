use std::cell::RefCell;

use crate::api::authorization::Identity;
use crate::model::User;

thread_local! {
    static USER: RefCell<User> = RefCell::default();
}

/// More than this is given back: one giant must not hold a thread's memory for ever.
const KEPT_GROUPS: usize = 128;
const KEPT_EXTRA_BYTES: usize = 4 << 10;

/// Lends the user that an identity names, in memory that this thread used for the review before.
// PERF: a cache of users that were seen was slower: to be sure that a user is the same it compares
// every group, and the strings of one among thousands are in no processor cache, while those
// written here stay in the nearest.
pub(super) fn with_user<T>(identity: Identity<'_>, run: impl FnOnce(&User) -> T) -> T {
    // Taken out, so that whoever calls this within `run`, or after it panicked, starts with an empty
    // one.
    let mut user = USER.take();
    identity.write_to(&mut user);
    let result = run(&user);
    if identity.groups().len() <= KEPT_GROUPS && identity.extra_size() <= KEPT_EXTRA_BYTES {
        USER.set(user);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::authorization::IncomingReview;

    fn body(user: &str, groups: usize) -> String {
        let groups: Vec<String> = (0..groups).map(|number| format!(r#""g{number}""#)).collect();
        format!(
            r#"{{"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
                "spec": {{"user": "{user}", "groups": [{}], "nonResourceAttributes": {{}}}}}}"#,
            groups.join(",")
        )
    }

    fn lend<T>(body: &str, run: impl FnOnce(&User) -> T) -> T {
        with_user(IncomingReview::from_json(body.as_bytes()).unwrap().identity(), run)
    }

    #[test]
    fn each_review_has_its_own_user_also_within_another_and_after_a_panic() {
        let (jane, kim) = (body("jane", 3), body("kim", 1));
        lend(&jane, |outer| {
            lend(&kim, |inner| assert_eq!((inner.name.as_str(), inner.groups.len()), ("kim", 1)));
            assert_eq!((outer.name.as_str(), outer.groups.len()), ("jane", 3));
        });
        let panicked = std::panic::catch_unwind(|| lend(&jane, |_| panic!("expected")));
        assert!(panicked.is_err());
        lend(&kim, |user| assert_eq!(user, &User::new("kim").with_groups(["g0"])));
    }

    #[test]
    fn a_giant_is_not_kept() {
        lend(&body("giant", 1000), |user| assert_eq!(user.groups.len(), 1000));
        USER.with_borrow(|kept| assert_eq!(kept.groups.capacity(), 0));
        lend(&body("jane", 2), |_| ());
        USER.with_borrow(|kept| assert_eq!(kept.groups.len(), 2));
    }
}
