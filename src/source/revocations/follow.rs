use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::error::RevocationFileError;
use super::read::{BrokenLine, Entries, Place, unreadable};
use crate::model::{Origin, Revocations};

/// Reads a revocation list again and again, and never forgets on the way.
///
/// - Lines that were appended are read by themselves and count at once.
/// - A line that cannot be understood is passed over and told, and read again with the next change;
///   what stands after it counts.
/// - A file that cannot be read any more, or is gone, is told; what it said goes on counting.
/// - A file that was shortened or changed in place is told; what it said before goes on counting, and
///   what it says now counts too. Only a change that keeps the length of all that was read, and its
///   last 4 KiB, and comes together with an append, is not noticed before the next start.
/// - Another file in its place (a rename over it, as `ConfigMap` volumes do too) counts at once beside
///   what was said before, and alone as soon as it is a whole list that has not changed for
///   [`Self::SETTLED`]. Thus whoever deletes a file and writes it anew line by line revokes nothing
///   less meanwhile. This is the way to take entries back.
///
/// Whoever starts anew knows only what the file says then.
#[derive(Debug)]
pub struct RevocationFollower {
    path: PathBuf,
    list: Revocations,
    // Held open, so that no other file is given its number.
    file: File,
    identity: Identity,
    stamp: Stamp,
    /// Since when the stamp is this.
    since: Instant,
    place: Place,
    /// This file came in the place of another, whose entries still count.
    is_replacing: bool,
    access: Option<RevocationFileError>,
    content: Option<RevocationFileError>,
    in_place: Option<RevocationFileError>,
}

/// What one look at the file brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What became of the list.
    pub list: ListChange,
    /// What became of [`RevocationFollower::problem`].
    pub problem: ProblemChange,
}

/// What became of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListChange {
    /// It is as it was.
    Same,
    /// More counts.
    Extended,
    /// Another list counts.
    Replaced {
        /// How long the one before was, see [`Revocations::len`].
        before: usize,
    },
}

/// What became of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemChange {
    /// There is none, or the one that was told.
    Same,
    /// There is one that was not told yet.
    New,
    /// There is none any more.
    Gone,
}

impl RevocationFollower {
    /// How long another file must rest until it counts alone.
    pub const SETTLED: Duration = Duration::from_secs(1);

