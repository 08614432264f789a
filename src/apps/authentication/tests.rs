//! Login cookies, verified by others.

use super::*;
use crate::apps::support::{Verdicts, call, shown};
use crate::domain::time::Millis;

const OURS: &str = "cookie.VtexIdclientAutCookie_demostore";
const STAFF: &str = "cookie.VtexIdclientAutCookie";
const NOBODY: [&str; 4] = [
    "-adminUserEmail",
    "-adminUserId",
    "-storeUserEmail",
    "-storeUserId",
];

fn person(id: &str, email: &str) -> (String, String) {
    (id.to_owned(), email.to_owned())
}

#[tokio::test]
async fn without_cookies_nobody_is_asked() {
    for inputs in [&[][..], &[(OURS, "")]] {
        let answer = answer(&call(inputs, &[]), &Verdicts::default(), None)
            .await
            .unwrap();
        assert_eq!(shown(&answer.writes), NOBODY);
        assert_eq!((answer.valid_until, answer.notes), (None, vec![]));
    }
}

#[tokio::test]
async fn proven_people_are_written_and_the_others_cleared() {
    let both = AuthOutcome {
        admin: Some(person("a-1", "agent@demostore.example")),
        shopper: Some(person("u-1", "ana@example.com")),
        ..AuthOutcome::default()
    };
    let shopper = AuthOutcome {
        admin: None,
        valid_until: Some(Millis::from_secs(7)),
        refused: vec!["expired"],
        ..both.clone()
    };
    for (outcome, written) in [
        (
            both,
            [
                "adminUserEmail=agent@demostore.example",
                "adminUserId=a-1",
                "storeUserEmail=ana@example.com",
                "storeUserId=u-1",
            ],
        ),
        (
            shopper,
            [
                "-adminUserEmail",
                "-adminUserId",
                "storeUserEmail=ana@example.com",
                "storeUserId=u-1",
            ],
        ),
    ] {
        let (until, refused) = (outcome.valid_until, outcome.refused.clone());
        let cookies = [
            ("VtexIdclientAutCookie", "s"),
            ("VtexIdclientAutCookie_demostore", "o"),
        ];
        let tokens = Verdicts::default().expect(&cookies, Ok(outcome));
        let answer = answer(&call(&[(OURS, "o"), (STAFF, "s")], &[]), &tokens, None)
            .await
            .unwrap();
        assert_eq!(shown(&answer.writes), written);
        assert_eq!(answer.valid_until, until);
        assert_eq!(
            answer.notes,
            refused
                .into_iter()
                .map(Note::TokenRefused)
                .collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn a_refused_token_is_noted_and_no_failure() {
    let refused = AuthOutcome {
        refused: vec!["bad_signature"],
        ..AuthOutcome::default()
    };
    let cookies = [("VtexIdclientAutCookie_demostore", "o")];
    let tokens = Verdicts::default().expect(&cookies, Ok(refused));
    let answer = answer(&call(&[(OURS, "o")], &[]), &tokens, None)
        .await
        .unwrap();
    assert_eq!(shown(&answer.writes), NOBODY);
    assert_eq!(answer.notes, [Note::TokenRefused("bad_signature")]);
}

#[tokio::test]
async fn a_verifier_that_does_not_answer_is_a_failure() {
    let cookies = [("VtexIdclientAutCookie_demostore", "o")];
    let tokens = Verdicts::default().expect(&cookies, Err(Failure::Timeout));
    let call = call(&[(OURS, "o")], &[]);
    assert_eq!(answer(&call, &tokens, None).await, Err(Failure::Timeout));
}

#[test]
fn an_outcome_shows_nobody() {
    let outcome = AuthOutcome {
        shopper: Some(person("u-1", "ana@example.com")),
        ..AuthOutcome::default()
    };
    let shown = format!("{outcome:?}");
    assert!(!shown.contains("ana") && !shown.contains("u-1"), "{shown}");
}
