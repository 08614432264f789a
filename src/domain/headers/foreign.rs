//! Headers by which proxies speak to each other. From a client that is no trusted proxy they are
//! claims, and are removed before anything reads them.

use super::owned::alike;

/// Names that pass only from trusted proxies (contract §9).
pub const FOREIGN: [&str; 21] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-http-method-override",
    "x-method-override",
    "x-http-method",
];

/// A bit for each of their lengths.
const LENGTHS: u32 = {
    let (mut lengths, mut rest) = (0, &FOREIGN as &[&str]);
    while let [name, others @ ..] = rest {
        lengths |= 1 << name.len();
        rest = others;
    }
    lengths
};

/// Whether a name, in any spelling, is one of these.
pub fn is_foreign(name: &str) -> bool {
    // Nearly every other header is told by its length and its first letter.
    name.len() < 32
        && LENGTHS & (1 << name.len()) != 0
        && matches!(
            name.as_bytes().first(),
            Some(b'f' | b'F' | b'x' | b'X' | b't' | b'T' | b'c' | b'C')
        )
        && FOREIGN.iter().any(|foreign| alike(foreign, name))
}
