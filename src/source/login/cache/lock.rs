//! One login at a time.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::source::login::LoginError;

/// How often somebody who waits looks.
const PAUSE: Duration = Duration::from_millis(25);

/// No message in a lock file is longer.
const MAX_NOTE: u64 = 4096;

/// The right to log in. Given back when it is dropped, or when the process ends, however it does.
///
/// The file is never removed: somebody may be waiting for it. In it stands why the last login
/// failed, so that those who waited do not all try the same in vain, or open a browser each.
#[derive(Debug)]
pub(in crate::source::login) struct Lock {
    file: File,
}

impl Lock {
    /// Takes it if nobody has it.
    pub(super) fn try_take(file: File, path: &Path) -> Result<Result<Self, File>, LoginError> {
        match file.try_lock() {
            Ok(()) => Ok(Ok(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(Err(file)),
            Err(TryLockError::Error(error)) => {
                Err(LoginError::Cache { path: path.to_owned(), error })
            }
        }
    }

    /// Takes it, and waits for whoever has it. An error if they do not come to an end, or if they
    /// came to a bad one in the meantime.
    pub(super) fn take(file: File, path: &Path, patience: Duration) -> Result<Self, LoginError> {
        let (began, since) = (Instant::now(), millis());
        let mut file = file;
        let mut has_waited = false;
        loop {
            file = match Self::try_take(file, path)? {
                Ok(lock) => {
                    return match has_waited.then(|| lock.failure_since(since)).flatten() {
                        Some(message) => Err(LoginError::Shared(message)),
                        None => Ok(lock),
                    };
                }
                Err(file) => file,
            };
            has_waited = true;
            if began.elapsed() >= patience {
                return Err(LoginError::Busy { seconds: patience.as_secs() });
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Tells those who wait that this login has failed.
    pub(in crate::source::login) fn note_failure(&mut self, failure: &LoginError) {
        // Whoever cannot read it tries again, which is what they would do anyway.
        let _ = self.write(&format!("{}\n{failure}", millis()));
    }

    /// Tells those who wait that there is something to read.
    pub(in crate::source::login) fn note_success(&mut self) {
        let _ = self.write("");
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }

    fn failure_since(&self, since: u128) -> Option<String> {
        let mut text = String::new();
        let mut file = &self.file;
        file.rewind().ok()?;
        file.take(MAX_NOTE).read_to_string(&mut text).ok()?;
        let (at, message) = text.split_once('\n')?;
        (at.parse::<u128>().ok()? >= since).then(|| message.to_owned())
    }
}

/// Processes of one machine share a clock.
fn millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}
