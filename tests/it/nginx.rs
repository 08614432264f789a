//! A store's server that others wrote: nginx, plain, behind the proxy. What is long, or has no end,
//! or goes both ways, passes through with sessions on.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use crate::support::program::free_ports;
use crate::support::street::{Http2, plain};
use crate::support::valkey::eventually;
use crate::support::{Reply, Shop, Street};

mod cache;

/// What `make test` sends up and down; the long run sends as much as somebody's video.
const USUAL: u64 = 32 << 20;
const LONG: u64 = 1 << 30;

/// A running nginx; ended when dropped.
struct Nginx {
    child: Child,
    /// Where it answers: a test's own business but for the second, which is looked at.
    ports: [u16; 3],
    folder: TempDir,
}

impl Nginx {
    /// nginx before a server that echoes, and before one that speaks gRPC: by HTTP/1.1, and by HTTP/2
    /// in clear.
    async fn before(echo: u16, grpc: u16) -> Self {
        Self::with(|folder, [port, port2, _]| configuration(folder, [port, port2, echo, grpc]))
            .await
    }

    async fn with(configuration: impl Fn(&Path, [u16; 3]) -> String) -> Self {
        for _ in 0..5 {
            let ports = free_ports();
            let folder = tempfile::tempdir().unwrap();
            let text = configuration(folder.path(), ports);
            std::fs::write(folder.path().join("nginx.conf"), text).unwrap();
            std::fs::create_dir(folder.path().join("files")).unwrap();
            let said = File::create(folder.path().join("said")).unwrap();
            let child = Command::new("nginx")
                .args(["-e", "stderr", "-c"])
                .arg(folder.path().join("nginx.conf"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(said)
                .kill_on_drop(true)
                .spawn()
                .expect("scripts/setup test installs it");
            let mut nginx = Self {
                child,
                ports,
                folder,
            };
            if nginx.answers().await {
                return nginx;
            }
        }
        panic!("nginx does not start");
    }

    /// Whether it runs; it does not where somebody took a port in between.
    async fn answers(&mut self) -> bool {
        let mut ended = false;
        eventually("nginx runs or has ended", async || {
            ended = self.child.try_wait().unwrap().is_some();
            ended
                || TcpStream::connect(("127.0.0.1", self.ports[1]))
                    .await
                    .is_ok()
        })
        .await;
        if ended {
            let said = std::fs::read_to_string(self.folder.path().join("said")).unwrap();
            assert!(said.contains("in use"), "{said}");
        }
        !ended
    }
}

fn configuration(folder: &Path, [port, port2, echo, grpc]: [u16; 4]) -> String {
    let servers = format!(
        "client_max_body_size 0;\n\
           server {{\n\
             listen 127.0.0.1:{port};\n\
             root {folder};\n\
             location / {{ return 200 \"$http_x_session_channel $http_x_session_id\"; }}\n\
             location /files/ {{ dav_methods PUT; }}\n\
             location /echo {{ proxy_pass http://127.0.0.1:{echo}; proxy_http_version 1.1;\n\
               proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\n\
               proxy_buffering off; }}\n\
           }}\n\
           server {{ listen 127.0.0.1:{port2} http2; location / {{ grpc_pass grpc://127.0.0.1:{grpc}; }} }}\n",
        folder = folder.display()
    );
    serving(folder, &servers)
}

/// A configuration in which these servers serve, and nothing lies outside of the folder.
fn serving(folder: &Path, servers: &str) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\nerror_log stderr;\npid {folder}/pid;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n{temporary}access_log off;\n{servers}}}\n"
    )
}

/// Servers behind nginx, nginx, and a shop before it.
struct World {
    shop: Arc<Shop>,
    street: Street,
    http2: Street,
    nginx: Nginx,
    /// Lets the second event go.
    second: Arc<Notify>,
}

impl World {
    async fn new() -> Self {
        let second = Arc::<Notify>::default();
        let (echo, grpc) = (echoes(Arc::clone(&second)).await, speaks_grpc().await);
        let nginx = Nginx::before(echo, grpc).await;
        let shop = Shop::with(&format!(
            "[[account.upstream]]\nname = \"store\"\naddresses = [\"127.0.0.1:{}\"]\n\
             [[account.upstream]]\nname = \"services\"\naddresses = [\"127.0.0.1:{}\"]\nprotocol = \"http2\"\n\
             [[account.route]]\npath = \"/shop.Greeter\"\nupstream = \"services\"\n",
            nginx.ports[0], nginx.ports[1]
        ))
        .await;
        let mut http2 = plain();
        http2.h2c = true;
        Self {
            street: Street::before(&shop, &plain()),
            http2: Street::before(&shop, &http2),
            shop,
            nginx,
            second,
        }
    }
}

/// Echoes what comes after an upgrade; tells of two events, the second when it is let go.
async fn echoes(second: Arc<Notify>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let second = Arc::clone(&second);
            tokio::spawn(async move {
                let head = head(&mut socket).await;
                if head.to_ascii_lowercase().contains("upgrade: websocket") {
                    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
                    socket.write_all(answer.as_bytes()).await.unwrap();
                    let (mut from, mut to) = socket.split();
                    // The client goes when it has seen enough.
                    drop(tokio::io::copy(&mut from, &mut to).await);
                    return;
                }
                let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: one\n\n";
                socket.write_all(answer.as_bytes()).await.unwrap();
                second.notified().await;
                socket.write_all(b"data: two\n\n").await.unwrap();
            });
        }
    });
    port
}

