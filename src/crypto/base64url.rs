use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::NO_PAD};

/// Unpadded base64url of RFC 7515 §2. A last symbol with bits that no byte uses is refused: such
/// text is a second spelling of the same bytes, and tokens would have more than one spelling.
const ENGINE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, STRICT);

const STRICT: GeneralPurposeConfig = NO_PAD
    .with_decode_allow_trailing_bits(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireNone);

/// The bytes of a canonical unpadded base64url text; `None` for every other text.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// The text of some bytes.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    ENGINE.encode(bytes)
}
