//! HTTP/2: what it writes otherwise than HTTP/1.1 means the same.

use http::{HeaderMap, Request};
use tempfile::TempDir;

use crate::support::street::{Http2, plain, secure};
use crate::support::tls::Authority;
use crate::support::{Shop, Street};

async fn folder_and_shop() -> (TempDir, std::sync::Arc<Shop>, Street) {
    let folder = tempfile::tempdir().unwrap();
    Authority::new(folder.path()).vouches_for("shop.example");
    let shop = Shop::start().await;
    let street = Street::before(&shop, &secure(folder.path(), &["shop.example"]));
    (folder, shop, street)
}

fn page(path: &str) -> http::request::Builder {
    Request::get(format!("https://shop.example{path}"))
}

#[tokio::test]
async fn crumbs_of_a_cookie_header_are_one_for_us_and_for_the_store() {
    let (folder, shop, street) = folder_and_shop().await;
    let client = street.http2(folder.path()).await;
    let first = client.ask(page("/p").body(()).unwrap()).await;
    assert_eq!(first.status, 200);
    let cookies = first.headers.get_all("set-cookie").iter();
    let session = cookies
        .map(|line| line.to_str().unwrap())
        .find(|line| line.starts_with("vtex_session="))
        .unwrap();
    let session = session.split(';').next().unwrap();
    let id = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    let crumbled = page("/p")
        .header("cookie", "a=1")
        .header("cookie", session)
        .header("cookie", "b=2; c=3");
    let again = client.ask(crumbled.body(()).unwrap()).await;
    assert_eq!(again.status, 200);
    let seen = shop.origin.last();
    assert_eq!(seen.header("cookie"), Some("a=1; b=2; c=3"));
    assert_eq!(seen.header("x-session-id"), Some(&*id));
    assert_eq!(seen.header("host"), Some("shop.example"));
    assert_eq!(seen.header("x-forwarded-host"), Some("shop.example"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
}

#[tokio::test]
async fn however_many_crumbs_there_are_they_count_as_one_line() {
    let (folder, shop, street) = folder_and_shop().await;
    let client = street.http2(folder.path()).await;
    let crumbs = |count: usize| {
        let crumbs = (0..count).map(|at| format!("c{at}={at}"));
        crumbs.fold(page("/p"), |page, crumb| page.header("cookie", crumb))
    };
    let answer = client.ask(crumbs(150).body(()).unwrap()).await;
    assert_eq!(answer.status, 200);
    let line = shop.origin.last().header("cookie").unwrap().to_owned();
    assert_eq!(line.split("; ").count(), 150);
    let others = (0..120).fold(crumbs(2), |page, at| page.header(format!("x-{at}"), "1"));
    assert_eq!(client.ask(others.body(()).unwrap()).await.status, 431);
}

#[tokio::test]
async fn a_host_that_differs_from_the_authority_is_refused() {
    let (folder, shop, street) = folder_and_shop().await;
    let client = street.http2(folder.path()).await;
    let agreeing = page("/p").header("host", "shop.example");
    assert_eq!(client.ask(agreeing.body(()).unwrap()).await.status, 200);
    let seen = shop.origin.seen().len();
    let differing = page("/p").header("host", "other.example");
    assert_eq!(client.ask(differing.body(()).unwrap()).await.status, 400);
    assert_eq!(shop.origin.seen().len(), seen);
}

#[tokio::test]
async fn names_of_ours_are_removed_in_every_spelling_before_and_after_a_body() {
    let (folder, shop, street) = folder_and_shop().await;
    let client = street.http2(folder.path()).await;
    let spellings = [
        "x-session-user-id",
        "x_session_user_id",
        "x.session.user-id",
    ];
    let mut request = Request::post("https://shop.example/p");
    let mut trailers = HeaderMap::new();
    for name in spellings {
        request = request.header(name, "forged");
        trailers.insert(name, "forged".parse().unwrap());
    }
    let request = request.body(()).unwrap();
    let answer = client.send(request, Some((b"body", trailers))).await;
    assert_eq!((answer.status, &*answer.body), (200, &b"body"[..]));
    let seen = shop.origin.last();
    let forged: Vec<_> = seen
        .headers
        .iter()
        .filter(|(_, value)| value == "forged")
        .collect();
    assert!(forged.is_empty(), "{forged:?}");
    assert_eq!(seen.body, b"body");
}

#[tokio::test]
async fn what_an_upstream_says_in_our_name_does_not_leave() {
    let (folder, shop, street) = folder_and_shop().await;
    let forged = [
        ("x-session-id", "forged"),
        ("set-cookie", "vtex_session=forged"),
    ];
    shop.origin.says("/p", 200, &forged);
    let client = street.http2(folder.path()).await;
    let answer = client.ask(page("/p").body(()).unwrap()).await;
    let mut values = answer.headers.values();
    assert!(!values.any(|value| value.to_str().unwrap().contains("forged")));
}

#[tokio::test]
async fn a_drain_is_told_and_what_is_under_way_is_finished() {
    let (folder, shop, street) = folder_and_shop().await;
    let held = shop.origin.holds("/slow");
    let client = street.http2(folder.path()).await;
    let asked = client.ask(page("/slow").body(()).unwrap());
    let drained = async {
        held.asked().await;
        street.drain();
        held.answer();
    };
    let (answer, ()) = tokio::join!(asked, drained);
    assert_eq!(answer.status, 200);
    let Http2 {
        requests,
        connection,
    } = client;
    // Whether the last frames of a client still find the other end is left open by the pipe.
    drop(connection.await.unwrap());
    assert!(requests.ready().await.is_err(), "a new request is taken");
}

#[tokio::test]
async fn a_listener_behind_a_mesh_speaks_http_2_without_tls() {
    let shop = Shop::start().await;
    let mut listener = plain();
    listener.h2c = true;
    let street = Street::before(&shop, &listener);
    let client = Http2::over(street.connect()).await;
    let request = Request::get("http://shop.example/p").body(()).unwrap();
    assert_eq!(client.ask(request).await.status, 200);
    assert_eq!(shop.origin.last().header("x-forwarded-proto"), Some("http"));
}
