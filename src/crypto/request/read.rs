//! The structure of a request (RFC 2986 §4), read strictly.

use super::alternative::AlternativeNames;
use super::error::RequestError;
use super::{MAX_BYTES, SigningRequest, signature};
use crate::crypto::asn1::{Oid, Reader, dotted, tag};

const fn broken(what: &'static str) -> RequestError {
    RequestError::Malformed(what)
}

pub(super) fn request(der: &[u8]) -> Result<SigningRequest, RequestError> {
    if der.len() > MAX_BYTES {
        return Err(RequestError::TooLarge);
    }
    let mut outer = Reader::only(der, tag::SEQUENCE).ok_or(broken("not one sequence"))?;
    let info = outer.element(tag::SEQUENCE).ok_or(broken("no request info"))?;
    let algorithm = outer.take(tag::SEQUENCE).ok_or(broken("no signature algorithm"))?;
    let signature = outer.take(tag::BIT_STRING).ok_or(broken("no signature"))?;
    let ([0, signature @ ..], true) = (signature, outer.is_empty()) else {
        return Err(broken("broken signature"));
    };
    let mut fields = Reader::new(info.content);
    if fields.take(tag::INTEGER) != Some(&[0]) {
        return Err(broken("its version is not 1"));
    }
    let subject = fields.element(tag::SEQUENCE).ok_or(broken("no subject"))?;
    let key = fields.element(tag::SEQUENCE).ok_or(broken("no key"))?;
    // Some programs leave out attributes when there are none; Go's library reads that, too.
    let attributes = match fields.peek() {
        None => Reader::new(&[]),
        Some(_) => fields.inside(tag::context_constructed(0)).ok_or(broken("broken attributes"))?,
    };
    if !fields.is_empty() {
        return Err(broken("something follows the attributes"));
    }
    signature::verify(key.whole, info.whole, algorithm, signature)?;

    let who = Names::read(subject.content)?;
    let mut request = SigningRequest {
        der: der.to_vec(),
        subject: subject.whole.to_vec(),
        public_key_info: key.whole.to_vec(),
        common_name: who.common_name,
        earlier_common_names: who.earlier_common_names,
        organizations: who.organizations,
        uid: who.uid,
        names: AlternativeNames::default(),
        other_extensions: Vec::new(),
    };
    if let Some(extensions) = extension_request(attributes)? {
        read_extensions(extensions, &mut request)?;
    }
    Ok(request)
}

/// What decides who the user is.
#[derive(Default)]
struct Names {
    common_name: Option<String>,
    earlier_common_names: Vec<String>,
    organizations: Vec<String>,
    uid: Option<String>,
}

impl Names {
    /// Reads the content of a `Name`. What is not understood here would be copied all the same and
    /// might be understood by somebody else; so an attribute that counts must be readable.
    fn read(content: &[u8]) -> Result<Self, RequestError> {
        let mut names = Self::default();
        let mut parts = Reader::new(content);
        while !parts.is_empty() {
            let mut part = parts.inside(tag::SET).ok_or(broken("broken subject"))?;
            if part.is_empty() {
                return Err(broken("empty part of the subject"));
            }
            while !part.is_empty() {
                let mut attribute = part.inside(tag::SEQUENCE).ok_or(broken("broken subject"))?;
                let id = attribute.take(tag::OBJECT_IDENTIFIER).filter(|id| dotted(id).is_some());
                let (Some(id), Some(value), true) = (id, attribute.any(), attribute.is_empty())
                else {
                    return Err(broken("broken subject"));
                };
                let text = |name| text(value.tag, value.content).ok_or(RequestError::Text(name));
                if Oid::COMMON_NAME.is(id) {
                    let last = names.common_name.replace(text("common name")?);
                    names.earlier_common_names.extend(last);
                } else if Oid::ORGANIZATION.is(id) {
                    names.organizations.push(text("organization")?);
                } else if Oid::KUBERNETES_UID.is(id) {
                    // API servers refuse certificates with several or an empty one (S-X509-5).
                    let uid = text("uid")?;
                    if uid.is_empty() {
                        return Err(RequestError::EmptyUid);
                    }
                    if names.uid.replace(uid).is_some() {
                        return Err(RequestError::SeveralUids);
                    }
                }
            }
        }
        Ok(names)
    }
}

/// The character sets that Go's library and ours read alike. Teletex and the two-byte sets of old are
/// not among them.
fn text(tag: u8, content: &[u8]) -> Option<String> {
    let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(byte);
    let is_valid = match tag {
        tag::UTF8_STRING => true,
        tag::PRINTABLE_STRING => content.iter().all(printable),
        tag::NUMERIC_STRING => content.iter().all(|byte| byte.is_ascii_digit() || *byte == b' '),
        tag::IA5_STRING => content.is_ascii(),
        _ => false,
    };
    if is_valid { std::str::from_utf8(content).ok().map(str::to_owned) } else { None }
}

/// The extensions that are asked for (RFC 2985 §5.4.2), at most once.
fn extension_request(mut attributes: Reader<'_>) -> Result<Option<Reader<'_>>, RequestError> {
    const BROKEN: RequestError = broken("broken attributes");

    let mut found = None;
    while !attributes.is_empty() {
        let mut attribute = attributes.inside(tag::SEQUENCE).ok_or(BROKEN)?;
        let id = attribute.take(tag::OBJECT_IDENTIFIER).ok_or(BROKEN)?;
        let mut values = attribute.inside(tag::SET).ok_or(BROKEN)?;
        if !attribute.is_empty() {
            return Err(BROKEN);
        }
        if Oid::EXTENSION_REQUEST.is(id) {
            let extensions = values.inside(tag::SEQUENCE).ok_or(BROKEN)?;
            if !values.is_empty() || found.replace(extensions).is_some() {
                return Err(broken("extensions are asked for twice"));
            }
        }
    }
    Ok(found)
}

fn read_extensions(
    mut extensions: Reader<'_>,
    request: &mut SigningRequest,
) -> Result<(), RequestError> {
    const BROKEN: RequestError = broken("broken extension");

    let mut seen = Vec::new();
    while !extensions.is_empty() {
        let mut extension = extensions.inside(tag::SEQUENCE).ok_or(BROKEN)?;
        let id = extension.take(tag::OBJECT_IDENTIFIER).ok_or(BROKEN)?;
        if extension.peek() == Some(tag::BOOLEAN) {
            extension.take(tag::BOOLEAN).ok_or(BROKEN)?;
        }
        let content = extension.take(tag::OCTET_STRING).ok_or(BROKEN)?;
        if !extension.is_empty() {
            return Err(BROKEN);
        }
        let name = dotted(id).ok_or(BROKEN)?;
        if seen.contains(&name) {
            return Err(broken("one extension is asked for twice"));
        }
        if Oid::SUBJECT_ALTERNATIVE_NAME.is(id) {
            request.names = AlternativeNames::read(content)?;
        } else {
            request.other_extensions.push(name.clone());
        }
        seen.push(name);
    }
    Ok(())
}
