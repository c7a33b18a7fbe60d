//! The folder of an authority, locked while a verb changes it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

use pem::{EncodeConfig, LineEnding, Pem};
use portcullis::crypto::authority::{Authority, AuthorityOptions, MAX_PEM_BYTES};
use portcullis::crypto::certificate::{Certificate, chain_from_pem};
use portcullis::crypto::private_key::PrivateKey;

use super::NewArgs;
use crate::cli::cert::authority::{is_there, load_key, load_pair, passphrase, read};
use crate::cli::cert::clock;
use crate::cli::exit::Failure;
use crate::cli::whole_file::{Readers, replace, write_new};

pub(super) const CA_CERT: &str = "ca.crt";
pub(super) const CA_KEY: &str = "ca.key";
pub(super) const BUNDLE: &str = "bundle.crt";
pub(super) const NEXT_CERT: &str = "next.crt";
pub(super) const NEXT_KEY: &str = "next.key";
pub(super) const RETIRING_CERT: &str = "retiring.crt";
pub(super) const RETIRING_KEY: &str = "retiring.key";

/// The certificate that `ca.key` belongs to: `ca.crt`, or `next.crt` when `activate` was cut off
/// between its renames. `next` writes the key first, so that nothing else looks like that.
pub(in crate::cli::cert) fn certificate_in(folder: &Path) -> PathBuf {
    let next = folder.join(NEXT_CERT);
    let is_cut_off = is_there(&next) && !is_there(&folder.join(NEXT_KEY));
    if is_cut_off { next } else { folder.join(CA_CERT) }
}

/// An open folder.
pub(super) struct Folder {
    path: PathBuf,
    // Unlocked when it is closed.
    _lock: Option<File>,
}

impl Folder {
    /// Opens one in which there is an authority.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let folder = Self::lock(path)?;
        if !folder.has(CA_CERT) {
            return Err(Failure::usage(format!(
                "`{}`: there is no certificate authority; `portcullis cert ca init` makes one, and \
                 --pki names another folder",
                path.display()
            )));
        }
        Ok(folder)
    }

    /// Opens one that may not be there yet. Keys lie in it: a new one is its owner's.
    pub(super) fn make(path: &Path) -> Result<Self, Failure> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .recursive(true)
            .create(path)
            .map_err(|error| Failure::Write { path: path.display().to_string(), error })?;
        Self::lock(path)
    }

    /// Two verbs at a time would each see half of what the other does. Where folders cannot be
    /// locked, they are not.
    fn lock(path: &Path) -> Result<Self, Failure> {
        let file = match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) if cfg!(not(unix)) => None,
            Err(error) => return Err(Failure::Read { path: path.display().to_string(), error }),
        };
        if let Some(file) = &file {
            match file.lock() {
                Err(error) if error.kind() != io::ErrorKind::Unsupported => {
                    return Err(Failure::Read { path: path.display().to_string(), error });
                }
                _ => {}
            }
        }
        Ok(Self { path: path.to_owned(), _lock: file })
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        is_there(&self.at(name))
    }

    /// The first certificate of a file of the folder.
    pub(super) fn certificate(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let path = self.at(name);
        let wrong = |what: String| Failure::usage(format!("`{}`: {what}", path.display()));
        let chain = chain_from_pem(&read(&path, MAX_PEM_BYTES)?)
            .map_err(|error| wrong(error.to_string()))?;
        let first = chain.into_iter().next().unwrap_or_default();
        Certificate::from_der(&first).map_err(|error| wrong(error.to_string()))?;
        Ok(first)
    }

    /// Makes an authority in two files: first the key, unless an earlier run left one, then the
    /// bundle if `bundle_first` says so, then the certificate.
    pub(super) fn make_authority(
        &self,
        [certificate, key_name]: [&str; 2],
        common_name: &str,
        new: &NewArgs,
        before_certificate: impl FnOnce(&Authority) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let secret = passphrase(new.passphrase_file.as_deref())?;
        let wrong = |error: &dyn std::error::Error| Failure::usage(error.to_string());
        let key = if self.has(key_name) {
            load_key(&self.at(key_name), secret.as_ref(), "--passphrase-file")?
        } else {
            let key = PrivateKey::generate(new.key_type).map_err(|error| wrong(&error))?;
            let pem = match &secret {
                Some(secret) => key.to_encrypted_pem(secret).map_err(|error| wrong(&error))?,
                None => key.to_pem(),
            };
            write_new(&self.at(key_name), pem.expose_secret().as_bytes(), Readers::Owner)?;
            key
        };
        let now = clock::now();
        let options = AuthorityOptions {
            common_name: common_name.to_owned(),
            organizations: Vec::new(),
            // Clocks of two machines differ.
            not_before: now.saturating_sub(300),
            not_after: now.saturating_add(i64::from(new.days).saturating_mul(86_400)),
            // It signs users, and no other authorities.
            path_length: Some(0),
        };
        let authority = Authority::self_signed(key, &options).map_err(|error| wrong(&error))?;
        before_certificate(&authority)?;
        write_new(&self.at(certificate), authority.certificate_pem().as_bytes(), Readers::Anybody)
    }

    /// Whether a key fits its certificate, and opens.
    pub(super) fn check_pair(
        &self,
        [certificate, key]: [&str; 2],
        passphrase_file: Option<&Path>,
    ) -> Result<Authority, Failure> {
        let secret = passphrase(passphrase_file)?;
        load_pair(&self.at(certificate), &self.at(key), secret.as_ref(), "--passphrase-file")
    }

    /// Puts certificates into the bundle and takes others out. What somebody else put there stays.
    pub(super) fn bundle(&self, with: &[&[u8]], without: Option<&[u8]>) -> Result<(), Failure> {
        let path = self.at(BUNDLE);
        let mut certificates = if self.has(BUNDLE) {
            chain_from_pem(&read(&path, MAX_PEM_BYTES)?)
                .map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())))?
        } else {
            Vec::new()
        };
        let before = certificates.clone();
        certificates.retain(|certificate| Some(certificate.as_slice()) != without);
        for certificate in with {
            if !certificates.iter().any(|known| known == certificate) {
                certificates.push(certificate.to_vec());
            }
        }
        if certificates == before {
            return Ok(());
        }
        let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
        let block = |der| pem::encode_config(&Pem::new("CERTIFICATE", der), config);
        let text: String = certificates.into_iter().map(block).collect();
        replace(&path, text.as_bytes(), Readers::Anybody)
    }

    /// Puts a file in the place of another, or where there was none, and makes it last.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        self.changed(to, fs::rename(self.at(from), self.at(to)))
    }

    /// Gives a file a second name, unless it has that one already.
    pub(super) fn link(&self, from: &str, to: &str) -> Result<(), Failure> {
        let linked = match fs::hard_link(self.at(from), self.at(to)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        };
        self.changed(to, linked)
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) -> Result<(), Failure> {
        let removed = match fs::remove_file(self.at(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        self.changed(name, removed)
    }

    fn changed(&self, name: &str, done: io::Result<()>) -> Result<(), Failure> {
        done.map_err(|error| Failure::Write { path: self.at(name).display().to_string(), error })?;
        // The order of the steps must survive a power cut; where folders cannot be synced, they need
        // not be.
        let _ = File::open(&self.path).and_then(|folder| folder.sync_all());
        Ok(())
    }
}
