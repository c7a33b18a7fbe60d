use yasna::DERWriter;
use yasna::models::ObjectIdentifier;

/// An object identifier that we write or look for: its arcs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::crypto) struct Oid(&'static [u64]);

impl Oid {
    // Attributes of names (RFC 5280 appendix A.1).
    pub(in crate::crypto) const COMMON_NAME: Self = Self(&[2, 5, 4, 3]);
    pub(in crate::crypto) const ORGANIZATION: Self = Self(&[2, 5, 4, 10]);
    /// S-X509-5.
    pub(in crate::crypto) const KUBERNETES_UID: Self = Self(&[1, 3, 6, 1, 4, 1, 57683, 2]);

    // Extensions (RFC 5280 §4.2, §5.2, §5.3).
    pub(in crate::crypto) const SUBJECT_KEY_ID: Self = Self(&[2, 5, 29, 14]);
    pub(in crate::crypto) const KEY_USAGE: Self = Self(&[2, 5, 29, 15]);
    pub(in crate::crypto) const SUBJECT_ALTERNATIVE_NAME: Self = Self(&[2, 5, 29, 17]);
    pub(in crate::crypto) const BASIC_CONSTRAINTS: Self = Self(&[2, 5, 29, 19]);
    pub(in crate::crypto) const CRL_NUMBER: Self = Self(&[2, 5, 29, 20]);
    pub(in crate::crypto) const REASON_CODE: Self = Self(&[2, 5, 29, 21]);
    pub(in crate::crypto) const AUTHORITY_KEY_ID: Self = Self(&[2, 5, 29, 35]);
    pub(in crate::crypto) const EXTENDED_KEY_USAGE: Self = Self(&[2, 5, 29, 37]);

    /// The attribute of a request that asks for extensions (RFC 2985 §5.4.2).
    pub(in crate::crypto) const EXTENSION_REQUEST: Self = Self(&[1, 2, 840, 113549, 1, 9, 14]);

    // Signature algorithms (RFC 4055, RFC 5758, RFC 8410).
    pub(in crate::crypto) const SHA256_WITH_RSA: Self = Self(&[1, 2, 840, 113549, 1, 1, 11]);
    pub(in crate::crypto) const ECDSA_WITH_SHA256: Self = Self(&[1, 2, 840, 10045, 4, 3, 2]);
    pub(in crate::crypto) const ECDSA_WITH_SHA384: Self = Self(&[1, 2, 840, 10045, 4, 3, 3]);
    pub(in crate::crypto) const ED25519: Self = Self(&[1, 3, 101, 112]);

    /// With these arcs.
    pub(in crate::crypto) const fn new(arcs: &'static [u64]) -> Self {
        Self(arcs)
    }

    /// Writes it with tag and length.
    pub(in crate::crypto) fn write(self, writer: DERWriter<'_>) {
        writer.write_oid(&ObjectIdentifier::from_slice(self.0));
    }

    /// Whether an object identifier that was read, without tag and length, is this one.
    pub(in crate::crypto) fn is(self, content: &[u8]) -> bool {
        let mut arcs = Arcs::of(content);
        let same = self.0.iter().all(|arc| arcs.next() == Some(Some(*arc)));
        same && arcs.next().is_none()
    }
}

/// `2.5.29.17`, of the content of an object identifier. `None` when it is none.
pub(in crate::crypto) fn dotted(content: &[u8]) -> Option<String> {
    let arcs: Option<Vec<String>> =
        Arcs::of(content).map(|arc| arc.map(|arc| arc.to_string())).collect();
    arcs.filter(|arcs| !arcs.is_empty()).map(|arcs| arcs.join("."))
}

/// The arcs of an encoded identifier; `Some(None)` where it is broken.
struct Arcs<'a> {
    rest: &'a [u8],
    /// The first number on the wire holds two arcs.
    second: Option<u64>,
    is_first: bool,
}

impl<'a> Arcs<'a> {
    const fn of(content: &'a [u8]) -> Self {
        Self { rest: content, second: None, is_first: true }
    }

    fn number(&mut self) -> Option<u64> {
        let mut number: u64 = 0;
        while let [byte, rest @ ..] = self.rest {
            self.rest = rest;
            // A leading 0x80 would be a second way to write the same arc.
            if number == 0 && *byte == 0x80 {
                return None;
            }
            number = number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

impl Iterator for Arcs<'_> {
    type Item = Option<u64>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(second) = self.second.take() {
            return Some(Some(second));
        }
        if self.rest.is_empty() {
            return None;
        }
        let Some(number) = self.number() else {
            self.rest = &[];
            return Some(None);
        };
        if !self.is_first {
            return Some(Some(number));
        }
        self.is_first = false;
        // X.690 §8.19.4: 40 times the first arc, which is at most 2, plus the second.
        let first = (number / 40).min(2);
        self.second = Some(number.saturating_sub(first.saturating_mul(40)));
        Some(Some(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(id: Oid) -> Vec<u8> {
        yasna::construct_der(|writer| id.write(writer))[2..].to_vec()
    }

    #[test]
    fn an_identifier_is_itself_and_no_other() {
        let ids = [Oid::COMMON_NAME, Oid::KUBERNETES_UID, Oid::EXTENSION_REQUEST, Oid::ED25519];
        for (index, id) in ids.into_iter().enumerate() {
            let bytes = content(id);
            for (other, candidate) in ids.into_iter().enumerate() {
                assert_eq!(candidate.is(&bytes), index == other);
            }
            assert!(!id.is(&bytes[..bytes.len() - 1]));
            assert!(!id.is(&[&bytes[..], &[1]].concat()));
        }
    }

    #[test]
    fn identifiers_are_told_with_dots_and_broken_ones_are_not() {
        assert_eq!(dotted(&content(Oid::KUBERNETES_UID)).unwrap(), "1.3.6.1.4.1.57683.2");
        assert_eq!(dotted(&content(Oid::new(&[2, 999, 3]))).unwrap(), "2.999.3");
        for broken in [&[][..], &[0x55, 0x80, 0x01], &[0x55, 0x81], &[0xff; 12]] {
            assert_eq!(dotted(broken), None, "{broken:?}");
        }
    }
}
