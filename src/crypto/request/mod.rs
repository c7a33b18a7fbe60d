//! What does somebody ask to be certified (PKCS#10, RFC 2986), and is the key theirs?
//!
//! A request is read strictly, and only once its own signature is verified: what is copied into a
//! certificate is byte for byte what was asked for.
//!
//! Absent on purpose: whether it should be granted (see `pki`), and every wish but the subject, the
//! key and the alternative names: other extensions are listed, never copied (S-CSR-17).

mod alternative;
mod error;
mod read;
mod signature;

use std::fmt;
use std::net::IpAddr;

use ::pem::{EncodeConfig, LineEnding, Pem};

pub use error::RequestError;

use self::alternative::AlternativeNames;
use super::asn1;
use super::certificate::{KeyDescription, KeyKind};
use super::private_key::PrivateKey;
use super::subject::Subject;

/// A request has no more bytes than this, in DER or PEM. An API server's own limit is that of its
/// store, 1.5 MiB for the whole object; a request with an RSA key and fifty names has 5 KiB.
pub const MAX_BYTES: usize = 64 * 1024;

const LABEL: &str = "CERTIFICATE REQUEST";

/// A certificate signing request whose signature is that of the key in it.
///
/// ```
/// use portcullis::crypto::private_key::{KeyAlgorithm, PrivateKey};
/// use portcullis::crypto::request::SigningRequest;
/// use portcullis::crypto::subject::Subject;
///
/// let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
/// let groups = ["dev", "ops", "dev"].map(str::to_owned).to_vec();
/// let subject = Subject { common_name: "jane".to_owned(), organizations: groups, uid: None };
/// let request = SigningRequest::create(&key, &subject)?;
///
/// let read = SigningRequest::from_pem(request.pem().as_bytes())?;
/// assert_eq!(read.common_name(), Some("jane"));
/// assert_eq!(read.organizations(), ["dev", "ops", "dev"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SigningRequest {
    der: Vec<u8>,
    subject: Vec<u8>,
    public_key_info: Vec<u8>,
    common_name: Option<String>,
    earlier_common_names: Vec<String>,
    organizations: Vec<String>,
    uid: Option<String>,
    names: AlternativeNames,
    other_extensions: Vec<String>,
}

impl SigningRequest {
    /// Reads the first PEM block, which must be `CERTIFICATE REQUEST` (S-CSR-3); what comes after it
    /// is not looked at, as an API server does. `NEW CERTIFICATE REQUEST` is refused, also as there.
    ///
    /// # Errors
    /// When there is no such block, or what [`from_der`](Self::from_der) refuses.
    pub fn from_pem(text: &[u8]) -> Result<Self, RequestError> {
        if text.len() > MAX_BYTES {
            return Err(RequestError::TooLarge);
        }
        let block = ::pem::parse(text).map_err(|_| RequestError::BlockType)?;
        if block.tag() != LABEL {
            return Err(RequestError::BlockType);
        }
        Self::from_der(block.contents())
    }

    /// Reads DER. Nothing may follow.
    ///
    /// # Errors
    /// When it is no request; when its signature is not that of its key, or made with SHA-1 or MD5;
    /// when the key is RSA below 2048 or above 8192 bits, or of a kind that cannot sign; and when the
    /// subject cannot be read as an API server will read it.
    pub fn from_der(der: &[u8]) -> Result<Self, RequestError> {
        read::request(der)
    }

    /// Makes a request for a key of one's own, and signs it.
    ///
    /// # Errors
    /// When the subject is nobody's, or the key cannot sign.
    pub fn create(key: &PrivateKey, subject: &Subject) -> Result<Self, RequestError> {
        if subject.common_name.is_empty() {
            return Err(RequestError::NoCommonName);
        }
        if subject.uid.as_deref() == Some("") {
            return Err(RequestError::EmptyUid);
        }
        let texts = subject.organizations.iter().chain([&subject.common_name]).chain(&subject.uid);
        if let Some(bad) = texts.into_iter().find(|text| text.chars().any(char::is_control)) {
            return Err(RequestError::ControlCharacter(bad.clone()));
        }
        let info = asn1::sequence(|writer| {
            writer.next().write_u8(0);
            writer.next().write_der(&subject.to_der());
            writer.next().write_der(key.public_key_info());
            // No attributes, but the field itself is not optional (RFC 2986 §4.1).
            writer.next().write_tagged_implicit(yasna::Tag::context(0), |writer| {
                writer.write_set(|_| {});
            });
        });
        Self::from_der(&key.signed(&info)?)
    }

    /// All of it.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// All of it, as one PEM block.
    #[must_use]
    pub fn pem(&self) -> String {
        let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
        ::pem::encode_config(&Pem::new(LABEL, self.der.as_slice()), config)
    }

    /// The `Name` that is asked for, in DER.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.subject
    }

    /// The key that is to be certified, a `SubjectPublicKeyInfo` in DER.
    #[must_use]
    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    /// What kind of key that is.
    #[must_use]
    pub fn key(&self) -> KeyDescription {
        // Only a key that was read is here; this is what one of no known kind would be.
        KeyDescription::of_public_key_info(&self.public_key_info).unwrap_or(KeyDescription {
            algorithm: KeyKind::Other(String::new()),
            bits: 0,
            curve: None,
        })
    }

    /// The common name; of several the last (S-X509-4).
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The common names before that one. Kubernetes does not look at them; other programs take the
    /// first.
    #[must_use]
    pub fn earlier_common_names(&self) -> &[String] {
        &self.earlier_common_names
    }

    /// Every organization, in order; duplicates and empty ones are kept (S-X509-4).
    #[must_use]
    pub fn organizations(&self) -> &[String] {
        &self.organizations
    }

    /// The uid that the user is to have (S-X509-5).
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        self.uid.as_deref()
    }

    /// The DNS names among the alternative names, as they are written.
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        &self.names.dns
    }

    /// The IP addresses among them.
    #[must_use]
    pub fn ip_addresses(&self) -> &[IpAddr] {
        &self.names.ip
    }

    /// The mail addresses among them.
    #[must_use]
    pub fn email_addresses(&self) -> &[String] {
        &self.names.email
    }

    /// The URIs among them.
    #[must_use]
    pub fn uris(&self) -> &[String] {
        &self.names.uri
    }

    /// The kinds of alternative names that are asked for and never granted, such as
    /// `directoryName`: an API server's signer drops them, too.
    #[must_use]
    pub fn other_names(&self) -> &[&'static str] {
        &self.names.other
    }

    /// The extensions besides alternative names that are asked for and never granted, as dotted
    /// object identifiers. Usages are among them: what a certificate is for is said beside the
    /// request, not in it.
    #[must_use]
    pub fn other_extensions(&self) -> &[String] {
        &self.other_extensions
    }

    /// Writes the alternative names, if there are any (RFC 5280 §4.2.1.6). They are critical when
    /// they are all that names the subject.
    pub(super) fn write_alternative_names(&self, writer: &mut yasna::DERWriterSeq<'_>) {
        if !self.names.is_empty() {
            let is_critical = self.subject == [asn1::tag::SEQUENCE, 0];
            asn1::extension(writer, asn1::Oid::SUBJECT_ALTERNATIVE_NAME, is_critical, |writer| {
                self.names.write(writer);
            });
        }
    }
}

impl fmt::Debug for SigningRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningRequest")
            .field("common_name", &self.common_name)
            .field("organizations", &self.organizations)
            .field("uid", &self.uid)
            .field("names", &self.names)
            .field("other_extensions", &self.other_extensions)
            .finish_non_exhaustive()
    }
}
