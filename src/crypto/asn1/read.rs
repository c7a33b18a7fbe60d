/// The tags that are looked for (X.690 §8.1.2), with their class and whether they are constructed.
pub(in crate::crypto) mod tag {
    pub(in crate::crypto) const BOOLEAN: u8 = 0x01;
    pub(in crate::crypto) const INTEGER: u8 = 0x02;
    pub(in crate::crypto) const BIT_STRING: u8 = 0x03;
    pub(in crate::crypto) const OCTET_STRING: u8 = 0x04;
    pub(in crate::crypto) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(in crate::crypto) const UTF8_STRING: u8 = 0x0c;
    pub(in crate::crypto) const NUMERIC_STRING: u8 = 0x12;
    pub(in crate::crypto) const PRINTABLE_STRING: u8 = 0x13;
    pub(in crate::crypto) const IA5_STRING: u8 = 0x16;
    pub(in crate::crypto) const SEQUENCE: u8 = 0x30;
    pub(in crate::crypto) const SET: u8 = 0x31;

    /// `[number]` with something simple inside.
    pub(in crate::crypto) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]` around elements.
    pub(in crate::crypto) const fn context_constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::crypto) struct Element<'a> {
    /// Its identifier octet.
    pub(in crate::crypto) tag: u8,
    /// What is inside.
    pub(in crate::crypto) content: &'a [u8],
    /// All of it, tag and length included.
    pub(in crate::crypto) whole: &'a [u8],
}

/// Reads element after element. `None` is anything that DER does not allow, or that is not what was
/// asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::crypto) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(in crate::crypto) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(in crate::crypto) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever it is.
    pub(in crate::crypto) fn any(&mut self) -> Option<Element<'a>> {
        let [tag, rest @ ..] = self.0 else { return None };
        // Tags of more than one byte occur in nothing that we read.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, content) = length(rest)?;
        let (content, rest) = content.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len().checked_sub(rest.len())?)?;
        self.0 = rest;
        Some(Element { tag: *tag, content, whole })
    }

    /// The content of the next element, which must have this tag.
    pub(in crate::crypto) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element(tag).map(|element| element.content)
    }

    /// The next element, which must have this tag.
    pub(in crate::crypto) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        self.any().filter(|element| element.tag == tag)
    }

    /// What is inside the next element, which must have this tag.
    pub(in crate::crypto) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }

    /// The only element of these bytes, which must have this tag.
    pub(in crate::crypto) fn only(bytes: &'a [u8], tag: u8) -> Option<Self> {
        let mut reader = Self(bytes);
        let inside = reader.inside(tag)?;
        reader.is_empty().then_some(inside)
    }

    /// The tag of the next element.
    pub(in crate::crypto) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }
}

/// The length and what follows it: definite, and in the shortest form (X.690 §10.1). Up to 16 MiB.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, least, rest) = match bytes {
        [short @ ..=0x7f, rest @ ..] => (u32::from(*short), 0, rest),
        [0x81, a, rest @ ..] => (u32::from(*a), 0x80, rest),
        [0x82, a, b, rest @ ..] => (u32::from_be_bytes([0, 0, *a, *b]), 0x100, rest),
        [0x83, a, b, c, rest @ ..] => (u32::from_be_bytes([0, *a, *b, *c]), 0x1_0000, rest),
        _ => return None,
    };
    if length < least {
        return None;
    }
    Some((usize::try_from(length).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_one_by_one() {
        let mut reader = Reader::new(&[0x02, 1, 5, 0x30, 3, 0x04, 1, 9]);
        assert_eq!(reader.take(tag::INTEGER), Some(&[5][..]));
        let whole = [0x30, 3, 0x04, 1, 9];
        assert_eq!(reader.any().unwrap().whole, whole);
        assert!(reader.is_empty());
        assert_eq!(reader.any(), None);
        let mut inside = Reader::only(&whole, tag::SEQUENCE).unwrap();
        assert_eq!(inside.take(tag::OCTET_STRING), Some(&[9][..]));
        assert!(Reader::only(&[0x30, 0, 0], tag::SEQUENCE).is_none());
    }

    #[test]
    fn lengths_that_der_does_not_allow_are_refused() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 128]].concat();
        assert_eq!(Reader::new(&long).take(tag::OCTET_STRING).unwrap().len(), 128);
        for bad in [
            // Could be shorter.
            &[0x04, 0x81, 1, 0][..],
            &[0x04, 0x82, 0, 1, 0],
            // Indefinite.
            &[0x30, 0x80, 0, 0],
            // Longer than what is there.
            &[0x04, 2, 0],
            &[0x04, 0x84, 0, 0, 0, 1, 0],
            &[0x04],
            // A tag of two bytes.
            &[0x1f, 0x81, 0],
        ] {
            assert!(Reader::new(bad).any().is_none(), "{bad:?}");
        }
    }
}
