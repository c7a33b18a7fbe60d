use std::sync::Arc;

use crate::authn::{CREDENTIAL_ID, UnixSeconds};
use crate::model::{User, groups};

/// Somebody who proved who they are, now or a while ago.
#[derive(Debug)]
pub(super) struct Proven {
    /// As credentials carry it, see [`as_carried`].
    pub(super) user: User,
    /// The name of the method.
    pub(super) method: Arc<str>,
    /// When it was proved.
    pub(super) since: UnixSeconds,
    /// Until when credentials are renewed; `None` where nobody can be asked whether the user is still
    /// one.
    pub(super) refreshable_until: Option<UnixSeconds>,
    /// When the proof itself ends.
    pub(super) ends: Option<UnixSeconds>,
}

/// A user as credentials carry it: without the id of the credential that proved it, which is another's
/// by then, and without the group that whoever takes the credential adds (S-AUTHN-5).
pub(super) fn as_carried(mut user: User) -> User {
    user.extra.remove(CREDENTIAL_ID);
    user.groups.retain(|group| group != groups::AUTHENTICATED);
    user
}
