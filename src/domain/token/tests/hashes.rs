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
    }
}
