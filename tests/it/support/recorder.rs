//! A store's server that keeps the bytes it gets: what a library would tidy up shows here.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request, byte for byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded {
    pub head: String,
    pub body: Vec<u8>,
    /// Whether its body arrived to its end.
    pub complete: bool,
}

impl Recorded {
    /// The lines of a header, in any case of its name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.split("\r\n").skip(1);
        let lines = lines.filter_map(|line| line.split_once(':'));
        let ours = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        ours.map(|(_, value)| value.trim()).collect()
    }

    /// The names of its headers, as a program behind CGI reads them.
    pub(crate) fn cgi_names(&self) -> Vec<String> {
        let lines = self.head.split("\r\n").skip(1);
        let names = lines.filter_map(|line| line.split_once(':'));
        names.map(|(name, _)| cgi(name)).collect()
    }
}

/// A name with all that is no letter or digit read as the same.
pub(crate) fn cgi(name: &str) -> String {
    let fold = |char: char| match char {
        char if char.is_ascii_alphanumeric() => char.to_ascii_lowercase(),
        _ => '_',
    };
    name.chars().map(fold).collect()
}

/// Answers every request with the same bytes, once its body is read.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Recorded>>>,
    answer: Arc<Mutex<String>>,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let recorder = Self {
            address: listener.local_addr().unwrap(),
            got: Arc::default(),
            answer: Arc::default(),
        };
        let of = recorder.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(of.clone().serve(stream));
            }
        });
        recorder
    }

    /// Forgets what came, and answers so from now on.
    pub(crate) fn answers(&self, answer: &str) {
        self.got.lock().clear();
        answer.clone_into(&mut self.answer.lock());
    }

    pub(crate) fn got(&self) -> Vec<Recorded> {
        self.got.lock().clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while let Some(end) = until(&mut stream, &mut bytes, b"\r\n\r\n").await {
            let rest = bytes.split_off(end);
            let head = latin1(&bytes);
            bytes = rest;
            let request = Recorded {
                head,
                ..Recorded::default()
            };
            let at = {
                let mut got = self.got.lock();
                got.push(request.clone());
                got.len() - 1
            };
            let Some(body) = read_body(&mut stream, &mut bytes, &request).await else {
                return;
            };
            if let Some(request) = self.got.lock().get_mut(at) {
                request.body = body;
                request.complete = true;
            }
            let answer = self.answer.lock().clone();
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// The body by its framing; nothing when the connection ends before it.
async fn read_body(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    request: &Recorded,
) -> Option<Vec<u8>> {
    let length = request.all("content-length").first().copied();
    if let Some(length) = length {
        return take(stream, bytes, length.parse().ok()?).await;
    }
    if request.all("transfer-encoding").is_empty() {
        return Some(Vec::new());
    }
    let mut body = Vec::new();
    loop {
        let end = until(stream, bytes, b"\r\n").await?;
        let line = latin1(&take(stream, bytes, end).await?);
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let chunk = take(stream, bytes, size).await?;
        body.extend_from_slice(&chunk);
        if size == 0 {
            // What stands between the last chunk and the empty line are trailers: they are kept with
            // the body, where a test sees them.
            loop {
                let end = until(stream, bytes, b"\r\n").await?;
                let line = take(stream, bytes, end).await?;
                if line == b"\r\n" {
                    return Some(body);
                }
                body.extend_from_slice(&line);
            }
        }
        take(stream, bytes, 2).await?;
    }
}

/// Reads until a mark; how many bytes there are up to its end.
pub(crate) async fn until(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    mark: &[u8],
) -> Option<usize> {
    loop {
        let found = bytes.windows(mark.len()).position(|window| window == mark);
        if let Some(at) = found {
            return Some(at + mark.len());
        }
        more(stream, bytes).await?;
    }
}

async fn take(stream: &mut TcpStream, bytes: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    while bytes.len() < count {
        more(stream, bytes).await?;
    }
    let rest = bytes.split_off(count);
    Some(std::mem::replace(bytes, rest))
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer).await {
        Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
        _ => return None,
    }
    Some(())
}

/// Each byte as the character of its number, so that nothing is lost.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
