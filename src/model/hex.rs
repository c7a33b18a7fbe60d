//! Hexadecimal digits of fingerprints, fast: every request with a certificate carries 64.

/// Without a branch, so that the compiler looks at many digits at once.
pub(super) fn are_hexadecimal(digits: &[u8; 64]) -> bool {
    let bad = |digit: u8| {
        let is_number = digit.wrapping_sub(b'0') < 10;
        let is_letter = (digit | 0x20).wrapping_sub(b'a') < 6;
        u8::from(!(is_number | is_letter))
    };
    digits.iter().fold(0, |found, &digit| found | bad(digit)) == 0
}

/// Four bytes from eight hexadecimal digits, all at once.
pub(super) const fn four_bytes(digits: [u8; 8]) -> u64 {
    let digits = u64::from_be_bytes(digits);
    // As in `nibble`, in each of eight bytes.
    let nibbles = (digits & 0x0f0f_0f0f_0f0f_0f0f) + 9 * ((digits >> 6) & 0x0101_0101_0101_0101);
    let bytes = (nibbles | (nibbles >> 4)) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes | (bytes >> 8)) & 0x0000_ffff_0000_ffff;
    (pairs | (pairs >> 16)) & 0xffff_ffff
}

/// The value of a hexadecimal digit of either case.
pub(super) const fn nibble(digit: u8) -> u8 {
    // Letters have bit 6 set, and their low bits begin at 1.
    (digit & 0x0f) + 9 * (digit >> 6)
}
