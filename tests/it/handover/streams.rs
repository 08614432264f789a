//! What is long: upgraded connections, and those with TLS and HTTP/2, while one process takes over
//! from another.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::house::{EMBEDDED, House};
use super::walkers::Walker;
use crate::support::program::Running;
use crate::support::street::{Http2, certificate, handshake, shown, trusting};
use crate::support::tls::Authority;
use crate::support::valkey::eventually;

/// Echoes whatever comes after an upgrade.
async fn echoes() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                head(&mut socket).await;
                let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
                socket.write_all(answer.as_bytes()).await.unwrap();
                let (mut from, mut to) = socket.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    port
}

async fn head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn open_socket(port: u16) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let wire = format!(
        "GET /socket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    );
    socket.write_all(wire.as_bytes()).await.unwrap();
    let said = head(&mut socket).await;
    assert!(said.starts_with("HTTP/1.1 101 "), "{said}");
    socket
}

/// One that this process accepted: for a moment the one before may be quicker.
async fn socket_with(process: &Running, port: u16) -> TcpStream {
    loop {
        let socket = open_socket(port).await;
        if holds(process, port, &socket) {
            return socket;
        }
    }
}

/// Whether a process has the other end of a connection to this port.
fn holds(process: &Running, port: u16, client: &TcpStream) -> bool {
    let ends = [port, client.local_addr().unwrap().port()].map(|port| format!(":{port:04X}"));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    let mut rows = rows.filter(|row| row[1].ends_with(&ends[0]) && row[2].ends_with(&ends[1]));
    let socket = rows.next().map(|row| format!("socket:[{}]", row[9]));
    let open = std::fs::read_dir(format!("/proc/{}/fd", process.pid())).unwrap();
    let mut open = open.filter_map(|one| std::fs::read_link(one.unwrap().path()).ok());
    socket.is_some_and(|socket| open.any(|one| one.as_os_str() == socket.as_str()))
}

async fn echo(socket: &mut TcpStream, said: &[u8]) {
    socket.write_all(said).await.unwrap();
    let mut heard = vec![0; said.len()];
    socket.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, said);
}

