//! Certificates: which one is shown to whom, and what becomes of changed ones.

use std::path::Path;

use rustls::version::TLS12;
use vestibule::config::values::{HostPattern, Listener};

use crate::support::kept::exchange;
use crate::support::street::{Http2, certificate, curious, of_versions, secure, shown, trusting};
use crate::support::tls::Authority;
use crate::support::{Shop, Street};

const PAGE: &[u8] = b"GET /p HTTP/1.1\r\nHost: shop.example\r\n\r\n";

/// A folder with certificates for these names.
fn made(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    for name in names {
        authority.vouches_for(name);
    }
    folder
}

fn files_of(listener: &mut Listener, at: usize) -> &mut Vec<HostPattern> {
    &mut listener.tls.as_mut().unwrap().certificates[at].hosts
}

/// Which of the names' certificates a host is shown.
async fn seen(street: &Street, folder: &Path, host: &str, names: &[&str]) -> String {
    let wire = street.secured(curious(), host).await;
    let shown = shown(&wire);
    let mut names = names.iter();
    let name = names.find(|name| certificate(folder, name) == shown);
    (*name.expect("one of ours")).to_owned()
}

#[tokio::test]
async fn the_host_chooses_the_certificate_and_a_stranger_gets_the_first() {
    let names = ["shop.example", "other.example", "*.wild.example"];
    let folder = made(&names);
    let shop = Shop::start().await;
    let street = Street::before(&shop, &secure(folder.path(), &names));
    for (host, name) in [
        ("shop.example", "shop.example"),
        ("other.example", "other.example"),
        ("OTHER.example", "other.example"),
        ("a.wild.example", "*.wild.example"),
        ("a.b.wild.example", "shop.example"),
        ("wild.example", "shop.example"),
        ("unknown.example", "shop.example"),
        ("127.0.0.1", "shop.example"),
    ] {
        let seen = seen(&street, folder.path(), host, &names).await;
        assert_eq!(seen, name, "{host}");
    }
}

#[tokio::test]
async fn hosts_that_are_named_stand_in_the_place_of_the_certificates_own() {
    let names = ["shop.example", "other.example"];
    let folder = made(&names);
    let shop = Shop::start().await;
    let mut listener = secure(folder.path(), &names);
    let below = HostPattern::Below("third.example".to_owned());
    files_of(&mut listener, 1).push(below);
    let street = Street::before(&shop, &listener);
    for (host, name) in [
        ("a.third.example", "other.example"),
        ("other.example", "shop.example"),
    ] {
        let seen = seen(&street, folder.path(), host, &names).await;
        assert_eq!(seen, name, "{host}");
    }
}