    /// Reads the whole file.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is no revocation list from its first line to its
    /// last.
    pub fn open(path: impl Into<PathBuf>, now: Instant) -> Result<Self, RevocationFileError> {
        let path = path.into();
        let failed = |error| unreadable(&path, error);
        let file = open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mut entries = Entries::new(&path, &file, Place::default(), BrokenLine::Refuse);
        let list = entries.by_ref().collect();
        let place = entries.finish()?;
        Ok(Self {
            list,
            identity: Identity::of(&metadata),
            stamp: Stamp::of(&metadata),
            file,
            since: now,
            place,
            is_replacing: false,
            access: None,
            content: None,
            in_place: None,
            path,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What counts now.
    #[must_use]
    pub const fn revocations(&self) -> &Revocations {
        &self.list
    }

    /// Why what counts may not be what the file says.
    #[must_use]
    pub fn problem(&self) -> Option<&RevocationFileError> {
        self.access.as_ref().or(self.content.as_ref()).or(self.in_place.as_ref())
    }

    /// The last line, if it has no end yet: a writer is at it, was stopped, or forgot the line feed.
    #[must_use]
    pub fn unfinished_line(&self) -> Option<RevocationFileError> {
        if self.place.unfinished == 0 {
            return None;
        }
        let source: Arc<str> = Arc::from(self.path.display().to_string());
        let origin = Origin::new(source, 0, self.place.lines.saturating_add(1));
        Some(RevocationFileError::Unfinished { origin })
    }

    /// Looks at the file. As long as nothing changed it costs asking for the file's times.
    pub fn poll(&mut self, now: Instant) -> Change {
        let told = self.problem().map(ToString::to_string);
        let list = match self.look(now) {
            Ok(list) => {
                self.access = None;
                list
            }
            Err(error) => {
                self.access = Some(unreadable(&self.path, error));
                ListChange::Same
            }
        };
        let problem = match (told, self.problem().map(ToString::to_string)) {
            (Some(_), None) => ProblemChange::Gone,
            (told, now) if told == now => ProblemChange::Same,
            _ => ProblemChange::New,
        };
        Change { list, problem }
    }

    fn look(&mut self, now: Instant) -> io::Result<ListChange> {
        let metadata = fs::metadata(&self.path)?;
        if Identity::of(&metadata) != self.identity {
            let file = open(&self.path)?;
            let metadata = file.metadata()?;
            self.file = file;
            self.identity = Identity::of(&metadata);
            self.stamp = Stamp::of(&metadata);
            self.place = Place::default();
            self.is_replacing = true;
        } else if Stamp::of(&metadata) != self.stamp {
            let is_same = self.is_as_read(&metadata)?;
            self.stamp = Stamp::of(&metadata);
            if !is_same {
                self.place = Place::default();
                // A file that is being written only grows; this one must not count alone any more.
                self.is_replacing = false;
                let path = self.path.display().to_string();
                self.in_place = Some(RevocationFileError::ChangedInPlace { path });
            }
        } else {
            return self.settle(now);
        }
        self.since = now;
        self.read_on()
    }

    /// Whether the part that was read is still there.
    fn is_as_read(&self, metadata: &Metadata) -> io::Result<bool> {
        if metadata.len() < self.place.offset {
            return Ok(false);
        }
        let anchor = &self.place.anchor;
        let length = u64::try_from(anchor.len()).unwrap_or(u64::MAX);
        let mut found = Vec::with_capacity(anchor.len());
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.place.offset.saturating_sub(length)))?;
        file.take(length).read_to_end(&mut found)?;
        Ok(found == *anchor)
    }

    /// Reads what stands behind the place. What counts grows, whatever is wrong there.
    fn read_on(&mut self) -> io::Result<ListChange> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.place.offset))?;
        let place = std::mem::take(&mut self.place);
        let mut entries = Entries::new(&self.path, file, place, BrokenLine::PassOver);
        let mut found = 0_usize;
        let counted = entries.by_ref().inspect(|_| found = found.saturating_add(1));
        self.list.extend(counted);
        (self.place, self.content) = entries.end();
        Ok(if found > 0 { ListChange::Extended } else { ListChange::Same })
    }

    /// The file has not changed for a while.
    fn settle(&mut self, now: Instant) -> io::Result<ListChange> {
        if now.saturating_duration_since(self.since) < Self::SETTLED || self.content.is_some() {
            return Ok(ListChange::Same);
        }
        self.content = self.unfinished_line();
        if self.content.is_some() {
            return Ok(ListChange::Same);
        }
        if !self.is_replacing {
            return Ok(ListChange::Same);
        }
        let mut file = &self.file;
        file.rewind()?;
        let mut entries = Entries::new(&self.path, file, Place::default(), BrokenLine::Refuse);
        let list: Revocations = entries.by_ref().collect();
        match entries.finish() {
            Ok(place) => {
                let before = self.list.len();
                self.list = list;
                self.place = place;
                self.is_replacing = false;
                self.in_place = None;
                Ok(ListChange::Replaced { before })
            }
            Err(error) => {
                self.content = Some(error);
                Ok(ListChange::Same)
            }
        }
    }
}

/// Opens a regular file: a pipe would be waited for.
fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    File::open(path)
}

/// Which file it is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    #[cfg(unix)]
    number: (u64, u64),
    // Where the system knows it.
    created: Option<SystemTime>,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            #[cfg(unix)]
            number: {
                use std::os::unix::fs::MetadataExt;

                (metadata.dev(), metadata.ino())
            },
            created: metadata.created().ok(),
        }
    }
}

/// What changes when the file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            changed: {
                use std::os::unix::fs::MetadataExt;

                (metadata.ctime(), metadata.ctime_nsec())
            },
        }
    }
}
