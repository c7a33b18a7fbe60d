//! Opening the file: made whole or not at all, waited for, and left alone when it is not ours.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase};

use super::error::{Attempt, Cause, LedgerFileError};
use super::{OpenMode, schema};

/// How often it is looked whether another process is done.
const PAUSE: Duration = Duration::from_millis(15);

/// As much of the file is kept in memory.
const CACHE_BYTES: usize = 64 << 20;

/// The open file.
pub(super) enum Store {
    Read(ReadOnlyDatabase),
    Write(Database),
}

impl Store {
    pub(super) fn begin_read(&self) -> Attempt<ReadTransaction> {
        Ok(match self {
            Self::Read(database) => database.begin_read()?,
            Self::Write(database) => database.begin_read()?,
        })
    }
}

/// Runs something that walks the file. The store trusts what its checksums do not cover, and stops
/// the thread when that makes no sense; to the caller this is a damaged file like another.
pub(super) fn guarded<T>(walk: impl FnOnce() -> Attempt<T>) -> Attempt<T> {
    panic::catch_unwind(AssertUnwindSafe(walk))
        .unwrap_or_else(|_| Err(Cause::Damaged("its pages make no sense".to_owned())))
}

/// Opens a ledger; a writer begins one that is not there.
pub(super) fn open(
    path: &Path,
    mode: OpenMode,
    patience: Duration,
) -> Result<Store, LedgerFileError> {
    let start = Instant::now();
    let mut is_made = false;
    loop {
        match guarded(|| attempt(path, mode)) {
            Ok(store) => return Ok(store),
            Err(Cause::Store(redb::Error::DatabaseAlreadyOpen)) => {
                if start.elapsed() >= patience {
                    let path = path.display().to_string();
                    return Err(LedgerFileError::Busy { path, seconds: patience.as_secs() });
                }
                thread::sleep(PAUSE);
            }
            Err(Cause::Store(redb::Error::Io(error)))
                if error.kind() == io::ErrorKind::NotFound
                    && mode == OpenMode::Write
                    && !is_made =>
            {
                guarded(|| make(path)).map_err(|cause| match cause {
                    Cause::Store(redb::Error::Io(error))
                        if error.kind() == io::ErrorKind::NotFound =>
                    {
                        LedgerFileError::NoFolder { path: path.display().to_string() }
                    }
                    cause => cause.at(path),
                })?;
                is_made = true;
            }
            Err(cause) => return Err(cause.at(path)),
        }
    }
}

fn attempt(path: &Path, mode: OpenMode) -> Attempt<Store> {
    // A file that is not ours must stay as it is, and opening one for writing changes it. So it is
    // looked at first.
    match builder().open_read_only(path) {
        Ok(database) => {
            let database = Store::Read(database);
            schema::check(&database.begin_read()?)?;
            if mode == OpenMode::Read {
                return Ok(database);
            }
        }
        // A process died while it wrote; opening for writing puts that right.
        Err(redb::DatabaseError::RepairAborted) => {}
        Err(error) => return Err(error.into()),
    }
    let database = builder().open(path).map_err(Cause::from);
    let database = match (database, mode) {
        (Ok(database), _) => Store::Write(database),
        (Err(Cause::Store(redb::Error::Io(error))), OpenMode::Read)
            if error.kind() == io::ErrorKind::PermissionDenied =>
        {
            return Err(redb::DatabaseError::RepairAborted.into());
        }
        (Err(cause), _) => return Err(cause),
    };
    schema::check(&database.begin_read()?)?;
    Ok(database)
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Makes an empty ledger, unless there is one by now. It gets its name only when it is complete: a
/// crash leaves a draft that nobody looks at.
fn make(path: &Path) -> Attempt<()> {
    let name = path.file_name().ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut random = [0_u8; 8];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| io::Error::from(io::ErrorKind::Other))?;
    let random = u64::from_ne_bytes(random);
    let draft = folder.join(format!(".{}.{random:016x}", name.to_string_lossy()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&draft)?;
    let draft = Draft(draft);
    let database = builder().create_with_backend(FileBackend::new(file)?)?;
    schema::lay_out(&database)?;
    database.close()?;
    match fs::hard_link(&draft.0, path) {
        Ok(()) => {}
        // Another process was faster, and its ledger is as good.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    // The name, too, must survive a power cut; where a folder cannot be synced, it need not be.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// The file's other name, which vanishes.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
