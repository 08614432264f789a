//! Calls over real sockets, against a server that answers by the byte.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[derive(Debug)]
struct NoChance;

impl Entropy for NoChance {
    fn bits(&self) -> u128 {
        0
    }
}

/// What a request is answered with, and whether the connection goes on.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Keep(&'static str),
    Close(&'static str),
}

#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    connections: AtomicUsize,
    closed: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

/// Answers in order; a request past the last is never answered.
async fn serve(answers: &[Answer]) -> (SocketAddr, Arc<Script>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(Script {
        answers: Mutex::new(answers.iter().copied().collect()),
        ..Script::default()
    });
    let served = Arc::clone(&script);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            served.connections.fetch_add(1, Ordering::SeqCst);
            let served = Arc::clone(&served);
            tokio::spawn(async move {
                answer(stream, Arc::clone(&served)).await;
                served.closed.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    (address, script)
}

async fn answer(mut stream: TcpStream, script: Arc<Script>) {
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(count) => read.extend_from_slice(&part[..count]),
        }
        let text = String::from_utf8_lossy(&read).into_owned();
        // Every request here ends with this body.
        if !text.ends_with("\r\n\r\n{}") {
            continue;
        }
        read.clear();
        script.requests.lock().push(text);
        let next = script.answers.lock().pop_front();
        match next {
            Some(Answer::Keep(text)) => stream.write_all(text.as_bytes()).await.unwrap(),
            Some(Answer::Close(text)) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                return;
            }
            None => std::future::pending::<()>().await,
        }
    }
}

fn client() -> Outbound {
    Outbound::new(
        Tls::Unused,
        Arc::new(names::SystemNames),
        Arc::new(NoChance),
    )
    .unwrap()
}

fn ask(address: SocketAddr) -> Ask {
    Ask {
        method: Method::POST,
        uri: format!("http://{address}/a?b=c").parse().unwrap(),
        headers: HeaderMap::from_iter([(
            http::header::ACCEPT,
            http::HeaderValue::from_static("application/json"),
        )]),
        body: Bytes::from_static(b"{}"),
    }
}

fn allowance(retries: u32) -> Allowance {
    Allowance {
        // Generous: the machine may be busy, and nothing here waits for it.
        deadline: Instant::now() + Duration::from_mins(1),
        reply_bytes: 8,
        retries,
    }
}

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