async fn serves(new: &Running) {
    eventually("the new process serves", async || {
        new.log().contains("in the place of the one before")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_goes_on_until_it_is_closed_or_the_grace_is_over() {
    let port = echoes().await;
    let (house, mut old) = House::changed(EMBEDDED, |_, text| {
        format!(
            "{text}\n[[account.upstream]]\nname = \"echo\"\naddresses = [\"127.0.0.1:{port}\"]\n\
             [[account.route]]\npath = \"/socket\"\nupstream = \"echo\"\n"
        )
    })
    .await;
    let mut first = open_socket(house.port).await;
    echo(&mut first, b"before").await;
    house.rewrite(|text| text.replace("grace = \"40s\"", "grace = \"10s\""));
    let mut new = house.upgrade();
    serves(&new).await;
    let mut second = socket_with(&new, house.port).await;
    for said in 0..100_u8 {
        echo(&mut first, &[said; 100]).await;
        echo(&mut second, &[said; 100]).await;
    }
    drop(first);
    assert!(old.ended().await.success(), "{}", old.log());
    let log = old.log();
    assert!(
        log.contains("Everything that was under way is done."),
        "{log}"
    );
    // The next one does not wait for the second socket without end.
    let mut third = house.upgrade();
    serves(&third).await;
    echo(&mut second, b"within the grace").await;
    let mut rest = Vec::new();
    drop(second.read_to_end(&mut rest).await);
    assert!(rest.is_empty());
    assert!(new.ended().await.success(), "{}", new.log());
    assert!(new.log().contains("The grace is over"), "{}", new.log());
    Walker::to(house.port).look().await.unwrap();
    assert!(third.stop().await.success(), "{}", third.log());
}

/// A browser with HTTP/2: so many requests at once on one connection, and another one when it is told
/// to come by another.
struct Browser {
    port: u16,
    folder: std::path::PathBuf,
    cookie: String,
    session: String,
    connection: Option<Http2>,
    /// How often it was sent on.
    sent_on: usize,
}

const AT_ONCE: usize = 4;

impl Browser {
    async fn new(port: u16, folder: &Path) -> Self {
        let mut browser = Self {
            port,
            folder: folder.to_owned(),
            cookie: String::new(),
            session: String::new(),
            connection: None,
            sent_on: 0,
        };
        let (cookie, session) = loop {
            if let Some(answered) = browser.ask().await.unwrap() {
                break answered;
            }
        };
        browser.cookie = cookie;
        browser.session = session;
        browser
    }

    async fn connected(&mut self) -> &Http2 {
        if self.connection.is_none() {
            let wire = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            let wire = handshake(wire, trusting(&self.folder, &["h2"]), "localhost").await;
            assert_eq!(shown(&wire), certificate(&self.folder, "localhost"));
            self.connection = Some(Http2::over(wire).await);
        }
        self.connection.as_ref().unwrap()
    }

    /// A page: the cookies that come with it, and whose it is. None where the connection takes no
    /// more requests, so that nothing was sent.
    async fn ask(&mut self) -> Result<Option<(String, String)>, String> {
        let uri = format!("https://localhost:{}/echo", self.port);
        let mut request = Request::get(uri);
        if !self.cookie.is_empty() {
            request = request.header("cookie", &self.cookie);
        }
        let request = request.body(()).unwrap();
        let requests = self.connected().await.requests.clone();
        let sent = match requests.ready().await {
            Ok(mut requests) => requests.send_request(request, true),
            Err(error) => Err(error),
        };
        let answer = match sent {
            Ok((answer, _)) => answer,
            Err(error) if error.is_go_away() => {
                self.connection = None;
                self.sent_on += 1;
                return Ok(None);
            }
            Err(error) => return Err(format!("it cannot be sent: {error}")),
        };
        let (head, mut content) = match answer.await {
            Ok(answer) => answer.into_parts(),
            // It crossed the word that no more are taken, which names it as one that nothing was done
            // about: browsers send it again by themselves (RFC 9113 §6.8).
            Err(error) if error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR) => {
                self.connection = None;
                self.sent_on += 1;
                return Ok(None);
            }
            Err(error) => return Err(error.to_string()),
        };
        let mut body = Vec::new();
        while let Some(chunk) = content.data().await {
            let chunk = chunk.map_err(|error| error.to_string())?;
            drop(content.flow_control().release_capacity(chunk.len()));
            body.extend_from_slice(&chunk);
        }
        if head.status != 200 {
            return Err(head.status.to_string());
        }
        let pairs = head.headers.get_all("set-cookie").iter();
        let pairs = pairs.filter_map(|line| line.to_str().unwrap().split(';').next());
        let cookie = pairs.collect::<Vec<_>>().join("; ");
        let seen: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let session = seen["headers"]["x-session-id"][0].as_str();
        Ok(Some((cookie, session.unwrap_or_default().to_owned())))
    }
}

struct Way {
    stop: AtomicBool,
    answered: AtomicUsize,
}

impl Way {
    async fn goes_on(&self, more: usize) {
        let wanted = self.answered.load(Ordering::SeqCst) + more;
        eventually("requests are answered", async || {
            self.stop.load(Ordering::SeqCst) || self.answered.load(Ordering::SeqCst) >= wanted
        })
        .await;
    }

    async fn walk(&self, mut browser: Browser) -> Result<usize, String> {
        while !self.stop.load(Ordering::SeqCst) {
            let answered = browser.ask().await.inspect_err(|_| {
                self.stop.store(true, Ordering::SeqCst);
            })?;
            if let Some((_, session)) = answered {
                if session != browser.session {
                    return Err(format!("{session}, and {} before", browser.session));
                }
                self.answered.fetch_add(1, Ordering::SeqCst);
            }
        }
        Ok(browser.sent_on)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_with_tls_goes_over_and_clients_of_http_2_are_sent_on_and_lose_no_request() {
    let files = tempfile::tempdir().unwrap();
    let files = files.path();
    Authority::new(files).vouches_for("localhost");
    let (house, mut old) = House::changed(EMBEDDED, |house, text| {
        format!(
            "{text}\n[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:{port}\"\n[listener.tls]\n\
             [[listener.tls.certificate]]\nfile = \"{files}/localhost.pem\"\nkey = \"{files}/localhost.key\"\n",
            port = house.further_port,
            files = files.display(),
        )
    })
    .await;
    let way = Arc::new(Way {
        stop: AtomicBool::default(),
        answered: AtomicUsize::default(),
    });
    let mut browsers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let browser = Browser::new(house.further_port, files).await;
        let way = Arc::clone(&way);
        browsers.spawn(async move { way.walk(browser).await });
    }
    let mut current = old.id();
    for _ in 0..2 {
        way.goes_on(40).await;
        let new = house.upgrade();
        assert_ne!(new.id(), current);
        current = new.id();
        let status = old.ended().await;
        let log = old.log();
        assert!(status.success(), "{log}");
        assert!(
            log.contains("Everything that was under way is done."),
            "{log}"
        );
        old = new;
    }
    way.goes_on(40).await;
    way.stop.store(true, Ordering::SeqCst);
    for sent_on in browsers.join_all().await {
        assert_eq!(sent_on, Ok(2), "{}", old.log());
    }
    assert!(old.stop().await.success(), "{}", old.log());
}
