use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{NO_PAD, STANDARD_NO_PAD};
use sha_crypt::{PasswordVerifier as _, ShaCrypt};
use zeroize::Zeroizing;

use super::cost::Cost;
use super::error::{HashFailed, HashProblem};
use crate::authn::Secret;

/// Bytes of a salt and of a digest that are made here (RFC 9106 section 3.1 recommends these).
const SALT: usize = 16;
const DIGEST: usize = 32;
/// Shorter digests could be met by chance.
const LEAST_DIGEST: usize = 16;
/// What bcrypt looks at; longer passwords would be told apart by their beginning only.
const BCRYPT_LOOKS_AT: usize = 72;
/// The characters of SHA-crypt, by their value.
const SHA_CRYPT: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The hash of a password: Argon2id, bcrypt or SHA-crypt, by its text form.
///
/// ```
/// use portcullis::authn::basic::PasswordHash;
/// use portcullis::authn::Secret;
///
/// let hash = PasswordHash::of(&Secret::new("correct horse".to_owned()))?;
/// assert!(hash.expose_text().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
/// assert!(hash.verify("correct horse")?);
/// assert!(!hash.verify("battery staple")?);
/// # Ok::<(), portcullis::authn::basic::HashFailed>(())
/// ```
pub struct PasswordHash {
    text: Secret,
    cost: Cost,
    kind: Kind,
}

enum Kind {
    Argon2id { hasher: Argon2<'static>, salt: Box<[u8]>, digest: Zeroizing<Vec<u8>> },
    Bcrypt,
    ShaCrypt,
}

impl PasswordHash {
    /// Hashes a new password, with [`Cost::DEFAULT`] and a random salt.
    ///
    /// # Errors
    /// [`HashFailed`] where the system has no randomness or no memory.
    pub fn of(password: &Secret) -> Result<Self, HashFailed> {
        let salt = random::<SALT>()?;
        let mut digest = Zeroizing::new(vec![0; DIGEST]);
        let Cost::Argon2id { memory, passes, lanes } = Cost::DEFAULT else {
            return Err(HashFailed::Hashing);
        };
        let hasher = hasher(memory, passes, lanes, DIGEST).ok_or(HashFailed::Hashing)?;
        hasher
            .hash_password_into(password.expose_secret().as_bytes(), &salt, &mut digest)
            .map_err(|_| HashFailed::Hashing)?;
        let text = argon2_text(memory, passes, lanes, &salt, &digest);
        let kind = Kind::Argon2id { hasher, salt: salt.to_vec().into(), digest };
        Ok(Self { text: Secret::new(text), cost: Cost::DEFAULT, kind })
    }

    /// Reads a hash from its text.
    ///
    /// # Errors
    /// [`HashProblem`], which does not repeat it.
    pub fn parse(text: &str) -> Result<Self, HashProblem> {
        let scheme = text.strip_prefix('$').and_then(|rest| rest.split('$').next());
        let (cost, kind) = match scheme {
            Some("argon2id") => argon2id(text)?,
            Some(other @ ("argon2i" | "argon2d")) => {
                return Err(HashProblem::Old(if other == "argon2i" {
                    "Argon2i"
                } else {
                    "Argon2d"
                }));
            }
            Some("2a" | "2b" | "2y") => (bcrypt_cost(text)?, Kind::Bcrypt),
            Some("5") => (sha_crypt_cost(text, 43, 16)?, Kind::ShaCrypt),
            Some("6") => (sha_crypt_cost(text, 86, 4)?, Kind::ShaCrypt),
            Some("apr1" | "1") => return Err(HashProblem::Old("MD5")),
            Some("2" | "2x") => return Err(HashProblem::Old("early bcrypt")),
            Some("y" | "7" | "gy" | "scrypt" | "pbkdf2" | "pbkdf2-sha256" | "pbkdf2-sha512") => {
                return Err(HashProblem::Unknown);
            }
            _ if text.starts_with("{SHA}") || text.starts_with("{SSHA}") => {
                return Err(HashProblem::Old("SHA-1"));
            }
            _ => return Err(HashProblem::Plain),
        };
        if !cost.is_bearable() {
            return Err(HashProblem::Cost(cost));
        }
        Ok(Self { text: Secret::new(text.to_owned()), cost, kind })
    }

    /// A hash of this cost that no password has.
    pub(super) fn decoy(cost: Cost) -> Result<Self, HashFailed> {
        let characters = |count: usize| -> Result<String, HashFailed> {
            let mut text = String::with_capacity(count);
            for byte in random::<96>()?.iter().take(count) {
                let at = usize::from(byte % 64);
                text.push(SHA_CRYPT.get(at).copied().map_or('.', char::from));
            }
            Ok(text)
        };
        let text = match cost {
            Cost::Argon2id { memory, passes, lanes } => {
                argon2_text(memory, passes, lanes, &random::<SALT>()?, &random::<DIGEST>()?)
            }
            Cost::Bcrypt { cost } => {
                let base64 = GeneralPurpose::new(&BCRYPT, NO_PAD);
                let (salt, digest) = (random::<16>()?, random::<23>()?);
                format!("$2b${cost:02}${}{}", base64.encode(salt), base64.encode(digest))
            }
            // The last character holds fewer bits than the others; none set is one of its values.
            Cost::Sha256Crypt { rounds } => {
                format!("$5$rounds={rounds}${}${}.", characters(16)?, characters(42)?)
            }
            Cost::Sha512Crypt { rounds } => {
                format!("$6$rounds={rounds}${}${}.", characters(16)?, characters(85)?)
            }
        };
        Self::parse(&text).map_err(|_| HashFailed::Hashing)
    }

