//! Connections of a loader: plain HTTP/1.1, or HTTP/2 over TLS 1.3, one request at a time on each.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const END: &[u8] = b"\r\n\r\n";

/// The heads of a file of requests without bodies, one after the other as a connection carries them.
pub(crate) fn heads(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("requests are a text");
    let heads = text.split_inclusive("\r\n\r\n").map(str::to_owned);
    heads.collect()
}

/// What came back: the status, and the head's lines where it came over HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
}

impl Answer {
    /// `name=value` of every cookie that is set.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = &str> {
        self.head.lines().filter_map(|line| {
            let value = header(line, "set-cookie")?;
            value.split(';').next()
        })
    }
}

fn header<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then(|| value.trim())
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream, Vec<u8>),
    Multiplexed(SendRequest<Bytes>),
}

/// A server, and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Server {
    /// With an authority to believe, HTTP/2 over TLS 1.3 and nothing else; without, plain HTTP/1.1.
    pub(crate) fn new(address: SocketAddr, authority: Option<&Path>) -> Self {
        let tls = authority.map(|authority| {
            let mut roots = rustls::RootCertStore::empty();
            let authority = CertificateDer::from_pem_file(authority);
            roots
                .add(authority.expect("the authority is a certificate"))
                .expect("it can vouch");
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider);
            let config = config.with_protocol_versions(&[&TLS13]);
            let config = config.expect("ring speaks TLS 1.3");
            let mut config = config.with_root_certificates(roots).with_no_client_auth();
            config.alpn_protocols = vec![b"h2".to_vec()];
            TlsConnector::from(Arc::new(config))
        });
        Self { address, tls }
    }

    pub(crate) async fn connect(&self) -> Wire {
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.expect("the proxy takes a connection");
        stream.set_nodelay(true).expect("a socket takes the option");
        let Some(tls) = &self.tls else {
            return Wire::Plain(stream, Vec::new());
        };
        let name = ServerName::try_from("shop.example").expect("it is a name");
        let stream = tls.connect(name, stream).await;
        let handshake = h2::client::handshake(stream.expect("the proxy shows its certificate"));
        let (requests, connection) = handshake.await.expect("the proxy speaks HTTP/2");
        tokio::spawn(connection);
        Wire::Multiplexed(requests)
    }
}

impl Wire {
    /// Sends a request and reads the whole answer.
    pub(crate) async fn ask(&mut self, head: &str) -> Answer {
        match self {
            Self::Plain(stream, read) => plain(stream, read, head).await,
            Self::Multiplexed(requests) => multiplexed(requests, head).await,
        }
    }
}

async fn plain(stream: &mut TcpStream, read: &mut Vec<u8>, head: &str) -> Answer {
    let sent = stream.write_all(head.as_bytes()).await;
    sent.expect("the proxy reads");
    read.clear();
    let mut whole = None;
    loop {
        let some = stream.read_buf(read).await.expect("the proxy answers");
        assert!(some > 0, "the proxy closed a connection");
        if whole.is_none()
            && let Some(end) = memchr::memmem::find(read, END)
        {
            let (head, _) = read.split_at(end);
            let head = String::from_utf8_lossy(head).into_owned();
            let length = head.lines().find_map(|line| header(line, "content-length"));
            let length = length.and_then(|length| length.parse::<usize>().ok());
            let length = length.expect("answers say how long they are");
            whole = Some((end + END.len() + length, head));
        }
        if let Some((_, head)) = whole.take_if(|(length, _)| read.len() >= *length) {
            let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
            let status = status.expect("an answer begins with its status");
            return Answer { status, head };
        }
    }
}

async fn multiplexed(requests: &mut SendRequest<Bytes>, head: &str) -> Answer {
    let request = as_request(head);
    ready(requests).await;
    let (answer, _) = requests
        .send_request(request, true)
        .expect("a request without a body is sent at once");
    let answer = answer.await.expect("the proxy answers");
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    while let Some(part) = body.data().await {
        let part = part.expect("the body is whole");
        let released = body.flow_control().release_capacity(part.len());
        released.expect("what came can be released");
    }
    let head = String::new();
    Answer { status, head }
}

async fn ready(requests: &mut SendRequest<Bytes>) {
    std::future::poll_fn(|context| requests.poll_ready(context))
        .await
        .expect("the connection is open");
}

/// The same request for HTTP/2, which has a name for every part of the first line.
fn as_request(head: &str) -> http::Request<()> {
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.split(' ').nth(1));
    let target = target.expect("a request begins with its method and target");
    let mut request = http::Request::get(format!("https://shop.example{target}"));
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").expect("a header has a value");
        if !name.eq_ignore_ascii_case("host") {
            request = request.header(name, value);
        }
    }
    request.body(()).expect("the request is in order")
}
