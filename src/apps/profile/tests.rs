//! Customers of the demo store, known and unknown.

use super::*;
use crate::apps::support::{ANA, BRUNO, Unasked, call, demo, shown};

const NOBODY: [&str; 8] = [
    "-document",
    "-email",
    "-firstName",
    "-id",
    "isAuthenticated=false",
    "-lastName",
    "-phone",
    "-priceTables",
];

fn person(id: &str, email: &str, names: [&str; 2], tables: &str) -> Vec<String> {
    let [first, last] = names;
    vec![
        "-document".to_owned(),
        format!("email={email}"),
        format!("firstName={first}"),
        format!("id={id}"),
        "isAuthenticated=true".to_owned(),
        format!("lastName={last}"),
        "-phone".to_owned(),
        tables.to_owned(),
    ]
}

async fn ask(inputs: &[(&'static str, &str)]) -> Vec<String> {
    let answer = answer(&call(inputs, &[]), &demo(), true).await.unwrap();
    shown(&answer.writes)
}

#[tokio::test]
async fn a_verified_user_has_everything_that_the_directory_holds() {
    let ana = person(ANA, "ana@example.com", ["Ana", "Lima"], "priceTables=gold");
    let bruno = person(
        BRUNO,
        "bruno@example.com",
        ["Bruno", "Dias"],
        "-priceTables",
    );
    for (inputs, written) in [
        (&[("authentication.storeUserId", ANA)][..], &ana),
        (&[("authentication.storeUserId", BRUNO)], &bruno),
        (&[("impersonate.storeUserId", BRUNO)], &bruno),
        (
            &[
                ("authentication.storeUserId", ANA),
                ("impersonate.storeUserId", BRUNO),
            ],
            &bruno,
        ),
        (
            &[
                ("authentication.storeUserId", BRUNO),
                ("public.storeUserEmail", "ana@example.com"),
            ],
            &bruno,
        ),
        (
            &[
                ("authentication.storeUserId", ANA),
                ("impersonate.storeUserId", ""),
            ],
            &ana,
        ),
    ] {
        assert_eq!(&ask(inputs).await, written, "{inputs:?}");
    }
}

#[tokio::test]
async fn a_verified_user_whom_nobody_knows_has_an_id_alone() {
    let written = ask(&[("authentication.storeUserId", "u-9")]).await;
    assert_eq!(
        written,
        [
            "-document",
            "-email",
            "-firstName",
            "id=u-9",
            "isAuthenticated=true",
            "-lastName",
            "-phone",
            "-priceTables",
        ]
    );
}

#[tokio::test]
async fn an_e_mail_alone_loads_price_tables_and_nothing_else() {
    let tables = NOBODY.map(|line| {
        if line == "-priceTables" {
            "priceTables=gold"
        } else {
            line
        }
    });
    for (email, written) in [
        ("ana@example.com", tables),
        (" ANA@example.com", tables),
        ("bruno@example.com", NOBODY),
        ("nobody@example.com", NOBODY),
        ("ana", NOBODY),
        ("", NOBODY),
    ] {
        assert_eq!(
            ask(&[("public.storeUserEmail", email)]).await,
            written,
            "{email}"
        );
    }
}

#[tokio::test]
async fn where_the_account_refuses_that_or_nobody_is_named_nobody_is_asked() {
    for (inputs, by_email) in [
        (&[("public.storeUserEmail", "ana@example.com")][..], false),
        (&[], true),
        (&[], false),
    ] {
        let answer = answer(&call(inputs, &[]), &Unasked, by_email)
            .await
            .unwrap();
        assert_eq!(shown(&answer.writes), NOBODY, "{inputs:?}");
    }
}
