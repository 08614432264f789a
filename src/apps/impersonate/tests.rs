//! The demo store's staff, acting as customers or not.

use super::*;
use crate::apps::support::{ANA, BRUNO, Unasked, call, demo, shown};

const AGENT: (&str, &str) = ("authentication.adminUserEmail", "agent@demostore.example");
const CLERK: (&str, &str) = ("authentication.adminUserEmail", "clerk@demostore.example");
const STOPPED: &[&str] = &[
    "-account",
    "canImpersonate=true",
    "-storeUserEmail",
    "-storeUserId",
];
const FORBIDDEN: &[&str] = &[
    "-account",
    "canImpersonate=false",
    "-storeUserEmail",
    "-storeUserId",
];

/// What is written to the app's own namespace, and the notes.
async fn ask(
    inputs: &[(&'static str, &str)],
    current: &[(&'static str, &str)],
) -> (Vec<String>, Vec<Note>) {
    let mut answer = answer(&call(inputs, current), &demo(), "demostore")
        .await
        .unwrap();
    answer
        .writes
        .retain(|field, _| field.namespace() == "impersonate");
    (shown(&answer.writes), answer.notes)
}

fn acting_as(id: &str, email: &str) -> Vec<String> {
    vec![
        "account=demostore".to_owned(),
        "canImpersonate=true".to_owned(),
        format!("storeUserEmail={email}"),
        format!("storeUserId={id}"),
    ]
}

#[tokio::test]
async fn staff_with_the_permission_act_as_whom_they_name() {
    let ana = acting_as(ANA, "ana@example.com");
    let bruno = acting_as(BRUNO, "bruno@example.com");
    for (wish, written) in [
        (&[(WANTED, "ana@example.com")][..], &ana),
        (&[(WANTED, " Ana@Example.COM ")], &ana),
        (&[(WANTED_BY_COOKIE, "ana@example.com")], &ana),
        (&[(WANTED_BY_COOKIE, "ana%40example.com")], &ana),
        (
            &[(WANTED, ""), (WANTED_BY_COOKIE, "ana%40example.com")],
            &ana,
        ),
        (
            &[
                (WANTED, "bruno@example.com"),
                (WANTED_BY_COOKIE, "ana@example.com"),
            ],
            &bruno,
        ),
    ] {
        let inputs = [&[AGENT], wish].concat();
        let answered = ask(&inputs, &[]).await;
        assert_eq!(
            answered,
            (written.clone(), vec![Note::ImpersonationGranted]),
            "{wish:?}"
        );
    }
}

#[tokio::test]
async fn a_beginning_is_noted_once_and_a_change_of_customer_again() {
    let inputs = [AGENT, (WANTED, "ana@example.com")];
    for (current, notes) in [(ANA, vec![]), (BRUNO, vec![Note::ImpersonationGranted])] {
        let (written, noted) = ask(&inputs, &[("impersonate.storeUserId", current)]).await;
        assert_eq!(written, acting_as(ANA, "ana@example.com"));
        assert_eq!(noted, notes);
    }
}

#[tokio::test]
async fn without_a_wish_the_permission_is_told_and_the_rest_cleared() {
    let current = [("impersonate.storeUserId", ANA)];
    for (inputs, written) in [
        (&[AGENT][..], STOPPED),
        (&[AGENT, (WANTED, "")], STOPPED),
        (&[AGENT, (WANTED, ""), (WANTED_BY_COOKIE, "")], STOPPED),
        (&[CLERK], FORBIDDEN),
    ] {
        let (lines, notes) = ask(inputs, &current).await;
        assert_eq!(lines, written, "{inputs:?}");
        assert!(notes.is_empty(), "{inputs:?}");
    }
}

#[tokio::test]
async fn refused_wishes_load_nothing_and_say_why() {
    let current = [("impersonate.storeUserId", ANA)];
    for (inputs, written, reason) in [
        (
            [CLERK, (WANTED, "ana@example.com")],
            FORBIDDEN,
            "no_permission",
        ),
        (
            [CLERK, (WANTED_BY_COOKIE, "nobody")],
            FORBIDDEN,
            "no_permission",
        ),
        (
            [AGENT, (WANTED, "nobody@example.com")],
            STOPPED,
            "unknown_customer",
        ),
        (
            [AGENT, (WANTED_BY_COOKIE, "nobody%40example.com")],
            STOPPED,
            "unknown_customer",
        ),
        ([AGENT, (WANTED, "ana")], STOPPED, "malformed_email"),
        ([AGENT, (WANTED, "ana@b@c")], STOPPED, "malformed_email"),
        (
            [AGENT, (WANTED, "ana@example.com,x@y")],
            STOPPED,
            "malformed_email",
        ),
        (
            [AGENT, (WANTED, "ana lima@example.com")],
            STOPPED,
            "malformed_email",
        ),
        (
            [AGENT, (WANTED_BY_COOKIE, "%ff")],
            STOPPED,
            "malformed_email",
        ),
    ] {
        let (lines, notes) = ask(&inputs, &current).await;
        assert_eq!(lines, written, "{inputs:?}");
        assert_eq!(notes, [Note::ImpersonationRefused(reason)], "{inputs:?}");
    }
}

#[tokio::test]
async fn without_staff_everything_is_cleared_and_nobody_is_asked() {
    for inputs in [
        &[][..],
        &[(WANTED, "ana@example.com")],
        &[
            ("authentication.adminUserEmail", ""),
            (WANTED_BY_COOKIE, "ana@example.com"),
        ],
    ] {
        let current = [("impersonate.storeUserId", ANA)];
        let answer = answer(&call(inputs, &current), &Unasked, "demostore")
            .await
            .unwrap();
        assert_eq!(shown(&answer.writes), FORBIDDEN, "{inputs:?}");
        assert!(answer.notes.is_empty());
    }
}