async fn head<R: AsyncReadExt + Unpin>(socket: &mut R) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Answers each call with its own message, and how it went after that.
async fn speaks_grpc() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(socket).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    tokio::spawn(async move {
                        let channel = request.headers()["x-session-channel"].clone();
                        let mut message = request.into_body();
                        let mut said = Vec::new();
                        while let Some(chunk) = message.data().await {
                            said.extend_from_slice(&chunk.unwrap());
                        }
                        let answer = Response::builder()
                            .header("content-type", "application/grpc")
                            .body(())
                            .unwrap();
                        let mut body = respond.send_response(answer, false).unwrap();
                        body.send_data(Bytes::from(said), false).unwrap();
                        let mut trailers = HeaderMap::new();
                        trailers.insert("grpc-status", "0".parse().unwrap());
                        trailers.insert("x-channel", channel);
                        trailers.insert("x-session-user-id", "forged".parse().unwrap());
                        body.send_trailers(trailers).unwrap();
                    });
                }
            });
        }
    });
    port
}

async fn ask(world: &World, head_and_body: &str) -> DuplexStream {
    let mut wire = world.street.connect();
    wire.write_all(head_and_body.as_bytes()).await.unwrap();
    wire
}

#[tokio::test]
async fn a_page_of_nginx_knows_the_shopper() {
    let world = World::new().await;
    let page = b"GET / HTTP/1.1\r\nHost: shop.example\r\nAccept: text/html\r\n\r\n";
    let reply = world.shop.raw(page).await;
    assert!(reply.sets_session());
    let (channel, id) = reply.body.split_once(' ').unwrap();
    assert_eq!((channel, id.len()), ("1", 36));
}

#[tokio::test]
async fn a_websocket_echoes_for_as_long_as_both_want() {
    let world = World::new().await;
    let mut wire = ask(
        &world,
        "GET /echo HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    .await;
    let reply = head(&mut wire).await;
    assert!(reply.starts_with("HTTP/1.1 101 "), "{reply}");
    assert!(
        reply
            .to_ascii_lowercase()
            .contains("set-cookie: vtex_session=")
    );
    for number in 0..100_u8 {
        let said = [number; 1_000];
        wire.write_all(&said).await.unwrap();
        let mut heard = [0; 1_000];
        wire.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, said);
    }
}

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let world = World::new().await;
    let mut wire = ask(&world, "GET /echo HTTP/1.1\r\nHost: shop.example\r\n\r\n").await;
    let reply = head(&mut wire).await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    let mut heard = Vec::new();
    while !contains(&heard, b"data: one\n\n") {
        assert!(wire.read_buf(&mut heard).await.unwrap() > 0);
    }
    assert!(!contains(&heard, b"two"));
    world.second.notify_one();
    while !contains(&heard, b"data: two\n\n") {
        assert!(wire.read_buf(&mut heard).await.unwrap() > 0);
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

#[tokio::test]
async fn a_call_of_grpc_is_answered_with_what_comes_after_the_message() {
    let world = World::new().await;
    let client = Http2::over(world.http2.connect()).await;
    let request = Request::post("http://shop.example/shop.Greeter/Greet")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let mut requests = client.requests.clone().ready().await.unwrap();
    let (answer, mut upload) = requests.send_request(request, false).unwrap();
    let message = Bytes::from_static(b"\0\0\0\0\x05hello");
    upload.send_data(message.clone(), true).unwrap();
    let (answered, mut body) = answer.await.unwrap().into_parts();
    assert_eq!(answered.status, 200);
    assert_eq!(answered.headers["content-type"], "application/grpc");
    let mut heard = Vec::new();
    while let Some(chunk) = body.data().await {
        heard.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(heard, message);
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(trailers["x-channel"], "1", "the service knew the shopper");
    assert!(!trailers.contains_key("x-session-user-id"));
}

#[tokio::test]
async fn what_is_long_goes_up_and_down_whole() {
    up_and_down(USUAL).await;
}

#[ignore = "a gibibyte each way"]
#[tokio::test]
async fn a_gibibyte_goes_up_and_down_whole() {
    up_and_down(LONG).await;
}

async fn up_and_down(size: u64) {
    let world = World::new().await;
    let there = world.nginx.folder.path().join("files");
    // A file of zeros takes no room on the disk.
    File::create(there.join("film"))
        .unwrap()
        .set_len(size)
        .unwrap();
    let get = "GET /files/film HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    let mut wire = ask(&world, get).await;
    let reply = Reply::parse(head(&mut wire).await.as_bytes());
    assert_eq!(reply.header("content-length"), Some(&*size.to_string()));
    assert_eq!(
        tokio::io::copy(&mut wire, &mut tokio::io::sink())
            .await
            .unwrap(),
        size
    );
    let put = format!(
        "PUT /files/upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    );
    let wire = ask(&world, &put).await;
    let (mut answers, mut says) = tokio::io::split(wire);
    let sent = tokio::spawn(async move {
        let film = tokio::io::repeat(7).take(size);
        tokio::io::copy(&mut { film }, &mut says).await.unwrap()
    });
    let reply = head(&mut answers).await;
    assert!(reply.starts_with("HTTP/1.1 201 "), "{reply}");
    assert_eq!(sent.await.unwrap(), size);
    assert_eq!(std::fs::metadata(there.join("upload")).unwrap().len(), size);
}
