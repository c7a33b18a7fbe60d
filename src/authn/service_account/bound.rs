use std::sync::Arc;

use super::claims::{Claims, Reference};
use super::verify::Verifier;
use super::{Notice, Notices, ServiceAccountError, user};
use crate::api::core::{Kind, SharedTokenObjects, TokenObjects};
use crate::api::meta::Uid;
use crate::authn::{
    Answering, Attempt, Authenticated, AuthnError, Keys, TokenAuthenticator, UnixSeconds, ready,
};
use crate::model::User;

/// How far clocks may differ, and how long an object may be in deletion (S-SAJWT-6, S-SAJWT-7).
const LEEWAY: i64 = 60;

/// Whether what bound tokens name is looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BoundObjects {
    /// The service account, and the Secret, pod or node that a token is bound to, must exist. When
    /// the source holds no object of such a kind at all the token is refused too.
    #[default]
    Check,
    /// Nothing is looked up: a token is good until it ends, even when its pod or its service
    /// account was deleted.
    Skip,
}

/// Proves the tokens of the TokenRequest API: those that pods get, and `kubectl create token` makes.
///
/// A token without `exp` is accepted (S-SAJWT-6), and `sub` is not looked at: who it is stands in
/// the private claim (S-SAJWT-9).
pub struct ServiceAccounts {
    verifier: Verifier,
    objects: SharedTokenObjects,
    bound_objects: BoundObjects,
}

impl ServiceAccounts {
    /// Accepts tokens of these issuers, verifies with these keys, looks up in these objects.
    #[must_use]
    pub fn new(
        issuers: impl IntoIterator<Item = String>,
        keys: Arc<dyn Keys>,
        objects: impl Into<SharedTokenObjects>,
    ) -> Self {
        let issuers: Vec<String> = issuers.into_iter().collect();
        let audiences = issuers.clone();
        let verifier = Verifier { issuers, keys, audiences, notices: None };
        Self { verifier, objects: objects.into(), bound_objects: BoundObjects::default() }
    }

    /// The API server's audiences. Default, also for an empty list: the issuers (S-AUTHN-12), since
    /// without any a token for somebody else would do.
    #[must_use]
    pub fn with_audiences(mut self, audiences: impl IntoIterator<Item = String>) -> Self {
        let audiences: Vec<String> = audiences.into_iter().collect();
        if !audiences.is_empty() {
            self.verifier.audiences = audiences;
        }
        self
    }

    /// Whether what tokens name is looked up. Default: yes.
    #[must_use]
    pub const fn with_bound_objects(mut self, bound_objects: BoundObjects) -> Self {
        self.bound_objects = bound_objects;
        self
    }

    /// Tells what is worth counting. Default: nobody.
    #[must_use]
    pub fn with_notices(mut self, notices: Notices) -> Self {
        self.verifier.notices = Some(notices);
        self
    }

    /// Who presents the token; `None` when it is of another issuer.
    ///
    /// # Errors
    /// When it is of one of the issuers and must be refused.
    pub fn check(
        &self,
        attempt: Attempt<'_>,
    ) -> Result<Option<Authenticated>, ServiceAccountError> {
        let Some(verified) = self.verifier.verify(attempt)? else { return Ok(None) };
        let claims = verified.claims();
        let token = Bound::read(claims)?;
        let mut expires = times(claims, attempt.now)?;
        if self.bound_objects == BoundObjects::Check {
            let since = attempt.now.saturating_sub(LEEWAY);
            let deleted = look_up(&self.objects.load(), &token, since)?;
            // The answer must not outlive what it rests on, in a cache neither.
            let ends = deleted.map(|at| at.saturating_add(LEEWAY).saturating_add(1));
            expires = [expires, ends].into_iter().flatten().min();
        }
        if let Some(warn_after) = token.warn_after.filter(|at| *at != 0 && *at < attempt.now) {
            self.verifier.notice(Notice::Stale { seconds: attempt.now.saturating_sub(warn_after) });
        }
        let user = token.into_user();
        Ok(Some(Authenticated { user, audiences: verified.audiences, expires }))
    }
}

impl TokenAuthenticator for ServiceAccounts {
    fn name(&self) -> &str {
        "service-account"
    }

    fn authenticate<'a>(&'a self, attempt: Attempt<'a>) -> Answering<'a> {
        ready(self.check(attempt).map_err(AuthnError::new))
    }
}

