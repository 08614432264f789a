//! Paths and hosts: one normal form, or a refusal.
//!
//! Input: a path, then on further lines a prefix, a target's authority and a Host line.

use percent_encoding::percent_decode_str;
use vestibule::domain::api::{ApiRoute, mask_tokens};
use vestibule::domain::request::{NormalPath, read_host};

/// The target.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (raw, prefix) = (line(), line());
    if let Ok(path) = NormalPath::read(raw) {
        is_one_path(raw, &path);
        is_below(&path, prefix);
        is_masked(path.as_str());
    }
    reads_host(line(), line());
}

/// Whatever reads the path decodes it to this one, and escaped it reads as itself.
fn is_one_path(raw: &str, path: &NormalPath) {
    let normal = path.as_str();
    let escaped = path.escaped();
    assert!(escaped.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(NormalPath::read(&escaped).as_ref(), Ok(path));
    assert_eq!(NormalPath::read_for("GET", raw).as_ref(), Ok(path));
    let segments: Vec<&str> = normal.split('/').filter(|part| !part.is_empty()).collect();
    assert_eq!(read_carelessly(raw), segments);
    assert!(!normal.chars().any(char::is_control));
    let trimmed = path.trimmed();
    assert!(trimmed == normal || format!("{trimmed}/") == normal);
}

/// The path as a server sees it that decodes over and over, reads backslashes as slashes, cuts
/// parameters and resolves dots.
fn read_carelessly(raw: &str) -> Vec<String> {
    let mut text = raw.to_owned();
    for _ in 0..4 {
        text = percent_decode_str(&text)
            .decode_utf8_lossy()
            .replace('\\', "/");
    }
    let mut path: Vec<String> = Vec::new();
    for segment in text.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(path.pop()),
            name => path.push(name.to_owned()),
        }
    }
    path
}

fn is_below(path: &NormalPath, prefix: &str) {
    let (normal, plain) = (path.as_str(), prefix.strip_suffix('/').unwrap_or(prefix));
    let below = path.below(prefix);
    assert_eq!(path.starts_with_segment(prefix), below.is_some());
    if let Some(rest) = below {
        assert_eq!(format!("{plain}{rest}"), normal);
        assert!(rest.is_empty() || rest.starts_with('/'));
    }
    assert_eq!(path.below("/"), Some(normal));
}

/// No token of a path is left in what is logged of it, whatever the account's root path is.
fn is_masked(path: &str) {
    let has_token = match ApiRoute::read(path) {
        Some(ApiRoute::SessionOf(token)) => {
            assert!(!token.contains('/'));
            true
        }
        Some(ApiRoute::SegmentOf(_) | ApiRoute::Unknown) => true,
        Some(
            ApiRoute::Session | ApiRoute::Segment | ApiRoute::Description | ApiRoute::KeepAlive,
        )
        | None => false,
    };
    if has_token {
        for rooted in [path.to_owned(), format!("/store{path}")] {
            let masked = mask_tokens(&rooted);
            assert!(masked.ends_with("/{token}"), "{masked}");
        }
    }
}

fn reads_host(authority: &str, line: &str) {
    let named = read_host(None, std::iter::once(line.as_bytes()));
    if let Ok(host) = &named {
        let text = host.as_str();
        assert!(text.len() <= 255 && !text.bytes().any(|byte| byte.is_ascii_uppercase()));
        assert!(!text.ends_with('.') && !text.contains(['/', '@', '%', ' ']));
        let again = read_host(Some(text), std::iter::once(text.as_bytes()));
        assert_eq!(again.as_ref(), Ok(host));
    }
    let both = read_host(Some(authority), std::iter::once(line.as_bytes()));
    if let Ok(host) = both {
        assert_eq!(named.as_ref(), Ok(&host));
        assert_eq!(read_host(Some(authority), std::iter::empty()), Ok(host));
    }
}
