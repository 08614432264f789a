//! Claims of a login token, one at a time.

use super::*;

#[test]
fn a_shoppers_claims_must_all_hold() {
    let forge = forge(TokenAlgorithm::Es256);
    let now = T0.as_secs();
    for (name, value, verdict) in [
        ("audience", json!("admin"), Err(VtexIdError::WrongAudience)),
        (
            "audience",
            json!(["webstore"]),
            Err(VtexIdError::WrongAudience),
        ),
        ("audience", json!(null), Err(VtexIdError::WrongAudience)),
        ("account", json!("other"), Err(VtexIdError::ForeignAccount)),
        (
            "account",
            json!("Demostore"),
            Err(VtexIdError::ForeignAccount),
        ),
        (
            "account",
            json!("__vtex_admin"),
            Err(VtexIdError::ForeignAccount),
        ),
        ("account", json!([ACCOUNT]), Err(VtexIdError::Malformed)),
        ("account", json!(null), Err(VtexIdError::Malformed)),
        ("aud", json!("other"), Err(VtexIdError::ForeignAccount)),
        ("aud", json!(["other", ACCOUNT]), Ok(())),
        ("aud", json!({}), Err(VtexIdError::ForeignAccount)),
        ("exp", json!(null), Err(VtexIdError::Malformed)),
        ("exp", json!(1.6e9), Err(VtexIdError::Malformed)),
        ("exp", json!("1543401300"), Err(VtexIdError::Malformed)),
        ("exp", json!(now), Err(VtexIdError::Expired)),
        ("exp", json!(now + 1), Ok(())),
        ("iat", json!(now + 5), Ok(())),
        ("iat", json!(now + 6), Err(VtexIdError::NotYet)),
        ("iat", json!(null), Ok(())),
        ("nbf", json!(now + 5), Ok(())),
        ("nbf", json!(now + 6), Err(VtexIdError::NotYet)),
        ("nbf", json!({"at": 1}), Err(VtexIdError::Malformed)),
        ("userId", json!(null), Err(VtexIdError::NoUser)),
        ("userId", json!(""), Err(VtexIdError::NoUser)),
        ("userId", json!("a\nb"), Err(VtexIdError::NoUser)),
        ("userId", json!(7), Err(VtexIdError::Malformed)),
        ("sub", json!(null), Err(VtexIdError::NoUser)),
        ("sub", json!("a@b@c"), Err(VtexIdError::NoUser)),
        ("sess", json!(null), Ok(())),
    ] {
        let claims = with(shopper_claims(), name, &value);
        assert_eq!(
            forge.verdict(HEADER, &claims, Audience::Webstore),
            verdict,
            "{claims}"
        );
    }
}

#[test]
fn an_admins_claims_must_all_hold() {
    let forge = forge(TokenAlgorithm::Es256);
    for (name, value, verdict) in [
        ("userId", json!("a-1"), Ok(())),
        ("audience", json!("admin"), Ok(())),
        (
            "audience",
            json!("webstore"),
            Err(VtexIdError::WrongAudience),
        ),
        ("account", json!(ACCOUNT), Err(VtexIdError::ForeignAccount)),
        ("scope", json!(null), Err(VtexIdError::ForeignAccount)),
        (
            "scope",
            json!("other:admin"),
            Err(VtexIdError::ForeignAccount),
        ),
        (
            "scope",
            json!("xdemostore:admin"),
            Err(VtexIdError::ForeignAccount),
        ),
        (
            "scope",
            json!("demostore:admins"),
            Err(VtexIdError::ForeignAccount),
        ),
        (
            "scope",
            json!("demostore:admin,x"),
            Err(VtexIdError::ForeignAccount),
        ),
        ("scope", json!("other:admin demostore:admin"), Ok(())),
        ("scope", json!(["other:admin", "demostore:admin"]), Ok(())),
        (
            "scope",
            json!(["other:admin demostore:admin"]),
            Err(VtexIdError::ForeignAccount),
        ),
        (
            "scope",
            json!({"demostore:admin": true}),
            Err(VtexIdError::ForeignAccount),
        ),
    ] {
        let claims = with(admin_claims(), name, &value);
        assert_eq!(
            forge.verdict(HEADER, &claims, Audience::Admin),
            verdict,
            "{claims}"
        );
    }
}