#[tokio::test]
async fn an_open_connection_goes_on_while_new_ones_see_the_new_certificate() {
    let folder = made(&["shop.example"]);
    let shop = Shop::start().await;
    let street = Street::before(&shop, &secure(folder.path(), &["shop.example"]));
    let client = || trusting(folder.path(), &[]);
    let mut open = street.secured(client(), "shop.example").await;
    assert_eq!(exchange(&mut open, PAGE).await.status, 200);

    let old = certificate(folder.path(), "shop.example");
    let renewed = made(&["shop.example"]);
    for name in ["shop.example.pem", "shop.example.key", "ca.pem"] {
        std::fs::copy(renewed.path().join(name), folder.path().join(name)).unwrap();
    }
    let before = street.secured(curious(), "shop.example").await;
    assert_eq!(shown(&before), old, "nobody has looked yet");
    street.look(&shop);

    let mut new = street.secured(client(), "shop.example").await;
    assert_ne!(shown(&new), old);
    assert_eq!(shown(&new), certificate(folder.path(), "shop.example"));
    assert_eq!(exchange(&mut new, PAGE).await.status, 200);
    assert_eq!(exchange(&mut open, PAGE).await.status, 200);
    assert_eq!(counted(&shop, "swapped"), 1);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_shown_leaves_the_old_one_and_is_told_once() {
    let folder = made(&["shop.example", "other.example"]);
    let shop = Shop::start().await;
    let street = Street::before(&shop, &secure(folder.path(), &["shop.example"]));
    let file = |name: &str| folder.path().join(name);
    let key = std::fs::read(file("shop.example.key")).unwrap();
    let old = certificate(folder.path(), "shop.example");
    for (turn, bad) in [
        Some(std::fs::read(file("other.example.key")).unwrap()),
        Some(b"nonsense".to_vec()),
        None,
    ]
    .into_iter()
    .enumerate()
    {
        match bad {
            Some(bad) => std::fs::write(file("shop.example.key"), bad).unwrap(),
            None => std::fs::remove_file(file("shop.example.key")).unwrap(),
        }
        street.look(&shop);
        street.look(&shop);
        let wire = street.secured(curious(), "shop.example").await;
        assert_eq!(shown(&wire), old);
        assert_eq!(counted(&shop, "refused"), turn + 1);
        assert_eq!(metric(&shop, "vestibule_certificate_refused"), 1);
    }
    std::fs::write(file("shop.example.key"), key).unwrap();
    street.look(&shop);
    assert_eq!(metric(&shop, "vestibule_certificate_refused"), 0);
    let ends = metric(&shop, "vestibule_certificate_expiry_seconds");
    let openssl = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"])
        .arg(file("shop.example.pem"))
        .output()
        .unwrap();
    let said = String::from_utf8(openssl.stdout).unwrap();
    let said = said
        .trim()
        .trim_start_matches("notAfter=")
        .replace(' ', "T");
    let said = humantime::parse_rfc3339(&said).unwrap();
    let said = said
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert_eq!(u64::try_from(ends).unwrap(), said);
}

#[tokio::test]
async fn a_client_of_tls_1_2_that_knows_no_http_2_is_served() {
    let folder = made(&["shop.example"]);
    let shop = Shop::start().await;
    let street = Street::before(&shop, &secure(folder.path(), &["shop.example"]));
    let old = of_versions(folder.path(), &[&TLS12]);
    let mut wire = street.secured(old, "shop.example").await;
    assert_eq!(exchange(&mut wire, PAGE).await.status, 200);
}

#[tokio::test]
async fn http_2_is_offered_unless_the_listener_says_otherwise() {
    let folder = made(&["shop.example"]);
    let shop = Shop::start().await;
    let mut listener = secure(folder.path(), &["shop.example"]);
    for (http2, agreed) in [(true, "h2"), (false, "http/1.1")] {
        listener.tls.as_mut().unwrap().http2 = http2;
        let street = Street::before(&shop, &listener);
        let client = trusting(folder.path(), &["h2", "http/1.1"]);
        let wire = street.secured(client, "shop.example").await;
        let protocol = wire.get_ref().1.alpn_protocol();
        assert_eq!(protocol, Some(agreed.as_bytes()));
    }
}

fn counted(shop: &Shop, outcome: &str) -> usize {
    let metrics = shop.metrics();
    let outcome = format!("outcome=\"{outcome}\"");
    let mut lines = metrics
        .lines()
        .filter(|line| line.starts_with("vestibule_certificate_reads_total"));
    let line = lines.find(|line| line.contains(&outcome));
    line.map_or(0, |line| value(line).try_into().unwrap())
}

fn metric(shop: &Shop, name: &str) -> i64 {
    let metrics = shop.metrics();
    let start = format!("{name}{{");
    let line = metrics.lines().find(|line| line.starts_with(&start));
    value(line.expect("it is told"))
}

fn value(line: &str) -> i64 {
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Certificates carry no rights here: what counts is the Host, and a browser may use one connection
/// for every host of a certificate.
#[tokio::test]
async fn the_host_of_a_request_counts_whatever_name_the_connection_was_opened_for() {
    let names = ["shop.example", "other.example"];
    let folder = made(&names);
    let shop = Shop::start().await;
    let street = Street::before(&shop, &secure(folder.path(), &names));
    for (host, status) in [("shop.example", 200), ("other.example", 421)] {
        let wire = street
            .secured(trusting(folder.path(), &["h2"]), "other.example")
            .await;
        let client = Http2::over(wire).await;
        let request = http::Request::get(format!("https://{host}/p"));
        let answer = client.ask(request.body(()).unwrap()).await;
        assert_eq!(answer.status, status, "{host}");
    }
    let page = shop.origin.last();
    assert_eq!(page.header("host"), Some("shop.example"));
    assert_eq!(page.header("x-vtex-account"), Some("demostore"));
}
