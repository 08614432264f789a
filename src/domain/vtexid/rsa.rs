//! Which RSA keys are too weak to believe (RFC 8725 §3.2, §3.5).

use super::keys::KeyFault;

const LEAST_BITS: usize = 2048;
/// What the library verifies; a longer key costs every request more.
const MOST_BITS: usize = 4096;

/// Moduli of a flawed generator (CVE-2017-15361) are powers of 65537 modulo each of these.
const FINGERPRINT_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR: u32 = 65537;

/// Checks a big-endian modulus and exponent.
pub(super) fn check_strength(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyFault> {
    let bits = bit_length(modulus);
    if !(LEAST_BITS..=MOST_BITS).contains(&bits) {
        return Err(KeyFault::RsaSize(bits));
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    // With exponent 1 every text signs itself; 3 is the least that is sound.
    if !odd(exponent) || !(2..=32).contains(&bit_length(exponent)) || !odd(modulus) {
        return Err(KeyFault::RsaNumbers);
    }
    if FINGERPRINT_PRIMES
        .iter()
        .all(|prime| is_power_of_generator(remainder(modulus, *prime), *prime))
    {
        return Err(KeyFault::RsaFlawed);
    }
    Ok(())
}

fn bit_length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number
        .get(zeros)
        .map_or(0, |byte| byte.leading_zeros() as usize);
    (number.len() - zeros) * 8 - first
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_generator(residue: u32, prime: u32) -> bool {
    let step = GENERATOR % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == residue {
            return true;
        }
        power = power * step % prime;
    }
    false
}
