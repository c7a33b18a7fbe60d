use std::collections::HashSet;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::credential_id::{CredentialId, Digits, prefix_of};
use super::shards::{Hashed, Shards};
use super::{PresentedCertificate, Revocation, RevocationEntry, Revoked, RevokedBy};
use crate::model::{CREDENTIAL_ID, Fingerprint, User};

/// A revocation list: immutable, cheap to clone, cheap to extend into a new one. See the module for
/// what it refuses.
///
/// ```
/// use portcullis::model::{Revocation, RevocationEntry, Revocations, User};
///
/// let what = Revocation::User { name: "jane".to_owned(), issued_before: 1_795_680_000 };
/// let entry = RevocationEntry { what, at: 0, reason: String::new(), by: String::new() };
/// let list = Revocations::default();
/// let longer = list.extended([entry]);
/// assert_eq!((list.len(), longer.len()), (0, 1));
/// // Nothing says that this jane came with a certificate.
/// assert!(longer.of_user(&User::new("jane")).is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    pub(super) certificates: Shards<Certificate>,
    pub(super) serials: Shards<Serial>,
    pub(super) tokens: Shards<Token>,
    pub(super) users: Shards<Named>,
    pub(super) groups: Shards<Named>,
    hasher: DefaultHashBuilder,
}

/// What an entry says beside whom it means.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) at: i64,
    // Shared, since one reason often stands in many entries.
    pub(super) reason: Arc<str>,
}

#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) fingerprint: Fingerprint,
    pub(super) revoked: Option<Statement>,
    /// When it was issued, if an entry says so: the latest.
    pub(super) issued: Option<i64>,
}

#[derive(Debug, Clone)]
pub(super) struct Serial {
    pub(super) hash: u64,
    pub(super) issuer: Arc<[u8]>,
    pub(super) serial: Box<[u8]>,
    pub(super) revoked: Statement,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) hash: u64,
    pub(super) id: Box<str>,
    pub(super) revoked: Statement,
}

/// A user or a group. Of several entries the one with the latest time refuses whatever another does.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) hash: u64,
    pub(super) name: Box<str>,
    pub(super) issued_before: i64,
    pub(super) revoked: Statement,
}

impl Hashed for Certificate {
    fn hash(&self) -> u64 {
        prefix_of(&self.fingerprint)
    }
}

impl Hashed for Serial {
    fn hash(&self) -> u64 {
        self.hash
    }
}

impl Hashed for Token {
    fn hash(&self) -> u64 {
        self.hash
    }
}

impl Hashed for Named {
    fn hash(&self) -> u64 {
        self.hash
    }
}

impl Revocations {
    /// How many certificates, serial numbers, tokens, users and groups it names. Several entries about one
    /// of them count once.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.certificates.len()
            + self.serials.len()
            + self.tokens.len()
            + self.users.len()
            + self.groups.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A new list of these entries and more. What it costs depends on how many are added, hardly on
    /// how many there are.
    #[must_use]
    pub fn extended(&self, entries: impl IntoIterator<Item = RevocationEntry>) -> Self {
        let mut longer = self.clone();
        longer.extend(entries);
        longer
    }

    /// Whether the certificate or the token that proved a user is revoked: what an authorizer asks.
    /// `None` as well for users whom neither proved (S-X509-6).
    #[must_use]
    pub fn of_user<'a>(&'a self, user: &'a User) -> Option<Revoked<'a>> {
        self.of_credential_ids(user.extra.get(CREDENTIAL_ID)?, user)
    }

