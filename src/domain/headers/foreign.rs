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

/// Whether a name, in any spelling, is one of these.
pub fn is_foreign(name: &str) -> bool {
    // All of them begin so; nearly every other header is rejected by its first letter.
    matches!(
        name.as_bytes().first(),
        Some(b'f' | b'F' | b'x' | b'X' | b't' | b'T' | b'c' | b'C')
    ) && FOREIGN.iter().any(|foreign| alike(foreign, name))
}
