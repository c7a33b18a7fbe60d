use std::path::Path;

use portcullis::authn::ReservedNames;
use portcullis::authn::basic::HashedPasswords;

use crate::cli::exit::Failure;
use crate::cli::locked_file::{LockedFile, When};

/// The passwords of a file, and the way back to it.
pub(super) struct Store {
    /// The rows; change them, then [`Store::save`].
    pub(super) passwords: HashedPasswords,
    file: LockedFile,
}

impl Store {
    /// Reads a file. One with a line that cannot be used is refused, since it would not survive being
    /// rewritten.
    pub(super) fn open(path: &Path, when: When) -> Result<Self, Failure> {
        let (file, text) = LockedFile::open(path, when)?;
        // A file for the control plane's own identities may hold their names; what is added here may not.
        let read = |text: String| HashedPasswords::parse(&file.name(), &text, ReservedNames::Allow);
        let passwords = text.map(read).transpose()?.unwrap_or_default();
        Ok(Self { passwords, file })
    }

    /// Puts the file in place, whole.
    pub(super) fn save(self) -> Result<(), Failure> {
        self.file.save(self.passwords.expose_text().as_bytes())
    }
}
