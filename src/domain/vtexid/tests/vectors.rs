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

/// The whole set, which is not kept here: `WYCHEPROOF` names its file.
#[test]
#[ignore = "asks for the whole public set: make test-extended runs it"]
fn of_the_whole_public_set_nothing_invalid_is_taken() {
    let file =
        std::env::var_os("WYCHEPROOF").expect("WYCHEPROOF names json_web_signature_test.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (mut good, mut refused) = (0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        let set = json!({ "keys": [key] }).to_string();
        let (keys, warnings) = VtexIdKeys::parse(&set).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let token = test["jws"].as_str().unwrap_or_default();
            if !is_signed(&keys, token) {
                refused += 1;
                let ours = warnings.is_empty() && test["result"] == "valid";
                // A token has to name its key.
                let named = Compact::read(token, MAX_VTEXID_BYTES)
                    .is_ok_and(|compact| compact.header().kid.is_some());
                assert!(
                    !(ours && named),
                    "valid, of a key that counts, and refused: {test}"
                );
                continue;
            }
            good += 1;
            assert_eq!(test["result"], "valid", "{test}");
        }
    }
    println!("{good} of the set are taken, {refused} are not");
    assert!(good > 5 && refused > 300, "{good} taken, {refused} refused");
}
