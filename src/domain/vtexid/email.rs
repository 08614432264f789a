//! One spelling for an e-mail address, for looking people up and for comparing them.

/// Longest address (RFC 5321 §4.5.3.1.3, less the brackets).
const MAX_BYTES: usize = 254;

/// The canonical form: trimmed, ASCII letters in lower case. None where the text is no single
/// address with exactly one `@`.
///
/// Letters outside ASCII stay as they are: folding them makes two people's addresses equal.
pub fn canonical_email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.split_once('@')?;
    let plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| {
                !c.is_whitespace()
                    && !c.is_control()
                    && !matches!(c, '@' | ',' | ';' | '<' | '>' | '"' | '\\')
            })
    };
    (text.len() <= MAX_BYTES && plain(local) && plain(domain)).then(|| text.to_ascii_lowercase())
}
