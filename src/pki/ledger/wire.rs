//! The fields of records in JSON.

use std::fmt::Write;

/// Two digits a byte.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Values that display as what they are read from.
pub(super) mod text {
    use std::borrow::Cow;
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Cow::<'_, str>::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Bytes as hexadecimal digits.
pub(super) mod hex {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::to_hex(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = Cow::<'_, str>::deserialize(from)?;
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let bytes = digits.filter(|digits| digits.len().is_multiple_of(2)).map(|digits| {
            let pairs = digits.as_chunks::<2>().0.iter();
            pairs.map(|[high, low]| (high << 4) | low).collect()
        });
        bytes.ok_or_else(|| de::Error::custom("not pairs of hexadecimal digits"))
    }
}

/// Bytes as base64.
pub(super) mod base64 {
    use std::borrow::Cow;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = Cow::<'_, str>::deserialize(from)?;
        STANDARD.decode(text.as_bytes()).map_err(de::Error::custom)
    }
}

/// Seconds since 1970 as RFC 3339 text.
pub(super) mod time {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    use crate::model::utc::Utc;
    use crate::util::rfc3339;

    pub(crate) fn serialize<S: Serializer>(seconds: &i64, to: S) -> Result<S::Ok, S::Error> {
        let time = Utc(*seconds);
        if !time.is_writable() {
            // It could not be read again, and the record with it.
            return Err(ser::Error::custom("a time outside the years 0 to 9999"));
        }
        to.collect_str(&time)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        let text = Cow::<'_, str>::deserialize(from)?;
        let is_whole = |time: &rfc3339::Time| time.nanos == 0 && Utc(time.seconds).is_writable();
        let time = rfc3339::parse(&text).filter(is_whole);
        let time = time.ok_or_else(|| de::Error::custom("not an RFC 3339 time in seconds"))?;
        Ok(time.seconds)
    }
}
