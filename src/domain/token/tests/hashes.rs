//! The hash by which a token is recognised.

use super::*;

#[test]
fn a_hash_covers_the_whole_token_and_the_key() {
    let (one, other) = (HashKey::from_bytes([1; 16]), HashKey::from_bytes([2; 16]));
    assert_eq!(hash_token(&one, "a.b.c"), hash_token(&one, "a.b.c"));
    assert_ne!(hash_token(&one, "a.b.c"), hash_token(&one, "a.b.d"));
    assert_ne!(hash_token(&one, "a.b.c"), hash_token(&other, "a.b.c"));
    let kept = TokenHash::from_u128(hash_token(&one, "a.b.c").as_u128());
    assert_eq!(kept, hash_token(&one, "a.b.c"));
}

#[test]
fn a_cookie_hash_is_of_name_and_value() {
    let key = HashKey::from_bytes([1; 16]);
    let hash = hash_cookie(&key, "a", "bc");
    assert_eq!(hash.len(), 32);
    assert!(hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    assert_eq!(hash, hash_cookie(&key, "a", "bc"));
    for (name, value) in [("ab", "c"), ("a", "bd"), ("", "abc"), ("abc", "")] {
        assert_ne!(hash, hash_cookie(&key, name, value));
        assert!(!is_cookie_hash(&hash, &key, name, value));
    }
}

#[test]
fn a_kept_cookie_hash_is_known_again_in_its_one_spelling() {
    let key = HashKey::from_bytes([1; 16]);
    for value in ["", "b", "bc", "bcd"] {
        let hash = hash_cookie(&key, "a", value);
        assert!(is_cookie_hash(&hash, &key, "a", value));
        for kept in [
            hash.to_uppercase()
                .replace(|b: char| b.is_ascii_digit(), "A"),
            hash.chars().skip(1).collect(),
            format!("{hash}0"),
            format!("+{}", hash.chars().skip(1).collect::<String>()),
            String::new(),
        ] {
            assert!(!is_cookie_hash(&kept, &key, "a", value), "{kept}");
        }
    }
}
