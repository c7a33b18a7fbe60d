use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lock::Lock;
use super::session::Session;
use crate::source::login::{Account, LoginError};

/// No session is longer: a chain of certificates, a token of 64 KiB and a refresh token.
const MAX_BYTES: u64 = 1 << 20;

const SESSION: &str = "json";
const LOCK: &str = "lock";

/// A login that is kept, without what is secret about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptLogin {
    /// Which it is.
    pub account: Account,
    /// Who the server says it is; empty when it did not.
    pub username: String,
    /// The second in which the credential ends; `None` when there is none.
    pub expires: Option<i64>,
    /// Whether it can be renewed without asking anybody, as things are.
    pub is_renewable: bool,
}

/// What logins are kept in a folder, sorted by server, method and user. A folder that is not there
/// holds none.
///
/// # Errors
/// When the folder or a file in it cannot be read, or is open to others.
pub fn accounts(cache: &Path, now: i64) -> Result<Vec<KeptLogin>, LoginError> {
    let Some(folder) = Folder::existing(cache)? else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    for id in folder.ids()? {
        let Some(Session { account, username, current, refresh_token, .. }) = folder.read(&id)?
        else {
            continue;
        };
        let is_refreshable = current.as_ref().is_some_and(|it| it.is_refreshable(now));
        kept.push(KeptLogin {
            account,
            username,
            expires: current.map(|current| current.expires),
            is_renewable: is_refreshable || refresh_token.is_some(),
        });
    }
    kept.sort_by(|a, b| {
        let key = |kept: &KeptLogin| {
            let account = &kept.account;
            (account.server.clone(), account.method.name(), account.user.clone(), account.id())
        };
        key(a).cmp(&key(b))
    });
    Ok(kept)
}

/// Forgets all logins of a folder, and tells how many. What was given stays good until it ends.
///
/// # Errors
/// When the folder cannot be read or a file not be removed.
pub fn logout_all(cache: &Path) -> Result<usize, LoginError> {
    let Some(folder) = Folder::existing(cache)? else { return Ok(0) };
    let ids = folder.ids()?;
    for id in &ids {
        folder.remove(id)?;
    }
    Ok(ids.len())
}

/// A folder that is ours alone.
#[derive(Debug)]
pub(in crate::source::login) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes it when it is not there.
    pub(in crate::source::login) fn open(path: &Path) -> Result<Self, LoginError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // Does nothing when it is there.
        builder.create(path).map_err(|error| failed(path, error))?;
        Self::existing(path)?.ok_or_else(|| failed(path, io::ErrorKind::NotFound.into()))
    }

    /// The folder, if it is there.
    pub(in crate::source::login) fn existing(path: &Path) -> Result<Option<Self>, LoginError> {
        let about = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            about => about.map_err(|error| failed(path, error))?,
        };
        if !about.is_dir() {
            return Err(failed(path, io::ErrorKind::NotADirectory.into()));
        }
        check_ours(path, &about)?;
        Ok(Some(Self { path: path.to_owned() }))
    }

    /// The accounts that something is kept of.
    fn ids(&self) -> Result<Vec<String>, LoginError> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|error| failed(&self.path, error))? {
            let path = entry.map_err(|error| failed(&self.path, error))?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let is_id = stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_id && path.extension().is_some_and(|extension| extension == SESSION) {
                ids.push(stem.to_owned());
            }
        }
        Ok(ids)
    }

    fn file(&self, id: &str, extension: &str) -> PathBuf {
        self.path.join(format!("{id}.{extension}"))
    }

    /// What is kept of an account; `None` for nothing, and for what cannot be understood.
    pub(in crate::source::login) fn read(&self, id: &str) -> Result<Option<Session>, LoginError> {
        let path = self.file(id, SESSION);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| failed(&path, error))?,
        };
        // Of the file that is open, not of what is at the path a moment later.
        check_ours(&path, &file.metadata().map_err(|error| failed(&path, error))?)?;
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| failed(&path, error))?;
        Ok(Session::from_json(&bytes).filter(|session| session.account.id() == id))
    }

    /// Replaces what is kept of an account: whoever reads sees the old or the new.
    pub(in crate::source::login) fn write(&self, session: &Session) -> Result<(), LoginError> {
        let path = self.file(&session.account.id(), SESSION);
        self.replace(&path, session.to_json().expose_secret().as_bytes())
            .map_err(|error| failed(&path, error))
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        // Containers that share a home have the same process numbers.
        let mut random = [0_u8; 8];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| io::ErrorKind::Other)?;
        let draft = self.path.join(format!(".{:016x}.draft", u64::from_ne_bytes(random)));
        let mut file = private().create_new(true).open(&draft)?;
        let written = file
            .write_all(content)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&draft, path));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }

    /// Forgets an account; whether there was something.
    pub(in crate::source::login) fn remove(&self, id: &str) -> Result<bool, LoginError> {
        let path = self.file(id, SESSION);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// The lock of an account, if nobody has it.
    pub(in crate::source::login) fn try_lock(&self, id: &str) -> Result<Option<Lock>, LoginError> {
        let (file, path) = self.lock_file(id)?;
        Ok(Lock::try_take(file, &path)?.ok())
    }

    /// The lock of an account, when whoever has it is done.
    pub(in crate::source::login) fn lock(
        &self,
        id: &str,
        patience: Duration,
    ) -> Result<Lock, LoginError> {
        let (file, path) = self.lock_file(id)?;
        Lock::take(file, &path, patience)
    }

    fn lock_file(&self, id: &str) -> Result<(File, PathBuf), LoginError> {
        let path = self.file(id, LOCK);
        let file = private().read(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|error| failed(&path, error))?;
        check_ours(&path, &file.metadata().map_err(|error| failed(&path, error))?)?;
        Ok((file, path))
    }
}

/// To write files that only their owner can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn failed(path: &Path, error: io::Error) -> LoginError {
    LoginError::Cache { path: path.to_owned(), error }
}

/// That nobody else can read or write it, and nobody else put it there.
#[cfg(unix)]
fn check_ours(path: &Path, about: &fs::Metadata) -> Result<(), LoginError> {
    use std::os::unix::fs::MetadataExt;

    let open = |problem| Err(LoginError::CacheOpen { path: path.to_owned(), problem });
    let (mode, me) = (about.mode() & 0o777, rustix::process::geteuid().as_raw());
    if about.uid() != me {
        return open(format!(
            "belongs to the user of number {}, and this process is of number {me}; logins are not \
             shared",
            about.uid()
        ));
    }
    if mode & 0o077 != 0 {
        let (wanted, remedy) = match about.is_dir() {
            true => (0o700, "remove what is in it, since others could read it"),
            false => (0o600, "remove it, since others could read it"),
        };
        return open(format!("its mode is {mode:04o} and must be {wanted:04o}; {remedy}"));
    }
    Ok(())
}

/// Folders of a user's profile are theirs alone.
#[cfg(not(unix))]
fn check_ours(_: &Path, _: &fs::Metadata) -> Result<(), LoginError> {
    Ok(())
}