    /// The same for those who hold the user's credential ids already.
    pub(crate) fn of_credential_ids<'a>(
        &'a self,
        ids: &'a [String],
        user: &User,
    ) -> Option<Revoked<'a>> {
        ids.iter().find_map(|id| match CredentialId::of(id) {
            CredentialId::Other => None,
            CredentialId::Token(id) => self.of_token_id(id),
            CredentialId::Unreadable => {
                Some(Revoked { by: RevokedBy::Unreadable(id), at: 0, reason: "" })
            }
            CredentialId::Certificate(digits) => self.of_digits(&digits, user),
        })
    }

    fn of_digits<'a>(&'a self, digits: &Digits<'_>, user: &User) -> Option<Revoked<'a>> {
        let certificate =
            self.certificates.find(digits.prefix(), |one| digits.are(&one.fingerprint));
        if let Some(revoked) = certificate.and_then(Certificate::revoked) {
            return Some(revoked);
        }
        let issued = certificate.and_then(|one| one.issued);
        self.of_names(&user.name, &user.groups, issued)
    }

    /// Whether the list names the token with this id.
    #[must_use]
    pub fn of_token_id(&self, id: &str) -> Option<Revoked<'_>> {
        if self.tokens.is_empty() {
            return None;
        }
        let found = self.tokens.find(self.hasher.hash_one(id), |one| *one.id == *id)?;
        Some(found.revoked.refuses(RevokedBy::Token(&found.id)))
    }

    /// Whether a token of ours is revoked: what whoever verifies one asks. `issued_at` in seconds since
    /// 1970-01-01 UTC.
    #[must_use]
    pub fn of_token(&self, id: &str, user: &User, issued_at: i64) -> Option<Revoked<'_>> {
        self.of_token_id(id).or_else(|| self.of_names(&user.name, &user.groups, Some(issued_at)))
    }

    /// Whether a certificate is revoked: what whoever verifies one asks.
    #[must_use]
    pub fn of_certificate(&self, presented: &PresentedCertificate<'_>) -> Option<Revoked<'_>> {
        let fingerprint = &presented.fingerprint;
        let certificate =
            self.certificates.find(prefix_of(fingerprint), |one| one.fingerprint == *fingerprint);
        if let Some(revoked) = certificate.and_then(Certificate::revoked) {
            return Some(revoked);
        }
        if !self.serials.is_empty() {
            let hash = self.hasher.hash_one((presented.issuer, presented.serial));
            let is = |one: &Serial| one.is(presented.issuer, presented.serial);
            if let Some(found) = self.serials.find(hash, is) {
                let by = RevokedBy::Serial(&found.serial);
                return Some(found.revoked.refuses(by));
            }
        }
        let issued = certificate.and_then(|one| one.issued);
        let issued = issued.map_or(presented.not_before, |at| at.max(presented.not_before));
        self.of_names(presented.user, presented.groups, Some(issued))
    }

    /// Whether the list names this certificate. Entries for users and groups are not looked at, so
    /// what it does not name may be revoked all the same: for other forms of one that
    /// [`of_certificate`](Self::of_certificate) was asked about.
    #[must_use]
    pub fn of_fingerprint(&self, fingerprint: &Fingerprint) -> Option<Revoked<'_>> {
        let is = |one: &Certificate| one.fingerprint == *fingerprint;
        self.certificates.find(prefix_of(fingerprint), is)?.revoked()
    }

    fn of_names(&self, user: &str, groups: &[String], issued: Option<i64>) -> Option<Revoked<'_>> {
        let is_late = |named: &&Named| issued.is_none_or(|at| at < named.issued_before);
        if !self.users.is_empty()
            && let Some(found) = self.named(&self.users, user).filter(is_late)
        {
            let (name, issued_before) = (&*found.name, found.issued_before);
            return Some(found.revoked.refuses(RevokedBy::User { name, issued_before }));
        }
        if self.groups.is_empty() {
            return None;
        }
        let found =
            groups.iter().find_map(|group| self.named(&self.groups, group).filter(is_late))?;
        let (name, issued_before) = (&*found.name, found.issued_before);
        Some(found.revoked.refuses(RevokedBy::Group { name, issued_before }))
    }

    fn named<'a>(&'a self, among: &'a Shards<Named>, name: &str) -> Option<&'a Named> {
        among.find(self.hasher.hash_one(name), |one| *one.name == *name)
    }
}

impl FromIterator<RevocationEntry> for Revocations {
    fn from_iter<I: IntoIterator<Item = RevocationEntry>>(entries: I) -> Self {
        let mut list = Self::default();
        list.extend(entries);
        list
    }
}

impl Extend<RevocationEntry> for Revocations {
    fn extend<I: IntoIterator<Item = RevocationEntry>>(&mut self, entries: I) {
        let mut known = Known::default();
        for entry in entries {
            self.add(entry, &mut known);
        }
    }
}