#[tokio::test]
async fn a_call_goes_out_as_it_is_and_connections_are_used_again() {
    let (address, script) = serve(&[Answer::Keep(FINE), Answer::Keep(FINE)]).await;
    let client = client();
    for _ in 0..2 {
        let told = client.send(&ask(address), allowance(0)).await.unwrap();
        assert_eq!((told.status.as_u16(), &*told.body), (200, &b"fine"[..]));
    }
    assert_eq!(script.connections.load(Ordering::SeqCst), 1);
    let expected = format!(
        "POST /a?b=c HTTP/1.1\r\naccept: application/json\r\nhost: {address}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    assert_eq!(*script.requests.lock(), [expected.as_str(), &expected]);
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    for (answer, error) in [
        (
            Answer::Keep("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789"),
            OutboundError::TooLong(8),
        ),
        (
            Answer::Keep(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n",
            ),
            OutboundError::TooLong(8),
        ),
        (
            Answer::Keep("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"),
            OutboundError::Packed,
        ),
    ] {
        let (address, _) = serve(&[answer]).await;
        let told = client().send(&ask(address), allowance(5)).await;
        assert_eq!(told.unwrap_err(), error);
    }
}

#[tokio::test]
async fn a_call_that_may_have_been_received_is_made_again_only_where_that_is_allowed() {
    for lost in [
        Answer::Close("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi"),
        Answer::Close(""),
        Answer::Keep("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let (address, script) = serve(&[lost, Answer::Keep(FINE)]).await;
        let told = client().send(&ask(address), allowance(0)).await;
        match told {
            Ok(told) => assert_eq!(told.status.as_u16(), 503),
            Err(error) => assert!(matches!(error, OutboundError::Lost(_)), "{error}"),
        }
        assert_eq!(script.requests.lock().len(), 1, "{lost:?}");

        let (address, script) = serve(&[lost, Answer::Keep(FINE)]).await;
        let told = client().send(&ask(address), allowance(1)).await.unwrap();
        assert_eq!(&*told.body, b"fine");
        assert_eq!(script.requests.lock().len(), 2, "{lost:?}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_unused_costs_no_call() {
    let (address, script) = serve(&[Answer::Close(FINE), Answer::Keep(FINE)]).await;
    let client = client();
    client.send(&ask(address), allowance(0)).await.unwrap();
    while script.closed.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // The end of the connection lies in this end's socket by now: time for it to be read.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    client.send(&ask(address), allowance(0)).await.unwrap();
    assert_eq!(script.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let error = client().send(&ask(address), allowance(0)).await;
    let said = error.unwrap_err().to_string();
    assert!(
        said.starts_with("no connection: Connection refused"),
        "{said}"
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (elsewhere, followed) = serve(&[Answer::Keep(FINE)]).await;
    let answer: &'static str = Box::leak(
        format!("HTTP/1.1 302 Found\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n")
            .into_boxed_str(),
    );
    let (address, _) = serve(&[Answer::Keep(answer)]).await;
    let told = client().send(&ask(address), allowance(5)).await.unwrap();
    assert_eq!(told.status.as_u16(), 302);
    assert_eq!(followed.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_deadline_and_no_more() {
    let (address, script) = serve(&[]).await;
    let short = Allowance {
        deadline: Instant::now() + Duration::from_millis(50),
        ..allowance(5)
    };
    let told = client().send(&ask(address), short).await;
    assert_eq!(told.unwrap_err(), OutboundError::Late);
    assert!(script.requests.lock().len() <= 1);
}

#[tokio::test]
async fn a_client_that_needs_no_certificates_trusts_none() {
    let (address, _) = serve(&[]).await;
    let uri = format!("https://{address}/").parse().unwrap();
    let secure = Ask {
        uri,
        ..ask(address)
    };
    let short = Allowance {
        deadline: Instant::now() + Duration::from_millis(50),
        ..allowance(0)
    };
    assert!(client().send(&secure, short).await.is_err());
}

#[tokio::test]
async fn connections_are_renewed_so_that_a_name_that_moved_is_found() {
    let (address, script) = serve(&[Answer::Keep(FINE), Answer::Keep(FINE)]).await;
    let client = Outbound {
        renew: Duration::ZERO,
        ..client()
    };
    for _ in 0..2 {
        let told = client.send(&ask(address), allowance(0)).await.unwrap();
        assert_eq!(&*told.body, b"fine");
    }
    assert_eq!(script.connections.load(Ordering::SeqCst), 2);
}

/// One name, which is moved by the test.
#[derive(Debug)]
struct Moving(Mutex<Option<SocketAddr>>);

#[async_trait::async_trait]
impl Names for Moving {
    async fn find(&self, name: &str) -> std::io::Result<Vec<SocketAddr>> {
        assert_eq!(name, "fish.example");
        let place = *self.0.lock();
        let unknown = || std::io::Error::other("nobody knows the name");
        place.map(|place| vec![place]).ok_or_else(unknown)
    }
}

#[tokio::test]
async fn a_name_that_moved_is_found_at_its_new_place_while_the_old_one_still_answers() {
    let (old, at_old) = serve(&[Answer::Keep(FINE), Answer::Keep(FINE)]).await;
    let (new, at_new) = serve(&[Answer::Keep(FINE)]).await;
    let moving = Arc::new(Moving(Mutex::default()));
    let asked: Arc<dyn Names> = Arc::<Moving>::clone(&moving);
    let client = Outbound::new(Tls::Unused, asked, Arc::new(NoChance)).unwrap();
    let named = Ask {
        uri: "http://fish.example/a".parse().unwrap(),
        ..ask(old)
    };
    let unknown = client.send(&named, allowance(0)).await.unwrap_err();
    assert_eq!(
        unknown,
        OutboundError::Unreachable("nobody knows the name".to_owned())
    );
    for place in [old, new] {
        *moving.0.lock() = Some(place);
        client.send(&named, allowance(0)).await.unwrap();
    }
    let requests = |script: &Script| script.requests.lock().len();
    assert_eq!(
        (requests(&at_old), requests(&at_new)),
        (2, 0),
        "the connection is there, and not old"
    );
    let client = Outbound {
        renew: Duration::ZERO,
        ..client
    };
    client.send(&named, allowance(0)).await.unwrap();
    assert_eq!((requests(&at_old), requests(&at_new)), (2, 1));
}
