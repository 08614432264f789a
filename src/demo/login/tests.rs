//! The login forms, and what they refuse.

use crate::demo::storefront::tests::{Answer, ask};

const FORM: (&str, &str) = (
    "content-type",
    "application/x-www-form-urlencoded; charset=UTF-8",
);

async fn send(path: &str, body: &str) -> Answer {
    ask(&format!("POST {path}"), &[FORM], body).await
}

#[tokio::test]
async fn a_shopper_gets_the_shops_cookie_and_goes_where_they_wanted() {
    let answer = send(
        "/login",
        "email=Ana%40example.com&return_to=%2Faccount%3Fa%3Db",
    )
    .await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), "/account?a=b");
    assert_eq!(
        answer.cookies(),
        [
            "VtexIdclientAutCookie_demostore=webstore.11111111-1111-4111-8111-111111111111.s; \
             HttpOnly; SameSite=Lax; Path=/; Max-Age=86400"
        ]
    );
}

#[tokio::test]
async fn staff_gets_the_staff_cookie() {
    let answer = send("/login", "email=agent@demostore.example").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
    let [cookie] = answer.cookies()[..] else {
        panic!("one cookie, not {:?}", answer.cookies());
    };
    assert!(cookie.starts_with("VtexIdclientAutCookie=admin.33333333-"));
}

#[tokio::test]
async fn behind_https_the_cookie_is_for_https_alone() {
    let https = [FORM, ("x-forwarded-proto", "https")];
    let answer = ask("POST /login", &https, "email=ana@example.com").await;
    assert!(answer.cookies()[0].contains("; Secure"));
}

#[tokio::test]
async fn nobody_else_is_let_in() {
    for body in ["email=%3Cb%3Enobody", "email=", "", "return_to=/account"] {
        let answer = send("/login", body).await;
        assert_eq!(answer.status, 401, "{body}");
        assert!(answer.cookies().is_empty());
        assert!(!answer.text.contains("<b>nobody"));
    }
    let again = send("/login", "email=nobody&return_to=%2Faccount").await;
    assert!(again.text.contains(r#"name="return_to" value="/account""#));
}

#[tokio::test]
async fn no_form_leads_off_the_shop() {
    for evil in [
        "//evil.example",
        "/%5Cevil.example",
        "https:",
        "https://evil.example",
        "/.//evil.example",
    ] {
        for path in ["/login", "/logout", "/impersonate"] {
            let body = format!("email=ana@example.com&return_to={evil}");
            let answer = send(path, &body).await;
            assert_eq!(
                (answer.status, answer.header("location")),
                (303, "/"),
                "{path} {evil}"
            );
        }
    }
    let page = ask("GET /login?return_to=//evil.example", &[], "").await;
    assert!(page.text.contains(r#"name="return_to" value="/""#));
    assert!(!page.text.contains("evil"));
}

#[tokio::test]
async fn logging_out_takes_every_login_and_the_impersonation() {
    // A form without fields may come without a content type.
    let answer = ask("POST /logout", &[], "").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
    let gone = |name| format!("{name}=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    assert_eq!(
        answer.cookies(),
        [
            gone("VtexIdclientAutCookie_demostore"),
            gone("VtexIdclientAutCookie"),
            gone("vtex-impersonated-customer-email"),
        ]
    );
}

#[tokio::test]
async fn impersonation_is_asked_for_and_given_up_by_cookie() {
    let start = send("/impersonate", "email=bruno%40example.com").await;
    assert_eq!(start.status, 303);
    assert_eq!(
        start.cookies(),
        [
            "vtex-impersonated-customer-email=bruno@example.com; HttpOnly; SameSite=Lax; Path=/; \
             Max-Age=86400"
        ]
    );
    let stop = send("/impersonate", "email=").await;
    assert!(stop.cookies()[0].starts_with("vtex-impersonated-customer-email=; "));
    assert!(stop.cookies()[0].ends_with("Max-Age=0"));
}

#[tokio::test]
async fn what_cannot_stand_in_a_cookie_is_no_address() {
    for email in [
        "a;b@c",
        "a%0D%0Ab@c",
        "a%00@c",
        "a,b@c",
        "ab",
        "@c",
        "a@",
        "a@b@c",
        "%C3%A9@c",
    ] {
        let answer = send("/impersonate", &format!("email={email}")).await;
        assert_eq!(answer.status, 400, "{email}");
        assert!(answer.cookies().is_empty());
    }
}

#[tokio::test]
async fn another_site_can_submit_no_form() {
    let foreign = [
        FORM,
        ("x-forwarded-host", "127.0.0.1:8080"),
        ("origin", "https://evil.example"),
    ];
    for path in ["/login", "/logout", "/impersonate"] {
        let answer = ask(&format!("POST {path}"), &foreign, "email=ana@example.com").await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.cookies().is_empty(), "{path}");
    }
    let ours = [
        FORM,
        ("x-forwarded-host", "127.0.0.1:8080"),
        ("origin", "http://127.0.0.1:8080"),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = ask("POST /login", &ours, "email=ana@example.com").await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn a_body_that_is_no_form_changes_nothing() {
    let json = [("content-type", "application/json")];
    let answer = ask("POST /logout", &json, "{}").await;
    assert_eq!((answer.status, answer.cookies().len()), (415, 0));
    let large = "a".repeat(17 * 1024);
    let answer = send("/login", &large).await;
    assert_eq!((answer.status, answer.cookies().len()), (413, 0));
}

#[tokio::test]
async fn a_token_that_cannot_be_made_is_said_plainly() {
    let answer = send("/login", "email=clerk@demostore.example").await;
    assert_eq!(answer.status, 500);
    assert!(answer.text.contains("no key for the clerk"));
    assert!(answer.cookies().is_empty());
}
