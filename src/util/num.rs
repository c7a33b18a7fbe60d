//! Widths: tables count in 32 bits, memory in the machine's.

/// A table index as the machine counts. Lossless wherever the crate builds for 32 bits and more.
#[inline]
#[expect(clippy::as_conversions, reason = "u32 to usize loses nothing on 32-bit and wider targets")]
pub(crate) const fn index(id: u32) -> usize {
    id as usize
}

/// A position as tables count. `None` past four thousand million: the caller refuses the input.
#[inline]
pub(crate) fn id(position: usize) -> Option<u32> {
    u32::try_from(position).ok()
}

/// The low bits of a hash, as a position to be masked.
#[inline]
#[expect(clippy::as_conversions, reason = "truncation is meant: the caller masks")]
pub(crate) const fn low_index(hash: u64) -> usize {
    hash as usize
}

/// The low 32 bits of a hash.
#[inline]
#[expect(clippy::as_conversions, reason = "truncation is meant: a tag is a part of a hash")]
pub(crate) const fn low32(hash: u64) -> u32 {
    hash as u32
}
