//! Signatures of a public set (`tests/data/wycheproof`), through the same steps as a login token.

use serde_json::{Value, json};

use super::super::keys::VtexIdKeys;
use super::MAX_VTEXID_BYTES;
use crate::domain::jws::Compact;

const VECTORS: &str = include_str!("../../../../tests/data/wycheproof/json_web_signature.json");

/// What is asked of a token before its claims: a shape, a key that it names, that key's own algorithm
/// and signature.
fn is_signed(keys: &VtexIdKeys, token: &str) -> bool {
    let Ok(compact) = Compact::read(token, MAX_VTEXID_BYTES) else {
        return false;
    };
    let key = compact
        .header()
        .kid
        .as_deref()
        .and_then(|kid| keys.find(kid));
    key.is_some_and(|key| {
        compact.header().algorithm == key.algorithm() && compact.is_signed_by(key)
    })
}

#[test]
fn signatures_of_the_public_set_are_judged_as_it_says() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut judged = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let set = json!({ "keys": [group["public"]] }).to_string();
        let (keys, warnings) = VtexIdKeys::parse(&set).unwrap();
        assert_eq!(warnings, []);
        for test in group["tests"].as_array().unwrap() {
            let expected = test["result"] == "valid";
            let token = test["jws"].as_str().unwrap();
            assert_eq!(is_signed(&keys, token), expected, "{test}");
            judged += 1;
        }
    }
    assert_eq!(judged, 22);
}
