//! A path as it may be logged: bounded, and without what could be somebody's address or secret.

use std::borrow::Cow;

use crate::domain::api::mask_tokens;

/// The longest path that is logged, in bytes.
const LONGEST: usize = 256;
/// A run of letters and digits that is longer is no word.
const WORD: usize = 20;
const MASK: &str = "{masked}";

/// Stores put what they like into paths: e-mails, tokens of a password's reset, matrix parameters.
pub fn mask_path(path: &str) -> Cow<'_, str> {
    let path = mask_tokens(path);
    if path.len() <= LONGEST && !path.split('/').any(is_private) {
        return path;
    }
    let mut masked = String::with_capacity(LONGEST);
    for (at, segment) in path.split('/').enumerate() {
        let segment = if is_private(segment) { MASK } else { segment };
        if masked.len() + segment.len() + 1 > LONGEST {
            masked.push_str("/...");
            break;
        }
        if at > 0 {
            masked.push('/');
        }
        masked.push_str(segment);
    }
    Cow::Owned(masked)
}

fn is_private(segment: &str) -> bool {
    let mut bytes = segment.as_bytes().windows(3);
    segment.contains(['@', ';', '='])
        || bytes.any(|three| three.eq_ignore_ascii_case(b"%40"))
        || segment
            .split(|char: char| !char.is_ascii_alphanumeric())
            .any(is_opaque)
}

fn is_opaque(run: &str) -> bool {
    run.len() > WORD && run.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_and_tokens_are_masked_and_names_of_goods_are_not() {
        for (path, logged) in [
            ("/", "/"),
            (
                "/camiseta-azul-tamanho-m-12345678/p",
                "/camiseta-azul-tamanho-m-12345678/p",
            ),
            (
                "/order/26d2cb6c-213e-4936-9e2a-1d1e299ec33b",
                "/order/26d2cb6c-213e-4936-9e2a-1d1e299ec33b",
            ),
            ("/unsubscribe/ana@example.com", "/unsubscribe/{masked}"),
            ("/u/ana%40example.com/x", "/u/{masked}/x"),
            ("/a;jsessionid=17/b", "/{masked}/b"),
            (
                "/reset/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
                "/reset/{masked}",
            ),
            (
                "/x/eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEyMzQ1Njc4OTAifQ.c2ln",
                "/x/{masked}",
            ),
            ("/api/sessions/abc", "/api/sessions/{token}"),
        ] {
            assert_eq!(mask_path(path), logged, "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_the_line_is_short(path in "/[ -~]{0,600}") {
            prop_assert!(mask_path(&path).len() <= LONGEST + 8);
            prop_assert!(!mask_path(&path).contains('@'));
        }
    }
}