/// What entries of one batch have in common is held once.
#[derive(Default)]
struct Known {
    reasons: HashSet<Arc<str>>,
    issuers: HashSet<Arc<[u8]>>,
}

/// Gives the one that is held already, or holds this one.
fn share<T: ?Sized + Hash + Eq>(held: &mut HashSet<Arc<T>>, new: &T) -> Arc<T>
where
    Arc<T>: for<'a> From<&'a T>,
{
    if let Some(known) = held.get(new) {
        return Arc::clone(known);
    }
    let new: Arc<T> = Arc::from(new);
    held.insert(Arc::clone(&new));
    new
}

impl Revocations {
    fn add(&mut self, entry: RevocationEntry, known: &mut Known) {
        let RevocationEntry { what, at, reason, by: _ } = entry;
        let revoked = Statement { at, reason: share(&mut known.reasons, &*reason) };
        match what {
            Revocation::Certificate { fingerprint } => self.certificates.upsert(
                prefix_of(&fingerprint),
                |one| one.fingerprint == fingerprint,
                |one| one.revoked = Some(earlier(one.revoked.take(), revoked.clone())),
                || Certificate { fingerprint, revoked: Some(revoked.clone()), issued: None },
            ),
            Revocation::Issued { fingerprint, at } => self.certificates.upsert(
                prefix_of(&fingerprint),
                |one| one.fingerprint == fingerprint,
                |one| one.issued = one.issued.max(Some(at)),
                || Certificate { fingerprint, revoked: None, issued: Some(at) },
            ),
            Revocation::Serial { issuer, serial } => {
                let hash = self.hasher.hash_one((&*issuer, &*serial));
                let issuer = share(&mut known.issuers, &*issuer);
                self.serials.upsert(
                    hash,
                    |one| one.is(&issuer, &serial),
                    |one| one.revoked = earlier(Some(one.revoked.clone()), revoked.clone()),
                    || Serial {
                        hash,
                        issuer: Arc::clone(&issuer),
                        serial: serial.clone(),
                        revoked: revoked.clone(),
                    },
                );
            }
            Revocation::Token { id } => {
                let hash = self.hasher.hash_one(&*id);
                self.tokens.upsert(
                    hash,
                    |one| *one.id == *id,
                    |one| one.revoked = earlier(Some(one.revoked.clone()), revoked.clone()),
                    || Token { hash, id: id.clone(), revoked: revoked.clone() },
                );
            }
            Revocation::User { name, issued_before } => {
                let hash = self.hasher.hash_one(&*name);
                self.users.name(hash, name, issued_before, revoked);
            }
            Revocation::Group { name, issued_before } => {
                let hash = self.hasher.hash_one(&*name);
                self.groups.name(hash, name, issued_before, revoked);
            }
        }
    }
}

impl Shards<Named> {
    fn name(&mut self, hash: u64, name: String, issued_before: i64, revoked: Statement) {
        let change = |one: &mut Named| {
            // Later times refuse more. Of two that refuse the same, whoever spoke first is named.
            let (new, held) = (
                (issued_before, -i128::from(revoked.at)),
                (one.issued_before, -i128::from(one.revoked.at)),
            );
            if new > held {
                one.issued_before = issued_before;
                one.revoked = revoked.clone();
            }
        };
        let make =
            || Named { hash, name: name.as_str().into(), issued_before, revoked: revoked.clone() };
        self.upsert(hash, |one| *one.name == *name, change, make);
    }
}

/// The statement that was made first.
fn earlier(held: Option<Statement>, new: Statement) -> Statement {
    match held {
        Some(held) if held.at <= new.at => held,
        _ => new,
    }
}

impl Certificate {
    fn revoked(&self) -> Option<Revoked<'_>> {
        Some(self.revoked.as_ref()?.refuses(RevokedBy::Certificate(self.fingerprint)))
    }
}

impl Serial {
    fn is(&self, issuer: &[u8], serial: &[u8]) -> bool {
        *self.serial == *serial && *self.issuer == *issuer
    }
}

impl Statement {
    fn refuses<'a>(&'a self, by: RevokedBy<'a>) -> Revoked<'a> {
        Revoked { by, at: self.at, reason: &self.reason }
    }
}
