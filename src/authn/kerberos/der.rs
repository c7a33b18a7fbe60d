/// The bytes are not DER, or not the DER that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads values of DER one after the other. Tags are single bytes, lengths definite and in their
/// shortest form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// What is left, unread.
    pub(super) const fn all(self) -> &'a [u8] {
        self.0
    }

    /// The content of the next value, which must have this tag.
    pub(super) fn take(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        if *first != tag {
            return Err(Malformed);
        }
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(content)
    }

    /// The content of the next value if it has this tag.
    pub(super) fn take_if(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        match self.0.first() {
            Some(first) if *first == tag => self.take(tag).map(Some),
            _ => Ok(None),
        }
    }

    /// Nothing may be left.
    pub(super) const fn end(self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// A length and what follows. Three bytes are enough for any token, which is shorter than 64 KiB.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let (length, shortest, rest) = match bytes {
        [short @ ..=0x7f, rest @ ..] => (usize::from(*short), 0, rest),
        [0x81, a, rest @ ..] => (usize::from(*a), 0x80, rest),
        [0x82, a, b, rest @ ..] => (usize::from(u16::from_be_bytes([*a, *b])), 0x100, rest),
        _ => return Err(Malformed),
    };
    if length < shortest { Err(Malformed) } else { Ok((length, rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_in_order_and_lengths_are_the_shortest() {
        let mut reader = Reader::new(&[0x04, 2, 7, 8, 0xa0, 0x81, 0x80]);
        assert_eq!(reader.take_if(0x05), Ok(None));
        assert_eq!(reader.take(0x04), Ok(&[7, 8][..]));
        assert_eq!(reader.end(), Err(Malformed));
        assert_eq!(reader.take(0xa0), Err(Malformed));
        assert_eq!(length(&[0x81, 0x7f]), Err(Malformed));
        assert_eq!(length(&[0x81, 0x80]).map(|(length, _)| length), Ok(0x80));
        assert_eq!(length(&[0x82, 0, 0xff]), Err(Malformed));
        assert_eq!(length(&[0x82, 1, 0]).map(|(length, _)| length), Ok(0x100));
        // Indefinite, and longer than any token.
        assert_eq!(length(&[0x80, 0, 0]), Err(Malformed));
        assert_eq!(length(&[0x83, 1, 0, 0]), Err(Malformed));
        assert_eq!(length(&[]), Err(Malformed));
    }
}
