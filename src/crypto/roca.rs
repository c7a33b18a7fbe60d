//! The mark of RSA keys from the broken generator of CVE-2017-15361 ("The Return of Coppersmith's
//! Attack", Nemec et al. 2017, §5.1): modulo each small prime the modulus is a power of 65537.

/// Every prime that the generator's smallest primorial holds, without 2.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether a big-endian modulus bears the mark. Another modulus does so by chance about once in
/// 2^27.
pub(super) fn is_marked(modulus: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| is_power_of_65537(residue(modulus, prime), prime))
}

fn residue(number: &[u8], prime: u32) -> u32 {
    // INVARIANT: below 167 * 256 + 256, so nothing overflows.
    number.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let base = 65537 % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == residue {
            return true;
        }
        power = power * base % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_of_65537_is_marked_and_its_neighbour_is_not() {
        // 65537^2 is 1 modulo 3 and 65537^2 + 1 is 2, both powers; modulo 11 the powers are
        // 1, -1, and the neighbour is none.
        let square = 65537_u64 * 65537;
        assert!(is_marked(&square.to_be_bytes()));
        assert!(!is_marked(&(square + 1).to_be_bytes()));
    }
}
