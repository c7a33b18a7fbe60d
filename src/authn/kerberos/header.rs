use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::LONGEST_TOKEN;
use crate::authn::SecretBytes;

/// The scheme of the header (RFC 4559 section 4).
pub const SCHEME: &str = "Negotiate";

/// Why an `Authorization: Negotiate` header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The scheme alone.
    #[error("the `Authorization: Negotiate` header holds no token")]
    NoToken,
    /// Not base64, or several tokens.
    #[error("the token of the `Authorization: Negotiate` header is not base64")]
    Base64,
    /// More than any token has.
    #[error(
        "the `Authorization: Negotiate` header has {0} bytes, more than a token of {LONGEST_TOKEN} bytes needs"
    )]
    TooLong(usize),
}

/// The token of an `Authorization` header, base64 taken off; `None` when its scheme is another.
///
/// ```
/// use portcullis::authn::kerberos::parse_header;
///
/// assert_eq!(parse_header(b"Negotiate YII=")?.unwrap().expose_secret(), [0x60, 0x82]);
/// assert!(parse_header(b"Bearer YII=")?.is_none());
/// assert!(parse_header(b"Negotiate").is_err());
/// # Ok::<(), portcullis::authn::kerberos::HeaderError>(())
/// ```
///
/// # Errors
/// When the scheme is `Negotiate`, and no token of a bearable length follows.
pub fn parse_header(value: &[u8]) -> Result<Option<SecretBytes>, HeaderError> {
    let value = value.trim_ascii();
    let (scheme, token) = match value.iter().position(|byte| matches!(byte, b' ' | b'\t')) {
        Some(at) => value.split_at_checked(at).unwrap_or((value, &[])),
        None => (value, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) {
        return Ok(None);
    }
    let token = token.trim_ascii();
    if token.is_empty() {
        return Err(HeaderError::NoToken);
    }
    if token.len() > LONGEST_TOKEN.div_ceil(3).saturating_mul(4) {
        return Err(HeaderError::TooLong(value.len()));
    }
    let token = STANDARD.decode(token).map_err(|_| HeaderError::Base64)?;
    Ok(Some(SecretBytes::from(token)))
}

/// The value of a `WWW-Authenticate` header: the scheme alone asks for a token, with a reply it
/// proves the server to the client.
///
/// ```
/// use portcullis::authn::kerberos::challenge;
///
/// assert_eq!(challenge(None), "Negotiate");
/// assert_eq!(challenge(Some(&[0xa1])), "Negotiate oQ==");
/// ```
#[must_use]
pub fn challenge(reply: Option<&[u8]>) -> String {
    match reply {
        None => SCHEME.to_owned(),
        Some(reply) => format!("{SCHEME} {}", STANDARD.encode(reply)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(value: &str) -> Result<Option<Vec<u8>>, HeaderError> {
        let token = parse_header(value.as_bytes())?;
        Ok(token.map(|token| token.expose_secret().to_vec()))
    }

    #[test]
    fn a_token_is_read_whatever_the_case_and_the_blanks() {
        for value in ["Negotiate AQID", "negotiate AQID", "NEGOTIATE   AQID ", "\tNegotiate\tAQID"]
        {
            assert_eq!(token(value), Ok(Some(vec![1, 2, 3])), "{value:?}");
        }
        for value in ["", "Basic AQID", "Negotiated AQID", "Bearer", "AQID"] {
            assert_eq!(token(value), Ok(None), "{value:?}");
        }
    }

    #[test]
    fn half_a_header_is_refused_and_so_is_an_endless_one() {
        assert_eq!(token("Negotiate"), Err(HeaderError::NoToken));
        assert_eq!(token("Negotiate  "), Err(HeaderError::NoToken));
        for value in ["AQI", "AQ-D", "AQID AQID", "AQID,", "AQ\u{0}D", "AQJ="] {
            assert_eq!(token(&format!("Negotiate {value}")), Err(HeaderError::Base64), "{value:?}");
        }
        let longest = format!("Negotiate {}", STANDARD.encode(vec![0; LONGEST_TOKEN]));
        assert_eq!(token(&longest).unwrap().unwrap().len(), LONGEST_TOKEN);
        let longer = format!("Negotiate {}", STANDARD.encode(vec![0; LONGEST_TOKEN + 3]));
        assert_eq!(token(&longer), Err(HeaderError::TooLong(longer.len())));
        let debug = format!("{:?}", parse_header(b"Negotiate AQID"));
        assert_eq!(debug, "Ok(Some([secret]))");
    }
}
