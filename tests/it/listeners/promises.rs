//! Where a listener sends people, what it promises them, and what it makes of their requests.

use crate::support::kept::exchange;
use crate::support::street::{plain, secure, trusting};
use crate::support::tls::Authority;
use crate::support::{Reply, Shop, Street};

async fn ask(street: &Street, wire: &str) -> Reply {
    exchange(&mut street.connect(), wire.as_bytes()).await
}

#[tokio::test]
async fn everybody_is_sent_to_the_same_page_by_https_and_no_session_is_touched() {
    let shop = Shop::start().await;
    for (port, authority) in [(443, "shop.example"), (8443, "shop.example:8443")] {
        let mut listener = plain();
        listener.redirect_https = Some(port);
        let street = Street::before(&shop, &listener);
        for (request, page) in [
            ("GET /p?sc=2&x=%2F", "/p?sc=2&x=%2F"),
            ("GET /", "/"),
            ("POST /checkout", "/checkout"),
            ("GET /account", "/account"),
            ("GET /api/sessions?items=*", "/api/sessions?items=*"),
            ("OPTIONS *", "/"),
        ] {
            let host = "Host: SHOP.example:80\r\nCookie: vtex_session=x";
            let wire = format!("{request} HTTP/1.1\r\n{host}\r\nContent-Length: 0\r\n\r\n");
            let reply = ask(&street, &wire).await;
            assert_eq!(reply.status, 308, "{request}: {reply:?}");
            let location = format!("https://{authority}{page}");
            assert_eq!(reply.header("location"), Some(&*location), "{request}");
            assert!(reply.all("set-cookie").is_empty());
        }
    }
    assert!(shop.origin.seen().is_empty());
}

#[tokio::test]
async fn a_host_that_is_not_served_is_redirected_nowhere() {
    let shop = Shop::start().await;
    let mut listener = plain();
    listener.redirect_https = Some(443);
    let street = Street::before(&shop, &listener);
    let reply = ask(&street, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
    assert_eq!((reply.status, reply.header("location")), (421, None));
}

#[tokio::test]
async fn what_is_promised_of_https_is_said_once_with_every_answer() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new(folder.path()).vouches_for("shop.example");
    let shop = Shop::start().await;
    shop.origin
        .says("/own", 200, &[("strict-transport-security", "max-age=1")]);
    let mut listener = secure(folder.path(), &["shop.example"]);
    let promise = "max-age=31536000; includeSubDomains";
    listener.tls.as_mut().unwrap().hsts = Some(promise.to_owned());
    let street = Street::before(&shop, &listener);
    for (request, host, status) in [
        ("GET /own", "shop.example", 200),
        ("GET /p", "shop.example", 200),
        ("GET /account", "shop.example", 401),
        ("GET /", "unknown.example", 421),
        ("GET /_session/jwks.json", "shop.example", 200),
        ("POST /api/sessions", "shop.example", 201),
    ] {
        let client = trusting(folder.path(), &[]);
        let mut wire = street.secured(client, "shop.example").await;
        let request = format!("{request} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        let reply = exchange(&mut wire, request.as_bytes()).await;
        assert_eq!(reply.status, status, "{request}: {reply:?}");
        assert_eq!(
            reply.all("strict-transport-security"),
            [promise],
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_request_over_tls_is_secure_by_itself_and_nobody_may_say_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new(folder.path()).vouches_for("shop.example");
    let shop = Shop::start().await;
    let street = Street::before(&shop, &secure(folder.path(), &["shop.example"]));
    let client = trusting(folder.path(), &[]);
    let mut wire = street.secured(client, "shop.example").await;
    let page = "GET /p HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-Proto: http\r\n\r\n";
    let reply = exchange(&mut wire, page.as_bytes()).await;
    assert_eq!(
        shop.origin.last().header("x-forwarded-proto"),
        Some("https")
    );
    assert!(reply.set_cookies("vtex_session")[0].contains("; Secure"));
    assert!(reply.all("strict-transport-security").is_empty());

    let street = Street::before(&shop, &plain());
    let page = page.replace(": http\r", ": https\r");
    ask(&street, &page).await;
    assert_eq!(shop.origin.last().header("x-forwarded-proto"), Some("http"));
}
