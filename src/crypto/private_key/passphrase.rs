//! Keys under a passphrase: PKCS#8 with PBES2 (RFC 5958, RFC 8018).

use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::pkcs5::{EncryptionScheme, Error as Pkcs5Error};
use pkcs8::{EncryptedPrivateKeyInfoRef, Error, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::PrivateKeyError;
use crate::util::secret::Secret;

pub(super) const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// What we write: OWASP's recommendation of 2023 for PBKDF2 with HMAC-SHA-256.
const ROUNDS: u32 = 600_000;

/// Three times as much: about a second of one core, which is all that a file from somewhere else may
/// cost. The crate's own limit is a hundred million.
pub(super) const MAX_ROUNDS: u32 = 2_000_000;

/// N·r·p. OpenSSL writes 2^17; this is eight times as much. N·r alone, which is the memory in units
/// of 128 bytes, is below it as well: at most 128 MiB.
pub(super) const MAX_SCRYPT_WORK: u64 = 1 << 20;

/// Decrypts to the DER of a PKCS#8 key.
pub(super) fn decrypt(
    der: &[u8],
    passphrase: &Secret,
) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
    let info = EncryptedPrivateKeyInfoRef::try_from(der)
        .map_err(|_| PrivateKeyError::UnsupportedEncryption)?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(PrivateKeyError::UnsupportedEncryption);
    };
    bound(&parameters.kdf)?;
    match info.decrypt(passphrase.expose_secret()) {
        Ok(document) => Ok(Zeroizing::new(document.as_bytes().to_vec())),
        Err(Error::EncryptedPrivateKey(
            Pkcs5Error::UnsupportedAlgorithm { .. } | Pkcs5Error::AlgorithmParametersInvalid { .. },
        )) => Err(PrivateKeyError::UnsupportedEncryption),
        // One wrong passphrase in 256 seems to end in good padding, and then there is no DER.
        Err(_) => Err(PrivateKeyError::PassphraseWrong),
    }
}

fn bound(kdf: &Kdf) -> Result<(), PrivateKeyError> {
    let is_bounded = match kdf {
        Kdf::Pbkdf2(parameters) => (1..=MAX_ROUNDS).contains(&parameters.iteration_count),
        Kdf::Scrypt(parameters) => parameters
            .cost_parameter
            .checked_mul(u64::from(parameters.block_size))
            .and_then(|work| work.checked_mul(u64::from(parameters.parallelization)))
            .is_some_and(|work| (1..=MAX_SCRYPT_WORK).contains(&work)),
        _ => return Err(PrivateKeyError::UnsupportedEncryption),
    };
    if is_bounded { Ok(()) } else { Err(PrivateKeyError::TooMuchWork) }
}

/// Encrypts the DER of a PKCS#8 key with AES-256-CBC, under a key derived by PBKDF2 with HMAC-SHA-256:
/// what `openssl pkcs8 -topk8` writes, too, with more rounds.
pub(super) fn encrypt(pkcs8: &[u8], passphrase: &Secret) -> Result<Secret, PrivateKeyError> {
    if passphrase.expose_secret().is_empty() {
        return Err(PrivateKeyError::PassphraseEmpty);
    }
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    for bytes in [&mut salt, &mut iv] {
        aws_lc_rs::rand::fill(bytes).map_err(|_| PrivateKeyError::Backend)?;
    }
    let encrypt = || {
        let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv)?;
        let key = PrivateKeyInfoRef::try_from(pkcs8)?;
        let document = key.encrypt_with_params(parameters, passphrase.expose_secret())?;
        let pem = document.to_pem(LABEL, LineEnding::LF)?;
        Ok::<_, Error>(Secret::new(pem.as_str().to_owned()))
    };
    encrypt().map_err(|_| PrivateKeyError::Backend)
}

#[cfg(test)]
mod tests {
    use pkcs8::der::asn1::OctetStringRef;
    use pkcs8::pkcs5::pbes2::{Pbkdf2Params, Salt, ScryptParams};
    use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};

    use super::*;

    /// Something that claims to be encrypted under such a key; it never was.
    fn sealed(kdf: Kdf) -> Vec<u8> {
        let encryption =
            Parameters::generate_pbkdf2_sha256_aes256cbc(1, &[1; 16], [2; 16]).unwrap();
        let info = EncryptedPrivateKeyInfo {
            encryption_algorithm: Parameters { kdf, ..encryption }.into(),
            encrypted_data: OctetStringRef::new(&[7; 64]).unwrap(),
        };
        SecretDocument::try_from(info).unwrap().as_bytes().to_vec()
    }

    fn scrypt(cost_parameter: u64, block_size: u16, parallelization: u16) -> Kdf {
        let salt = Salt::new([3; 16]).unwrap();
        ScryptParams { salt, cost_parameter, block_size, parallelization, key_length: None }.into()
    }

    #[test]
    fn work_that_would_never_end_is_refused_before_it_begins() {
        let secret = Secret::new("x".to_owned());
        let refusal = |kdf| decrypt(&sealed(kdf), &secret).unwrap_err();
        let rounds = |rounds| Pbkdf2Params::hmac_sha256(rounds, &[3; 16]).unwrap().into();
        assert_eq!(refusal(rounds(MAX_ROUNDS + 1)), PrivateKeyError::TooMuchWork);
        assert_eq!(refusal(scrypt(1 << 17, 8, 2)), PrivateKeyError::TooMuchWork);
        assert_eq!(refusal(scrypt(1 << 62, 8, 1)), PrivateKeyError::TooMuchWork);
        // The work is done, and shows that this was not the passphrase.
        assert_eq!(refusal(rounds(2)), PrivateKeyError::PassphraseWrong);
        assert_eq!(refusal(scrypt(4, 8, 2)), PrivateKeyError::PassphraseWrong);
        let garbage = decrypt(&[0x30, 3, 2, 1, 0], &secret).unwrap_err();
        assert_eq!(garbage, PrivateKeyError::UnsupportedEncryption);
    }

    #[test]
    fn an_empty_passphrase_protects_nothing() {
        let refusal = encrypt(&[], &Secret::new(String::new())).unwrap_err();
        assert_eq!(refusal, PrivateKeyError::PassphraseEmpty);
    }
}
