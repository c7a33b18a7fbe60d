use std::fmt;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::authn::Secret;

/// What the API server warns about in a header with two spaces (S-AUTHN-13).
pub const EXTRA_SPACE: &str = "the provided Authorization header contains extra space before the bearer token, and is ignored";

/// The subprotocol that carries a token (S-AUTHN-15).
const WEBSOCKET_PREFIX: &str = "base64url.bearer.authorization.k8s.io.";

/// Go's raw URL encoding: no padding, and the unused bits of the last character do not count.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// An `Authorization` header, read as the API server reads it (S-AUTHN-13).
///
/// ```
/// use portcullis::authn::request::{EXTRA_SPACE, Header};
///
/// assert_eq!(Header::parse("bearer t0k3n").token, Some("t0k3n"));
/// assert_eq!(Header::parse("Basic amFuZQ==").token, None);
/// assert_eq!(Header::parse("Bearer  t0k3n").warning, Some(EXTRA_SPACE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The token; never empty. `None` is no opinion.
    pub token: Option<&'a str>,
    /// What to tell the client in a `Warning` header.
    pub warning: Option<&'static str>,
}

impl<'a> Header<'a> {
    /// Reads the value of the header.
    #[must_use]
    pub fn parse(value: &'a str) -> Self {
        let mut parts = value.trim().splitn(3, ' ');
        let is_bearer = parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
        match (parts.next(), parts.next()) {
            (Some(""), Some(_)) if is_bearer => Self { token: None, warning: Some(EXTRA_SPACE) },
            (Some(token), _) if is_bearer && !token.is_empty() => {
                // A third part is ignored.
                Self { token: Some(token), warning: None }
            }
            _ => Self { token: None, warning: None },
        }
    }
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("token", &self.token.map(|_| "[secret]"))
            .field("warning", &self.warning)
            .finish()
    }
}

/// The token among the subprotocols of a request that is to become a websocket (S-AUTHN-15).
#[derive(Debug)]
pub struct Websocket<'a> {
    token: Secret,
    others: Vec<&'a str>,
}

/// Why the subprotocols are refused, in the words of the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebsocketError {
    /// More than one token.
    #[error("multiple base64.bearer.authorization tokens specified")]
    Multiple,
    /// Not base64url without padding.
    #[error("invalid base64.bearer.authorization token encoding")]
    Encoding,
    /// Not UTF-8.
    #[error("invalid base64.bearer.authorization token")]
    Utf8,
    /// A token and nothing that the server could select in its place.
    #[error("missing additional subprotocol")]
    Alone,
}

impl<'a> Websocket<'a> {
    /// Reads the values of all `Sec-WebSocket-Protocol` headers. `None`, without a token or with an
    /// empty one, is no opinion. Whether the request is an upgrade is the caller's to know.
    ///
    /// # Errors
    /// [`WebsocketError`], which is an error of the request and no lack of credentials.
    pub fn parse(headers: &[&'a str]) -> Result<Option<Self>, WebsocketError> {
        let mut encoded = None;
        let mut others = Vec::new();
        for protocol in headers.iter().flat_map(|header| header.split(',')).map(str::trim) {
            match protocol.strip_prefix(WEBSOCKET_PREFIX) {
                None => others.push(protocol),
                Some(_) if encoded.is_some() => return Err(WebsocketError::Multiple),
                Some(token) => {
                    let bytes = BASE64.decode(token).map_err(|_| WebsocketError::Encoding)?;
                    let text = String::from_utf8(bytes).map_err(|_| WebsocketError::Utf8)?;
                    encoded = Some(Secret::new(text));
                }
            }
        }
        match encoded {
            Some(_) if others.is_empty() => Err(WebsocketError::Alone),
            Some(token) if !token.expose_secret().is_empty() => Ok(Some(Self { token, others })),
            Some(_) | None => Ok(None),
        }
    }

    /// The token; never empty.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.expose_secret()
    }

    /// What the header must say after the token was accepted: all subprotocols but the one with it.
    #[must_use]
    pub fn other_protocols(&self) -> String {
        self.others.join(",")
    }
}
