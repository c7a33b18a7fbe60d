//! Two lists that count together.

use super::set::{Certificate, Named, Serial, Statement, Token};
use super::{Revocation, RevocationEntry, Revocations};

impl Revocations {
    /// What either list refuses. What it costs depends on how long the shorter one is.
    ///
    /// ```
    /// use portcullis::model::{Revocation, RevocationEntry, Revocations};
    ///
    /// let of = |name: &str| {
    ///     let what = Revocation::User { name: name.to_owned(), issued_before: 1 };
    ///     let entry = RevocationEntry { what, at: 0, reason: String::new(), by: String::new() };
    ///     [entry].into_iter().collect::<Revocations>()
    /// };
    /// assert_eq!(of("jane").union(&of("joe")).len(), 2);
    /// assert_eq!(of("jane").union(&of("jane")).len(), 1);
    /// ```
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let (longer, shorter) =
            if self.len() >= other.len() { (self, other) } else { (other, self) };
        longer.extended(shorter.entries())
    }

    /// Entries that say the same as this list. Who said something is not kept.
    fn entries(&self) -> impl Iterator<Item = RevocationEntry> {
        let certificates = self.certificates.iter().flat_map(Certificate::entries);
        let serials = self.serials.iter().map(Serial::entry);
        let tokens = self.tokens.iter().map(Token::entry);
        let users = self.users.iter().map(|named| {
            let Named { name, issued_before, .. } = named;
            let (name, issued_before) = (name.clone().into_string(), *issued_before);
            named.revoked.says(Revocation::User { name, issued_before })
        });
        let groups = self.groups.iter().map(|named| {
            let Named { name, issued_before, .. } = named;
            let (name, issued_before) = (name.clone().into_string(), *issued_before);
            named.revoked.says(Revocation::Group { name, issued_before })
        });
        certificates.chain(serials).chain(tokens).chain(users).chain(groups)
    }
}

impl Statement {
    fn says(&self, what: Revocation) -> RevocationEntry {
        let reason = self.reason.to_string();
        RevocationEntry { what, at: self.at, reason, by: String::new() }
    }
}

impl Certificate {
    fn entries(&self) -> impl Iterator<Item = RevocationEntry> {
        let fingerprint = self.fingerprint;
        let what = Revocation::Certificate { fingerprint };
        let revoked = self.revoked.as_ref().map(|revoked| revoked.says(what));
        let issued = self.issued.map(|at| RevocationEntry {
            what: Revocation::Issued { fingerprint, at },
            at,
            reason: String::new(),
            by: String::new(),
        });
        revoked.into_iter().chain(issued)
    }
}

impl Serial {
    fn entry(&self) -> RevocationEntry {
        let (issuer, serial) = (Box::from(&*self.issuer), self.serial.clone());
        self.revoked.says(Revocation::Serial { issuer, serial })
    }
}

impl Token {
    fn entry(&self) -> RevocationEntry {
        self.revoked.says(Revocation::Token { id: self.id.clone() })
    }
}