    /// Whether this is the password. Takes as long as [`PasswordHash::cost`] says, on the thread of the
    /// caller: ask on one that may block, see [`HashPool`](super::HashPool).
    ///
    /// # Errors
    /// [`HashFailed`] when it cannot be told, and for passwords of more than 72 bytes against bcrypt,
    /// which would look at no more of them.
    pub fn verify(&self, password: &str) -> Result<bool, HashFailed> {
        match &self.kind {
            Kind::Argon2id { hasher, salt, digest } => {
                let mut computed = Zeroizing::new(vec![0; digest.len()]);
                hasher
                    .hash_password_into(password.as_bytes(), salt, &mut computed)
                    .map_err(|_| HashFailed::Hashing)?;
                Ok(verify_slices_are_equal(&computed, digest).is_ok())
            }
            Kind::Bcrypt => {
                let matches = bcrypt::verify(password, self.text.expose_secret())
                    .map_err(|_| HashFailed::Hashing)?;
                // Only now, so that it takes as long as any other.
                if password.len() > BCRYPT_LOOKS_AT {
                    return Err(HashFailed::LongForBcrypt);
                }
                Ok(matches)
            }
            Kind::ShaCrypt => {
                let text = self.text.expose_secret();
                match ShaCrypt::default().verify_password(password.as_bytes(), text) {
                    Ok(()) => Ok(true),
                    Err(sha_crypt::password_hash::Error::PasswordInvalid) => Ok(false),
                    Err(_) => Err(HashFailed::Hashing),
                }
            }
        }
    }

    /// What a try costs.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    /// The text of the hash, as files hold it. Not for logs: who has it can try passwords.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("cost", &self.cost).finish_non_exhaustive()
    }
}

fn random<const N: usize>() -> Result<[u8; N], HashFailed> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| HashFailed::NoRandomness)?;
    Ok(bytes)
}

fn hasher(memory: u32, passes: u32, lanes: u32, digest: usize) -> Option<Argon2<'static>> {
    // The crate multiplies the lanes; what is out of bounds must not come that far.
    if lanes > super::cost::MOST_LANES {
        return None;
    }
    let params = Params::new(memory, passes, lanes, Some(digest)).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn argon2_text(memory: u32, passes: u32, lanes: u32, salt: &[u8], digest: &[u8]) -> String {
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}")
}

/// Reads a PHC string. What it may hold besides (a key id, data) is not known here, and so refused.
fn argon2id(text: &str) -> Result<(Cost, Kind), HashProblem> {
    let malformed = || HashProblem::Malformed("Argon2id");
    let phc = argon2::PasswordHash::new(text).map_err(|_| malformed())?;
    let number = |name: &str| phc.params.get_decimal(name).ok_or_else(malformed);
    let (memory, passes, lanes) = (number("m")?, number("t")?, number("p")?);
    if phc.params.iter().count() != 3 || phc.version != Some(19) {
        return Err(malformed());
    }
    let (Some(salt), Some(digest)) = (&phc.salt, &phc.hash) else { return Err(malformed()) };
    let cost = Cost::Argon2id { memory, passes, lanes };
    if !cost.is_bearable() {
        return Err(HashProblem::Cost(cost));
    }
    let (salt, digest) = (salt.as_ref().to_vec(), digest.as_bytes().to_vec());
    if digest.len() < LEAST_DIGEST {
        return Err(malformed());
    }
    let hasher = hasher(memory, passes, lanes, digest.len()).ok_or_else(malformed)?;
    Ok((cost, Kind::Argon2id { hasher, salt: salt.into(), digest: Zeroizing::new(digest) }))
}

fn bcrypt_cost(text: &str) -> Result<Cost, HashProblem> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| HashProblem::Malformed("bcrypt"))?;
    Ok(Cost::Bcrypt { cost: parts.get_cost() })
}

/// Reads `$5$` or `$6$`, perhaps `rounds=…$`, a salt, `$`, and a digest of so many characters of which
/// the last has so many values. The crate takes rounds that it does not like for a salt; not so here.
fn sha_crypt_cost(text: &str, length: usize, last: usize) -> Result<Cost, HashProblem> {
    let malformed = || HashProblem::Malformed("SHA-crypt");
    let is_of = |text: &str| text.bytes().all(|byte| SHA_CRYPT.contains(&byte));
    let fields: Vec<&str> = text.split('$').skip(1).collect();
    let (rounds, salt, digest) = match *fields.as_slice() {
        [_, rounds, salt, digest] => {
            let digits = rounds.strip_prefix("rounds=").ok_or_else(malformed)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            (digits.parse().ok().filter(|_| is_number && !digits.starts_with('0')), salt, digest)
        }
        [_, salt, digest] => (Some(5_000), salt, digest),
        _ => return Err(malformed()),
    };
    let rounds = rounds.ok_or_else(malformed)?;
    let is_last = |byte: u8| SHA_CRYPT.iter().take(last).any(|known| *known == byte);
    let is_sound = !salt.is_empty()
        && salt.len() <= 16
        && is_of(salt)
        && digest.len() == length
        && is_of(digest)
        && digest.bytes().last().is_some_and(is_last);
    if !is_sound {
        return Err(malformed());
    }
    Ok(if length == 43 { Cost::Sha256Crypt { rounds } } else { Cost::Sha512Crypt { rounds } })
}
