//! The form of culture tags such as `pt-BR`.

/// Longest tag (the buffer that RFC 5646 §4.4.1 asks for).
const MAX_BYTES: usize = 35;

/// Whether a text has the form of a culture tag: a language of two or three letters, then parts of
/// two to eight letters or digits (RFC 5646 §2.1, as far as stores use it).
pub(crate) fn is_culture(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    text.len() <= MAX_BYTES
        && (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_culture_is_a_language_and_what_narrows_it() {
        for text in ["en", "pt-BR", "es-419", "zh-Hant-TW", "fil-PH", "EN-us"] {
            assert!(is_culture(text), "{text}");
        }
        for text in [
            "", "e", "english", "pt_BR", "pt-", "pt-B", "-BR", "p1-BR", "pt-BR\n",
        ] {
            assert!(!is_culture(text), "{text:?}");
        }
        assert!(!is_culture(&format!("en{}", "-abcdefgh".repeat(4))));
    }
}
