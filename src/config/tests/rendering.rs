//! A report as people and machines read it.

use std::path::Path;

use serde_json::json;

use super::{SMALL, report};
use crate::config::{Layers, Unseen, load};

#[test]
fn five_different_mistakes_are_told_at_once_with_their_places() {
    let text = r#"
[server]
grace = true
treads = 2

[lifetime]
lifetime = "30m"
refresh_before_end = "45m"

[[account]]
name = "shop"
id = "5b1f0c1e-8a54-4f0e-9d0b-6a2f2f6b7c11"
hosts = ["shop.example.com"]
authentication.jwks = ["jwks.json"]

[account.cookies]
same_site = "lazy"

[[account.upstream]]
name = "storefront"
addresses = ["127.0.0.1:8081"]

[[account.route]]
path = "/account"
upstream = "shopfront"
"#;
    insta::assert_snapshot!(report(text), @r#"
    error: `grace` has a value of the wrong type
     --> shop.toml:3:9
      |
    3 | grace = true
      |         ^^^^
      = found: true
      = allowed: a span of time such as "30m", "1h 30m", "500ms", or whole seconds

    error: unknown key `treads` in `server`
     --> shop.toml:4:1
      |
    4 | treads = 2
      | ^^^^^^
      = allowed: crawlers, grace, handover_socket, threads, trusted_proxies, watch
      = hint: did you mean `threads`?

    error: refresh_before_end (45m) must be shorter than lifetime (30m)
     --> shop.toml:8:22
      |
    8 | refresh_before_end = "45m"
      |                      ^^^^^
      = found: "45m"

    error: `same_site` has an unknown word
      --> shop.toml:17:13
       |
    17 | same_site = "lazy"
       |             ^^^^^^
       = found: "lazy"
       = allowed: "lax", "strict", "none"

    error: no upstream is called `shopfront`
      --> shop.toml:25:12
       |
    25 | upstream = "shopfront"
       |            ^^^^^^^^^^^
       = found: "shopfront"
       = allowed: storefront
       = hint: did you mean `storefront`?

    5 errors, 0 warnings
    "#);
}

#[test]
fn a_secret_that_strayed_into_the_file_is_starred_out() {
    for line in [
        "token = \"hunter2hunter2\"",
        "api_secret = 'hunter2hunter2'",
        "password = \"hunter2hunter2",
    ] {
        let told = report(&format!("[admin]\n{line}\n{SMALL}")).to_string();
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_mistake_in_a_variable_names_the_variable_and_tells_no_secret() {
    let variables = [
        ("VESTIBULE__LIMITS__HEADERS", "many"),
        ("VESTIBULE__ADMIN__TOKEN", "hunter2hunter2"),
        ("VESTIBULE__ACCOUNT__SHAP__LOGIN_PAGE", "/in"),
        ("VESTIBULE__SERVER__GRACE__SECS", "1"),
        ("VESTIBULE__SERVER____GRACE", "1"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let layers = Layers::text("shop.toml", SMALL, Path::new("")).with_variables(variables);
    let told = load(&layers, &Unseen).unwrap_err();
    insta::assert_snapshot!(told, @r#"
    error: no account is called `SHAP`; there is shop
    --> environment variable VESTIBULE__ACCOUNT__SHAP__LOGIN_PAGE

    error: unknown key `token` in `admin`
    --> environment variable VESTIBULE__ADMIN__TOKEN
     = allowed: address, tls, token_file
     = hint: did you mean `token_file`?

    error: `headers` has a value of the wrong type
    --> environment variable VESTIBULE__LIMITS__HEADERS
     = found: "many"
     = allowed: a whole number

    error: `grace` has a value of the wrong type
    --> environment variable VESTIBULE__SERVER__GRACE__SECS
     = found: a table
     = allowed: a span of time such as "30m", "1h 30m", "500ms", or whole seconds

    error: a part of the variable's name is empty
    --> environment variable VESTIBULE__SERVER____GRACE

    5 errors, 0 warnings
    "#);
}

#[test]
fn machines_get_every_part_of_a_finding() {
    let told = report(&format!("[log]\nlevel = \"INFO\"\n{SMALL}")).to_json();
    let expected = json!({
        "errors": 1,
        "warnings": 0,
        "findings": [{
            "severity": "error",
            "file": "shop.toml",
            "line": 2,
            "column": 9,
            "variable": null,
            "key": "log.level",
            "message": "`level` has an unknown word",
            "found": "\"INFO\"",
            "allowed": "\"error\", \"warn\", \"info\", \"debug\", \"trace\"",
            "hint": "did you mean `info`?",
        }],
    });
    assert_eq!(told, expected);
}

#[test]
fn columns_count_characters_and_tabs_are_one() {
    let told = report(&format!(
        "[server]\n\tcrawlers = [\"ação\", \"x\"]\n{SMALL}"
    ));
    insta::assert_snapshot!(told, @r#"
    error: so short a text is in every `User-Agent`
     --> shop.toml:2:22
      |
    2 |  crawlers = ["ação", "x"]
      |                      ^^^
      = found: "x"
      = allowed: 3 characters or more

    1 error, 0 warnings
    "#);
}
