//! DER (X.690) as requests and certificates need it: a strict reader, object identifiers, times.
//!
//! Absent on purpose: writing, which is `yasna`'s, and the reading of certificates of others, which
//! is `x509-parser`'s. What we copy into something that we sign is read here, since a lenient reader
//! would let bytes through that the next program reads otherwise.

mod oid;
mod read;
mod time;

pub(super) use oid::{Oid, dotted};
pub(super) use read::{Reader, tag};
pub(super) use time::time;

use yasna::{DERWriter, DERWriterSeq};

/// A sequence, with tag and length.
pub(super) fn sequence(content: impl FnOnce(&mut DERWriterSeq<'_>)) -> Vec<u8> {
    yasna::construct_der(|writer| writer.write_sequence(content))
}

/// What every extension is: its id, whether one must understand it, and the DER inside.
pub(super) fn extension(
    writer: &mut DERWriterSeq<'_>,
    id: Oid,
    is_critical: bool,
    content: impl FnOnce(DERWriter<'_>),
) {
    writer.next().write_sequence(|writer| {
        id.write(writer.next());
        // False is the default, which DER leaves out.
        if is_critical {
            writer.next().write_bool(true);
        }
        writer.next().write_bytes(&yasna::construct_der(content));
    });
}

/// A bit string of whole bytes, as signatures and keys are.
pub(super) fn bit_string(writer: DERWriter<'_>, bytes: &[u8]) {
    writer.write_bitvec_bytes(bytes, bytes.len().saturating_mul(8));
}
