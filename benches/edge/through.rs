//! Requests that are passed on, to an origin on threads of its own: what is counted is the thread that
//! asks and passes on.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use pingora::proxy::ProxyHttp;

use super::passing::Passing;
use super::shared::requests::Request;
use super::shared::shop::{Kind, Shop};
use super::{Client, SHOP, app};

/// The headers of a session that a known shopper's request has to bring to the origin.
const HEADERS_OF_A_KNOWN_SHOPPER: usize = 12;

/// What every answer of the origin ends with.
const END: &str = "</html>";

/// Starts a server that answers everything with the same 1 KB, and says how many headers of a session
/// it got.
pub(crate) fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection was made");
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("a socket takes the option");
    let body = "vestibule ".repeat(102) + END;
    let (mut read, mut some) = (Vec::new(), [0; 1 << 14]);
    loop {
        let length = stream.read(&mut some).unwrap_or(0);
        if length == 0 {
            return;
        }
        read.extend(some.iter().take(length));
        if !read.ends_with(b"\r\n\r\n") {
            continue;
        }
        let head = String::from_utf8_lossy(&read).to_ascii_lowercase();
        let names = head
            .lines()
            .filter(|line| line.starts_with("x-session-") || line.starts_with("x-vtex-"));
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nX-Seen: {:02}\r\n\r\n{body}",
            body.len(),
            names.count(),
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
        read.clear();
    }
}

/// Bare pingora that passes on.
pub(crate) fn bare<const N: usize>(requests: [Vec<u8>; N]) -> Client {
    client(Passing(*super::ORIGIN), requests.into())
}

/// The whole proxy.
pub(crate) fn edge<const N: usize>(requests: [Vec<u8>; N]) -> Client {
    client(super::edge(), requests.into())
}

/// Cookies that are set are not always of one length.
fn client<P>(proxy: P, requests: Vec<Vec<u8>>) -> Client
where
    P: ProxyHttp + Send + Sync + 'static,
    P::CTX: Send + Sync,
{
    Client {
        ending: Some(END.as_bytes()),
        ..Client::of(app(proxy), requests)
    }
}

/// Two shoppers who have been here, with all cookies that they were given: on a connection where they
/// take turns, no request says what the one before said.
pub(crate) fn returning(kind: Kind) -> [Vec<u8>; 2] {
    [7, 8].map(|number| {
        let request = head(&SHOP.request(number, kind), &[]);
        let answer = edge([request.clone()]).answer_text();
        let seen = value(&answer, "x-seen").next();
        let seen: usize = seen.and_then(|seen| seen.parse().ok()).unwrap_or(0);
        let wanted = match kind {
            Kind::Anonymous => 1,
            Kind::Authenticated => HEADERS_OF_A_KNOWN_SHOPPER,
        };
        assert!(seen >= wanted, "the origin got {seen} headers");
        let given: Vec<String> = value(&answer, "set-cookie")
            .filter_map(|cookie| Some(cookie.split_once(';')?.0.to_owned()))
            .collect();
        let settled = head(&SHOP.request(number, kind), &given);
        let answer = edge([settled.clone()]).answer_text();
        assert_eq!(value(&answer, "set-cookie").count(), 0, "nothing is new");
        settled
    })
}

/// A first visit: each time it comes, a session is made.
pub(crate) fn first_visits() -> [Vec<u8>; 1] {
    let request = head(&Shop::first_visit(7), &[]);
    let answer = edge([request.clone()]).answer_text();
    assert!(
        value(&answer, "set-cookie").count() > 1,
        "a session is given"
    );
    [request]
}

fn value<'a>(answer: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    answer.lines().filter_map(move |line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A request as it is on the wire, with more cookies.
fn head(request: &Request, more: &[String]) -> Vec<u8> {
    let view = request.view();
    let query = view.query.unwrap_or_default();
    let mut head = format!("GET {}?{query} HTTP/1.1\r\n", view.path.as_str());
    for (name, value) in view.headers {
        let value = value.to_str().expect("headers here are visible ASCII");
        let given = more.iter().map(|cookie| format!("; {cookie}"));
        let given: String = given.filter(|_| name == http::header::COOKIE).collect();
        write!(head, "{name}: {value}{given}\r\n").expect("a string takes all");
    }
    head.push_str("\r\n");
    head.into_bytes()
}
