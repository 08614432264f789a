//! What pages get from us for the browser: the script that keeps sessions alive (contract §12). It is
//! the same for every store and every shopper.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// Below an account's root path: the script.
pub const KEEPALIVE_PATH: &str = "/_session/keepalive.js";

/// `keepalive.js` without what only its readers need; `make keepalive` writes it.
const SENT: &str = include_str!("browser/keepalive.min.js");

/// A script as it is sent.
#[derive(Debug)]
pub struct Script {
    /// All of it.
    pub text: &'static str,
    /// Its entity tag (RFC 9110 §8.8.3), quotes included.
    pub etag: String,
}

impl Script {
    /// Whether an `If-None-Match` line names it (RFC 9110 §13.1.2, weak comparison).
    pub fn is_in(&self, line: &str) -> bool {
        let mut named = line.split(',').map(str::trim);
        named.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}

/// The script that keeps the session of an active shopper alive.
pub fn keepalive() -> &'static Script {
    static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
        let digest = Sha256::digest(SENT.as_bytes());
        let start = digest.iter().take(8);
        let tag = start.fold(0_u64, |tag, byte| (tag << 8) | u64::from(*byte));
        let etag = format!("\"{tag:016x}\"");
        Script { text: SENT, etag }
    });
    &SCRIPT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_that_is_sent_has_less_than_three_kilobytes() {
        let bytes = keepalive().text.len();
        assert!(bytes < 3 * 1024, "{bytes}");
        assert!(keepalive().text.is_ascii());
    }

    #[test]
    fn a_client_that_has_the_script_is_recognised_by_its_tag_alone() {
        let script = keepalive();
        let tag = &script.etag;
        for line in [
            tag.as_str(),
            "*",
            &format!("W/{tag}"),
            &format!("\"x\" , {tag}"),
        ] {
            assert!(script.is_in(line), "{line}");
        }
        for line in ["", "\"\"", tag.trim_matches('"'), "\"x\""] {
            assert!(!script.is_in(line), "{line}");
        }
    }
}
