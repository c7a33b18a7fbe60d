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
