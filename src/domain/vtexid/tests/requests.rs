//! Who a whole request is, from all of its login cookies.

use super::*;

const ASKING: Account<'_> = Account {
    name: ACCOUNT,
    id: GUID,
};

fn shopper(email: &'static str, user_id: &'static str, life: Duration) -> String {
    let login = Login {
        email,
        user_id,
        life,
        ..login(Audience::Webstore)
    };
    mint(&key(), &login, T0).unwrap()
}

fn ana() -> String {
    shopper("ana@example.com", "u-1", HOUR)
}

fn bruno() -> String {
    shopper("bruno@example.com", "u-2", HOUR)
}

fn of_name() -> String {
    format!("VtexIdclientAutCookie_{ACCOUNT}")
}

fn of_guid() -> String {
    format!("VtexIdclientAutCookie_{GUID}")
}

fn outcome(cookies: &[(&str, &str)]) -> AuthOutcome {
    authenticate(cookies, &key().public_keys(), ASKING, T0)
}

fn outputs(outcome: &AuthOutcome) -> [Option<&str>; 4] {
    outcome.outputs().map(|(_, value)| value)
}

#[test]
fn a_cookies_name_says_which_kind_it_holds() {
    for (name, kind) in [
        ("VtexIdclientAutCookie", Some(Audience::Admin)),
        ("VtexIdclientAutCookie_demostore", Some(Audience::Webstore)),
        (&of_guid(), Some(Audience::Webstore)),
        (
            &format!("VtexIdclientAutCookie_{}", GUID.to_uppercase()),
            Some(Audience::Webstore),
        ),
        ("VtexIdclientAutCookie_", None),
        ("VtexIdclientAutCookie_other", None),
        ("VtexIdclientAutCookie_demostore2", None),
        ("VtexIdclientAutCookie_Demostore", None),
        ("VtexIdclientAutCookiedemostore", None),
        ("vtexidclientautcookie", None),
        ("", None),
    ] {
        assert_eq!(cookie_kind(name, ACCOUNT, GUID), kind, "{name}");
    }
    assert_eq!(cookie_kind("VtexIdclientAutCookie_", "", ""), None);
}

#[test]
fn staff_and_shopper_may_come_together() {
    let (admin, shopper) = (admin_token(), shopper("Bruno@Example.com", "u-2", 2 * HOUR));
    let outcome = outcome(&[("VtexIdclientAutCookie", &admin), (&of_name(), &shopper)]);
    assert_eq!(
        outputs(&outcome),
        [
            Some("u-1"),
            Some("ana@example.com"),
            Some("u-2"),
            Some("bruno@example.com")
        ]
    );
    assert_eq!(
        outcome.valid_until,
        Some(T0.plus(HOUR)),
        "the earlier of the two"
    );
    assert_eq!(outcome.failures, []);
}

#[test]
fn the_same_token_under_both_names_is_verified_once() {
    let ana = ana();
    let logins = [(&*of_name(), &*ana), (&*of_guid(), &*ana)];
    assert_eq!(read_logins(&logins, ASKING).tokens.len(), 1);
    assert_eq!(outputs(&outcome(&logins))[2], Some("u-1"));
    let bad = [(&*of_name(), "bad"), (&*of_guid(), "bad")];
    assert_eq!(outcome(&bad).failures, [VtexIdError::Malformed]);
}

#[test]
fn two_tokens_of_one_person_end_with_the_earlier() {
    let (long, short) = (ana(), shopper("ana@example.com", "u-1", HOUR / 2));
    let outcome = outcome(&[(&of_name(), &long), (&of_guid(), &short)]);
    assert_eq!(outputs(&outcome)[2], Some("u-1"));
    assert_eq!(outcome.valid_until, Some(T0.plus(HOUR / 2)));
}

#[test]
fn two_people_under_one_kind_are_nobody() {
    let (ana, bruno, admin) = (ana(), bruno(), admin_token());
    let same_id = shopper("bruno@example.com", "u-1", HOUR);
    for other in [&bruno, &same_id] {
        let outcome = outcome(&[
            (&of_name(), &ana),
            ("VtexIdclientAutCookie", &admin),
            (&of_guid(), other),
        ]);
        assert_eq!(
            outputs(&outcome),
            [Some("u-1"), Some("ana@example.com"), None, None]
        );
        assert_eq!(outcome.failures, [VtexIdError::Ambiguous]);
    }
}

#[test]
fn a_dead_token_beside_a_good_one_is_counted_and_no_more() {
    let dead = shopper("bruno@example.com", "u-2", Duration::from_secs(1));
    let ana = ana();
    let now = T0.plus(Duration::from_secs(1));
    let cookies = [(&*of_name(), &*dead), (&*of_guid(), &*ana)];
    let outcome = authenticate(&cookies, &key().public_keys(), ASKING, now);
    assert_eq!(outputs(&outcome)[2], Some("u-1"));
    assert_eq!(outcome.failures, [VtexIdError::Expired]);
}

#[test]
fn a_token_in_the_cookie_of_the_other_kind_proves_nobody() {
    let (ana, admin) = (ana(), admin_token());
    let outcome = outcome(&[("VtexIdclientAutCookie", &ana), (&of_name(), &admin)]);
    assert_eq!(outputs(&outcome), [None; 4]);
    assert_eq!(outcome.failures, [VtexIdError::WrongAudience; 2]);
    assert_eq!(outcome.valid_until, None);
}

#[test]
fn cookies_of_other_accounts_and_empty_ones_are_not_there() {
    let ana = ana();
    let cookies = [
        ("VtexIdclientAutCookie_other", &*ana),
        ("VtexIdclientAutCookie", ""),
        ("VtexIdclientAutCookie_demostore", ""),
        ("session", &ana),
    ];
    assert_eq!(outcome(&cookies), AuthOutcome::default());
}

#[test]
fn a_verdict_holds_for_one_account_alone() {
    let ana = ana();
    let other = Account {
        name: "other",
        id: "",
    };
    let cookies = [("VtexIdclientAutCookie_other", &*ana)];
    let outcome = authenticate(&cookies, &key().public_keys(), other, T0);
    assert_eq!(outcome.failures, [VtexIdError::ForeignAccount]);
    assert_eq!(outputs(&outcome), [None; 4]);
}

#[test]
fn past_four_tokens_a_kind_is_nobody() {
    let ana = ana();
    let name = of_name();
    let cookies = [
        (&*name, &*ana),
        (&*name, "a"),
        (&*name, "b"),
        (&*name, "c"),
        (&*name, "d"),
        (&*name, "e"),
    ];
    let four = read_logins(&cookies, ASKING);
    assert_eq!((four.tokens.len(), four.over_limit.len()), (4, 2));
    let outcome = outcome(&cookies);
    assert_eq!(outputs(&outcome), [None; 4]);
    let too_many = |failure: &&VtexIdError| **failure == VtexIdError::TooMany;
    assert_eq!(outcome.failures.iter().filter(too_many).count(), 2);
}

#[test]
fn debug_output_shows_no_person_and_no_token() {
    let ana = ana();
    let name = of_name();
    let cookies = [(&*name, &*ana)];
    let shown = format!(
        "{:?} {:?}",
        outcome(&cookies),
        read_logins(&cookies, ASKING)
    );
    for secret in ["ana@", "u-1", &ana] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
