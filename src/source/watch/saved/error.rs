use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::age::{Span, second};
use super::format::VERSION;

/// Why what is on disk does not count, or was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// There is no folder for it.
    #[error(
        "`{folder}`: this folder is not there, so the state of the cluster cannot be kept in `{path}`; \
         create it, or name another file"
    )]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// It is there and cannot be read.
    #[error(
        "`{path}`: the saved state of the cluster cannot be read; check your permission to read it"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// It cannot be written.
    #[error(
        "`{path}`: the state of the cluster could not be saved, and what was saved before, if anything, is \
         as it was; check the space on the disk and your permission to write in that folder"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A folder, a socket, or the like.
    #[error("`{path}`: is no file, so no state is kept there; name a file")]
    NoFile {
        /// What is no file.
        path: PathBuf,
    },
    /// Another user says where it leads.
    #[error(
        "`{path}`: is a link that another user made (number {owner}), who so decides who may do what; \
         remove it, and name a folder that only you can write to"
    )]
    Link {
        /// The link.
        path: PathBuf,
        /// Who made it.
        owner: u32,
    },
    /// Another user owns it.
    #[error(
        "`{path}`: belongs to another user (number {owner}; this process is of number {me}), who so decides \
         who may do what; remove it, or run as that user"
    )]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who this process is.
        me: u32,
    },
    /// Others may write it.
    #[error(
        "`{path}`: others may write it (mode {mode:04o}), and whoever can decides who may do what; remove it, \
         and let nobody open it again (in a pod with a fsGroup: `fsGroupChangePolicy: OnRootMismatch`)"
    )]
    Writable {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It was never written by this program.
    #[error(
        "`{path}`: is not a saved state of a cluster, and was left as it is; name another file, or move this \
         one away"
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A newer build wrote it.
    #[error(
        "`{path}`: was saved by a newer build of this program (version {found} of the format; this build \
         reads version {read}); start that build, or remove the file",
        read = VERSION
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// Some of its bytes are not as they were written.
    #[error(
        "`{path}`: the saved state of the cluster is damaged, so nothing of it counts: {damage}; check the \
         disk, and remove the file: a new one is written once the API server was reached"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        damage: Damage,
    },
    /// It tells of another cluster.
    #[error(
        "`{path}`: was saved from the API server `{found}`, and this is about `{expected}`; remove the file \
         if both are the same cluster or the other is of no use any more, or name another file"
    )]
    OtherServer {
        /// The file.
        path: PathBuf,
        /// Whose state it is.
        found: String,
        /// Whose state is wanted.
        expected: String,
    },
    /// It is older than allowed.
    #[error(
        "`{path}`: was saved at {at}, {age} ago, and what is older than {max_age} is not believed; wait for \
         the API server, or set a longer maxAge if what was allowed then may be allowed now",
        at = second(*.at), age = Span(*.age), max_age = Span(*.max_age)
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// When it was saved.
        at: SystemTime,
        /// How long ago that is.
        age: Duration,
        /// How old it may be.
        max_age: Duration,
    },
    /// It was saved later than now.
    #[error(
        "`{path}`: was saved at {at}, {ahead} after what the clock says now, so nobody knows how old it is; \
         set the clock right, or, if it was wrong then, remove the file (without a maxAge any age is believed)",
        at = second(*.at), ahead = Span(*.ahead)
    )]
    FromTheFuture {
        /// The file.
        path: PathBuf,
        /// When it was saved.
        at: SystemTime,
        /// How far ahead that is.
        ahead: Duration,
    },
    /// It would hold Secrets.
    #[error("Secrets are never saved, and this state holds `{kind}`; leave that kind out")]
    Secrets {
        /// The kind.
        kind: String,
    },
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// Its first line is not as it is written.
    #[error("its first line is not as such a file begins")]
    FirstLine,
    /// It was cut off, or something was added.
    #[error("it has {found} bytes, and {written} were written")]
    Length {
        /// Bytes that are there.
        found: u64,
        /// Bytes that were written.
        written: u64,
    },
    /// No state is as large.
    #[error("it has {found} bytes, more than any state has")]
    TooLarge {
        /// Bytes that are there.
        found: u64,
    },
    /// A byte was changed.
    #[error("its {length} bytes do not have the checksum that they were written with")]
    Checksum {
        /// Bytes of the file.
        length: u64,
    },
    /// The checksum is right, but what it covers is not understood.
    #[error("byte {offset} is not {expected}, although the checksum is right")]
    Content {
        /// Where.
        offset: u64,
        /// What must stand there.
        expected: &'static str,
    },
}
