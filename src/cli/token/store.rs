use std::path::Path;

use portcullis::authn::ReservedNames;
use portcullis::authn::token_file::HashedTokens;

use crate::cli::exit::Failure;
use crate::cli::locked_file::{LockedFile, When};

/// The tokens of a file, and the way back to it.
pub(super) struct Store {
    /// The rows; change them, then [`Store::save`].
    pub(super) tokens: HashedTokens,
    file: LockedFile,
}

impl Store {
    /// Reads a file. One in another form is refused: nothing of it would survive being rewritten.
    pub(super) fn open(path: &Path, when: When) -> Result<Self, Failure> {
        let (file, text) = LockedFile::open(path, when)?;
        // A file for the control plane's own identities may hold their names; what is added here
        // may not.
        let read = |text: String| HashedTokens::parse(&file.name(), &text, ReservedNames::Allow);
        let tokens = text.map(read).transpose()?.unwrap_or_default();
        Ok(Self { tokens, file })
    }

    /// Puts the file in place, whole.
    pub(super) fn save(self) -> Result<(), Failure> {
        self.file.save(self.tokens.to_string().as_bytes())
    }
}