/// Whether all that the token names is still there: not deleted before `since`, and the same objects,
/// not later ones of the same name (S-SAJWT-7, S-SAJWT-8). When the first of them began to be deleted,
/// if one did.
fn look_up(
    objects: &TokenObjects,
    token: &Bound<'_>,
    since: UnixSeconds,
) -> Result<Option<UnixSeconds>, ServiceAccountError> {
    let Bound { namespace, account: Reference { name, uid }, .. } = token;
    held(objects, Kind::ServiceAccount)?;
    let account = objects
        .service_account(namespace, name)
        .ok_or_else(|| ServiceAccountError::AccountNotFound((*name).to_owned()))?;
    if account.deletion_timestamp.is_some_and(|at| at < since) {
        let (namespace, name) = ((*namespace).to_owned(), (*name).to_owned());
        return Err(ServiceAccountError::AccountDeleted { namespace, name });
    }
    if account.uid.to_string() != *uid {
        let (actual, claim) = (account.uid.clone(), (*uid).to_owned());
        return Err(ServiceAccountError::AccountUid { actual, claim });
    }
    let mut deleted = [account.deletion_timestamp, None, None];
    let [_, of_secret, of_bound] = &mut deleted;
    if let Some(bound) = &token.secret {
        let found = objects.bound_secret(namespace, bound.name);
        let found = found.map(|secret| (&secret.uid, secret.deletion_timestamp));
        *of_secret = same(objects, Kind::Secret, found, bound, since)?;
    }
    if let Some(bound) = &token.pod {
        let found = objects.pod(namespace, bound.name);
        let found = found.map(|pod| (&pod.uid, pod.deletion_timestamp));
        *of_bound = same(objects, Kind::Pod, found, bound, since)?;
    } else if let Some(bound) = &token.node {
        // The node of a pod is not looked up: the API server wrote down where the pod ran.
        let found = objects.node(bound.name);
        let found = found.map(|node| (&node.uid, node.deletion_timestamp));
        *of_bound = same(objects, Kind::Node, found, bound, since)?;
    }
    Ok(deleted.into_iter().flatten().min())
}

fn held(objects: &TokenObjects, kind: Kind) -> Result<(), ServiceAccountError> {
    match objects.holds(kind) {
        true => Ok(()),
        false => Err(ServiceAccountError::NotHeld(kind)),
    }
}

/// When the object began to be deleted, if it did.
fn same(
    objects: &TokenObjects,
    kind: Kind,
    found: Option<(&Uid, Option<UnixSeconds>)>,
    bound: &Reference<'_>,
    since: UnixSeconds,
) -> Result<Option<UnixSeconds>, ServiceAccountError> {
    held(objects, kind)?;
    let (uid, deleted) = found.ok_or(ServiceAccountError::Invalidated)?;
    if deleted.is_some_and(|at| at < since) {
        return Err(ServiceAccountError::Invalidated);
    }
    // A manifest that no API server has seen has no uid, and must not fit a token without one.
    if uid.is_empty() || uid.to_string() != bound.uid {
        let (actual, claim) = (uid.clone(), bound.uid.to_owned());
        return Err(ServiceAccountError::BoundUid { kind, actual, claim });
    }
    Ok(deleted)
}

/// The first second in which the token is refused, if now is within its time (S-SAJWT-6). The leeway
/// counts: an answer that ended before it would be one answer from the token and another from a
/// cache.
fn times(claims: Claims<'_>, now: UnixSeconds) -> Result<Option<UnixSeconds>, ServiceAccountError> {
    let (begins, ends, issued) = (claims.time("nbf")?, claims.time("exp")?, claims.time("iat")?);
    let (earliest, latest) = (now.saturating_sub(LEEWAY), now.saturating_add(LEEWAY));
    if begins.is_some_and(|begins| latest < begins) {
        return Err(ServiceAccountError::NotValidYet);
    }
    if ends.is_some_and(|ends| earliest > ends) {
        return Err(ServiceAccountError::Expired);
    }
    if issued.is_some_and(|issued| latest < issued) {
        return Err(ServiceAccountError::IssuedInTheFuture);
    }
    Ok(ends.map(|ends| ends.saturating_add(LEEWAY).saturating_add(1)))
}

/// What a bound token names: its private claim, and its id.
struct Bound<'a> {
    namespace: &'a str,
    account: Reference<'a>,
    secret: Option<Reference<'a>>,
    pod: Option<Reference<'a>>,
    node: Option<Reference<'a>>,
    warn_after: Option<UnixSeconds>,
    id: &'a str,
}

impl<'a> Bound<'a> {
    fn read(claims: Claims<'a>) -> Result<Self, ServiceAccountError> {
        let private = claims.object("kubernetes.io")?.ok_or(ServiceAccountError::NoAccount)?;
        let namespace = private.text("namespace")?;
        let account = private
            .reference("serviceaccount")?
            .filter(|account| ![namespace, account.name, account.uid].contains(&""))
            .ok_or(ServiceAccountError::NoAccount)?;
        Ok(Self {
            namespace,
            account,
            secret: private.reference("secret")?,
            pod: private.reference("pod")?,
            node: private.reference("node")?,
            warn_after: private.time("warnafter")?,
            id: claims.text("jti")?,
        })
    }

    /// The user with what else is known about the token (S-SAJWT-10).
    fn into_user(self) -> User {
        let mut user = user(self.namespace, self.account.name, self.account.uid);
        let mut add = |key: &str, value: String| {
            user.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value]);
        };
        if let Some(Reference { name, uid }) = self.pod
            && !name.is_empty()
            && !uid.is_empty()
        {
            add("pod-name", name.to_owned());
            add("pod-uid", uid.to_owned());
        }
        if let Some(Reference { name, uid }) = self.node
            && !name.is_empty()
        {
            add("node-name", name.to_owned());
            if !uid.is_empty() {
                add("node-uid", uid.to_owned());
            }
        }
        if !self.id.is_empty() {
            add("credential-id", format!("JTI={}", self.id));
        }
        user
    }
}
