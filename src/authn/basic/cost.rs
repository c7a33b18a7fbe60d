use std::fmt;

/// What one try of a password costs, by what its hash says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cost {
    /// Argon2id, version 1.3 (RFC 9106).
    Argon2id {
        /// Memory, in KiB.
        memory: u32,
        /// Passes over it.
        passes: u32,
        /// Lanes; they are computed one after another here.
        lanes: u32,
    },
    /// bcrypt: 2 to the power of `cost` rounds.
    Bcrypt {
        /// The exponent.
        cost: u32,
    },
    /// SHA-crypt with SHA-256 (`$5$`).
    Sha256Crypt {
        /// How often it is hashed.
        rounds: u32,
    },
    /// SHA-crypt with SHA-512 (`$6$`).
    Sha512Crypt {
        /// How often it is hashed.
        rounds: u32,
    },
}

/// The most memory of one Argon2 hash, in KiB: with a core's worth of tries at once, 256 MiB a core.
pub(super) const MOST_MEMORY: u32 = 256 * 1024;
/// The most work of one Argon2 hash, in KiB times passes: some two seconds of a core.
pub(super) const MOST_WORK: u64 = 1024 * 1024;
/// The most lanes; each needs 8 KiB at least.
pub(super) const MOST_LANES: u32 = 16;
/// The highest exponent of bcrypt: a second of a core.
pub(super) const MOST_BCRYPT: u32 = 14;
/// The least that bcrypt knows.
pub(super) const LEAST_BCRYPT: u32 = 4;
/// The most rounds of SHA-crypt: a second of a core.
pub(super) const MOST_ROUNDS: u32 = 1_000_000;
/// The least that SHA-crypt knows.
pub(super) const LEAST_ROUNDS: u32 = 1_000;

impl Cost {
    /// What new hashes have: Argon2id with 19 MiB and 2 passes, the first choice of OWASP's Password
    /// Storage Cheat Sheet; some 20 ms of a core.
    pub const DEFAULT: Self = Self::Argon2id { memory: 19 * 1024, passes: 2, lanes: 1 };

    /// Whether nobody is slowed down by trying passwords: what a line of a file says must not be able to
    /// take the server's memory or time.
    pub(super) fn is_bearable(self) -> bool {
        match self {
            Self::Argon2id { memory, passes, lanes } => {
                memory <= MOST_MEMORY
                    && u64::from(memory).saturating_mul(u64::from(passes)) <= MOST_WORK
                    && lanes <= MOST_LANES
            }
            Self::Bcrypt { cost } => (LEAST_BCRYPT..=MOST_BCRYPT).contains(&cost),
            Self::Sha256Crypt { rounds } | Self::Sha512Crypt { rounds } => {
                (LEAST_ROUNDS..=MOST_ROUNDS).contains(&rounds)
            }
        }
    }

    /// Whether who gets hold of the file can try passwords much faster than he should: below what
    /// OWASP's Password Storage Cheat Sheet asks for, and of SHA-crypt, which it does not name, below a
    /// tenth of a second or so.
    #[must_use]
    pub fn is_weak(self) -> bool {
        match self {
            // Its five choices are all of 35,840 to 47,104.
            Self::Argon2id { memory, passes, .. } => {
                u64::from(memory).saturating_mul(u64::from(passes)) < 35_000
            }
            Self::Bcrypt { cost } => cost < 10,
            Self::Sha256Crypt { rounds } | Self::Sha512Crypt { rounds } => rounds < 100_000,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2id { memory, passes, lanes } => {
                write!(f, "argon2id m={memory},t={passes},p={lanes}")
            }
            Self::Bcrypt { cost } => write!(f, "bcrypt {cost}"),
            Self::Sha256Crypt { rounds } => write!(f, "sha256-crypt {rounds}"),
            Self::Sha512Crypt { rounds } => write!(f, "sha512-crypt {rounds}"),
        }
    }
}
