//! Servers behind TLS, and servers that speak HTTP/2.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;

use crate::support::origin::Origin;
use crate::support::tls::{Authority, Door};
use crate::support::{Shop, Shopper};

/// The status of a page of a shop whose servers are behind a door, reached with these settings.
async fn page(door: &Door, settings: &str) -> u16 {
    let shop = Shop::with(&format!(
        "[[account.upstream]]\nname = \"store\"\naddresses = [\"127.0.0.1:{}\"]\n\
         [account.upstream.tls]\n{settings}\n",
        door.port
    ))
    .await;
    Shopper::new(&shop).get("/").await.status
}

#[tokio::test]
async fn a_server_is_believed_if_its_authority_and_its_name_are_the_configured_ones() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let origin = Origin::start().await;
    let certificate = authority.vouches_for("shop.internal");
    let door = Door::before(origin.address, certificate).await;
    let ca = format!("ca_file = {:?}\n", folder.path().join("ca.pem"));
    let named = |name: &str| format!("server_name = \"{name}\"\n");
    let right = format!("{ca}{}", named("shop.internal"));
    assert_eq!(page(&door, &right).await, 200);
    assert_eq!(origin.seen().len(), 1);
    for wrong in [
        format!("{ca}{}", named("other.internal")),
        // Its address is not in the certificate.
        ca,
        // No authority of the system has heard of it.
        named("shop.internal"),
    ] {
        assert_eq!(page(&door, &wrong).await, 502, "{wrong}");
    }
    assert_eq!(origin.seen().len(), 1, "nothing was sent to a stranger");
    assert_eq!(page(&door, "verify = false").await, 200);
}

#[tokio::test]
async fn an_upstream_never_gets_a_connection_whose_server_only_another_one_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let origin = Origin::start().await;
    let certificate = authority.vouches_for("shop.internal");
    let door = Door::before(origin.address, certificate).await;
    let upstream = |name: &str, ca: &str| {
        format!(
            "[[account.upstream]]\nname = \"{name}\"\naddresses = [\"127.0.0.1:{}\"]\n\
             [account.upstream.tls]\nserver_name = \"shop.internal\"\n{ca}\n",
            door.port
        )
    };
    let ca = format!("ca_file = {:?}", folder.path().join("ca.pem"));
    let shop = Shop::with(&format!(
        "{}{}[[account.route]]\npath = \"/other\"\nupstream = \"other\"\n",
        upstream("store", &ca),
        upstream("other", "")
    ))
    .await;
    let mut shopper = Shopper::new(&shop);
    assert_eq!(shopper.get("/").await.status, 200);
    assert_eq!(shopper.get("/other").await.status, 502);
    assert_eq!(shopper.get("/").await.status, 200);
}

/// A server's side that asks clients for a certificate of the authority.
fn asking(folder: &Path, name: &str) -> Arc<ServerConfig> {
    let pem = |file: String| CertificateDer::from_pem_file(folder.join(file)).unwrap();
    let mut authorities = RootCertStore::empty();
    authorities.add(pem("ca.pem".to_owned())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap());
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
    let chain = vec![pem(format!("{name}.pem"))];
    Arc::new(config.with_single_cert(chain, key).unwrap())
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_the_configured_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    authority.vouches_for("shop.internal");
    authority.vouches_for("vestibule.internal");
    let origin = Origin::start().await;
    let door = Door::before(origin.address, asking(folder.path(), "shop.internal")).await;
    let file = |name: &str| folder.path().join(name);
    let plain = format!(
        "server_name = \"shop.internal\"\nca_file = {:?}\n",
        file("ca.pem")
    );
    assert_eq!(page(&door, &plain).await, 502);
    let shown = format!(
        "{plain}client_certificate = {:?}\nclient_key = {:?}\n",
        file("vestibule.internal.pem"),
        file("vestibule.internal.key")
    );
    assert_eq!(page(&door, &shown).await, 200);
}

/// What a server that speaks nothing but HTTP/2 got: connections, and each request's target and
/// channel.
#[derive(Debug, Default)]
struct Heard {
    connections: usize,
    requests: Vec<(String, String)>,
}

async fn speaks_http2() -> (String, Arc<Mutex<Heard>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heard: Arc<Mutex<Heard>> = Arc::default();
    let record = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            record.lock().connections += 1;
            let record = Arc::clone(&record);
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(socket).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let channel = request.headers().get("x-session-channel");
                    let channel = channel.map_or("", |value| value.to_str().unwrap());
                    let heard = (request.uri().to_string(), channel.to_owned());
                    record.lock().requests.push(heard);
                    let answer = http::Response::new(());
                    let mut body = respond.send_response(answer, false).unwrap();
                    body.send_data(Bytes::from_static(b"two"), true).unwrap();
                }
            });
        }
    });
    (address, heard)
}

#[tokio::test]
async fn a_server_of_http2_gets_requests_and_checks_in_its_own_tongue() {
    let (address, heard) = speaks_http2().await;
    let shop = Shop::with(&format!(
        "[[account.upstream]]\nname = \"store\"\naddresses = [\"{address}\"]\nprotocol = \"http2\"\n\
         [account.upstream.health]\npath = \"/health\"\n"
    ))
    .await;
    let mut shopper = Shopper::new(&shop);
    for page in ["/one", "/two"] {
        let reply = shopper.get(page).await;
        assert_eq!((reply.status, reply.body.contains("two")), (200, true));
    }
    let page = |path: &str| (format!("http://shop.example{path}"), "1".to_owned());
    assert_eq!(heard.lock().requests, [page("/one"), page("/two")]);
    assert_eq!(heard.lock().connections, 1, "they share one");
    let running = shop.shared.running.load_full();
    let site = running.hosts.sites().next().unwrap();
    let upstream = &site.upstreams["store"];
    upstream.check().await;
    assert_eq!(upstream.out(), 0);
    let check = (format!("http://{address}/health"), String::new());
    assert_eq!(heard.lock().requests.last(), Some(&check));
    assert_eq!(heard.lock().connections, 2, "a check has one of its own");
}
