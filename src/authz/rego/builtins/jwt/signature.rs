use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey, VerificationAlgorithm,
};

use super::keys::{Curve, Key, Material};

/// An algorithm of RFC 7518 or RFC 8037. `none` is not among them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    EdDsa,
    Es256,
    Es384,
    Es512,
    Hs256,
    Hs384,
    Hs512,
    Ps256,
    Ps384,
    Ps512,
    Rs256,
    Rs384,
    Rs512,
}

impl Algorithm {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "EdDSA" => Self::EdDsa,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "HS256" => Self::Hs256,
            "HS384" => Self::Hs384,
            "HS512" => Self::Hs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            _ => return None,
        })
    }

    pub(super) const fn is_hmac(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    pub(super) fn verify_hmac(self, secret: &[u8], signed: &[u8], signature: &[u8]) -> bool {
        let algorithm = match self {
            Self::Hs256 => hmac::HMAC_SHA256,
            Self::Hs384 => hmac::HMAC_SHA384,
            Self::Hs512 => hmac::HMAC_SHA512,
            _ => return false,
        };
        hmac::verify(&hmac::Key::new(algorithm, secret), signed, signature).is_ok()
    }

    /// Whether this key signed this. A key of another kind did not.
    pub(super) fn verify(self, key: &Key, signed: &[u8], signature: &[u8]) -> bool {
        match &key.material {
            Material::Rsa { modulus, exponent } => {
                let key = PublicKeyComponents { n: modulus, e: exponent };
                self.rsa().is_some_and(|how| key.verify(how, signed, signature).is_ok())
            }
            Material::RsaDer(der) => {
                self.rsa().is_some_and(|how| check(how, der, signed, signature))
            }
            Material::Ec(curve, point) => match (self, curve) {
                (Self::Es256, Curve::P256) => {
                    check(&ECDSA_P256_SHA256_FIXED, point, signed, signature)
                }
                (Self::Es384, Curve::P384) => {
                    check(&ECDSA_P384_SHA384_FIXED, point, signed, signature)
                }
                (Self::Es512, Curve::P521) => {
                    check(&ECDSA_P521_SHA512_FIXED, point, signed, signature)
                }
                _ => false,
            },
            Material::Ed25519(key) => {
                self == Self::EdDsa && check(&ED25519, key, signed, signature)
            }
        }
    }

    const fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Self::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &RSA_PSS_2048_8192_SHA512,
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            _ => return None,
        })
    }
}

fn check(
    how: &'static dyn VerificationAlgorithm,
    key: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(how, key).verify(signed, signature).is_ok()
}
