//! What an answer of the Session API costs on pingora, beside what pingora takes to answer the same
//! bytes by itself; and what a request that is passed on costs, beside what pingora takes to pass it
//! on. One kept connection in memory, so that no kernel stands between it and its client.
//!
//! By time with `cargo bench --bench edge`; by instructions under callgrind with
//! `make counts`, which holds them against `benches/compare/limits.json`; by
//! processor time over real sockets, the kernel's share included, with
//! `cargo bench --bench edge -- cpu`.

use std::hint::black_box;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use bytes::Bytes;
use divan::Bencher;
use parking_lot::Mutex;
use pingora::apps::ServerApp;
use pingora::http::ResponseHeader;
use pingora::prelude::HttpPeer;
use pingora::proxy::{HttpProxy, ProxyHttp, Session as Exchange, http_proxy};
use pingora::server::configuration::ServerConf;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use vestibule::edge::Edge;

#[path = "shared/passing.rs"]
mod passing;
#[path = "edge/sockets.rs"]
mod sockets;
#[path = "edge/through.rs"]
mod through;

#[expect(dead_code, reason = "each bench takes its part of what they share")]
mod shared;

use shared::shop::{Kind, Shop};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ITEMS: &str = "/api/sessions?items=store.channel,store.currencyCode,rnb.campaigns";
const COUNTED: usize = 2_000;

/// Answers every request with the same bytes, and knows nothing of sessions.
struct Bare {
    headers: Vec<(http::HeaderName, http::HeaderValue)>,
    body: Bytes,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn request_filter(&self, exchange: &mut Exchange, (): &mut ()) -> pingora::Result<bool> {
        let mut head = ResponseHeader::build(200, Some(self.headers.len()))?;
        for (name, value) in &self.headers {
            head.insert_header(name.clone(), value.clone())?;
        }
        exchange.set_keepalive(Some(60));
        exchange
            .write_response_header(Box::new(head), false)
            .await?;
        exchange
            .write_response_body(Some(self.body.clone()), true)
            .await?;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Exchange, (): &mut ()) -> pingora::Result<Box<HttpPeer>> {
        unreachable!("every request is answered in its filter")
    }
}

/// One client on a kept connection.
struct Client {
    runtime: Runtime,
    wire: DuplexStream,
    /// What is asked, in turn.
    requests: Vec<Vec<u8>>,
    turn: usize,
    /// What answers end with, where they are not of one length.
    ending: Option<&'static [u8]>,
    answer: Vec<u8>,
    _running: watch::Sender<bool>,
}

impl Client {
    fn of<A>(app: Arc<A>, requests: Vec<Vec<u8>>) -> Self
    where
        A: ServerApp + Send + Sync + 'static,
    {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime of one thread can always be made");
        let (wire, server) = tokio::io::duplex(1 << 16);
        let (running, stop) = watch::channel(false);
        runtime.spawn(async move { app.process_new(Box::new(server), &stop).await });
        let mut client = Self {
            runtime,
            wire,
            requests,
            turn: 0,
            ending: None,
            answer: Vec::new(),
            _running: running,
        };
        // The first answer says how long the others are.
        let length = client.first();
        client.answer.resize(length, 0);
        client
    }

    fn first(&mut self) -> usize {
        let Self {
            runtime,
            wire,
            requests,
            answer,
            ..
        } = self;
        let request = requests.first().expect("there is something to ask");
        runtime.block_on(async {
            wire.write_all(request).await.expect("the server reads");
            loop {
                let read = wire.read_buf(answer).await.expect("the server answers");
                assert!(read > 0, "the connection was closed");
                let text = String::from_utf8_lossy(answer);
                let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                    let length = head.lines().find_map(|line| {
                        let (name, value) = line.split_once(": ")?;
                        name.eq_ignore_ascii_case("content-length").then_some(value)
                    });
                    length.and_then(|length| length.parse().ok()) == Some(body.len())
                });
                if whole {
                    return answer.len();
                }
            }
        })
    }

    fn ask(&mut self) {
        let Self {
            runtime,
            wire,
            requests,
            turn,
            ending,
            answer,
            ..
        } = self;
        *turn = (*turn + 1) % requests.len();
        let request = requests.get(*turn).expect("every turn has a request");
        runtime.block_on(async {
            wire.write_all(request).await.expect("the server reads");
            let Some(ending) = *ending else {
                wire.read_exact(answer).await.expect("the server answers");
                return;
            };
            answer.clear();
            while !answer.ends_with(ending) {
                let read = wire.read_buf(answer).await.expect("the server answers");
                assert!(read > 0, "the connection was closed");
            }
        });
    }
}

/// The store's server, behind everything that passes on.
static ORIGIN: LazyLock<SocketAddr> = LazyLock::new(through::origin);

static SHOP: LazyLock<Shop> = LazyLock::new(|| {
    let shop = Shop::before(*ORIGIN);
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime of one thread can always be made");
    runtime.block_on(shop.fill_anonymous(1_000));
    runtime.block_on(shop.fill_authenticated(1_000));
    shop
});

/// The request of a script of the store's page, with all of a shopper's cookies.
fn request(kind: Kind) -> Vec<u8> {
    let shopper = SHOP.request(7, kind);
    let (decision, _) = SHOP.pass_at_once(&shopper);
    assert!(decision.trace.session.is_some(), "the shopper is known");
    let cookies = shopper
        .view()
        .header("cookie")
        .unwrap_or_default()
        .to_owned();
    format!(
        "GET {ITEMS} HTTP/1.1\r\nHost: shop.example\r\nAccept: application/json\r\n\
         Sec-Fetch-Site: same-origin\r\nCookie: {cookies}\r\n\r\n"
    )
    .into_bytes()
}

fn session_api(kind: Kind) -> Client {
    Client::of(app(edge()), vec![request(kind)])
}

fn edge() -> Edge {
    Edge::new(Arc::clone(&SHOP.shared), false)
}

fn app<P>(proxy: P) -> Arc<HttpProxy<P>>
where
    P: ProxyHttp,
{
    Arc::new(http_proxy(&Arc::new(ServerConf::default()), proxy))
}

/// A server that answers just what the API does.
fn bare(kind: Kind) -> Client {
    let (bare, length) = bare_app(kind);
    let client = Client::of(app(bare), vec![request(kind)]);
    assert_eq!(client.answer.len(), length, "answers of one size");
    client
}

fn bare_app(kind: Kind) -> (Bare, usize) {
    let answer = session_api(kind).answer_text();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let headers = head.lines().skip(1).filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let name = http::HeaderName::try_from(name).ok()?;
        (name != "date" && name != "connection")
            .then(|| Some((name, http::HeaderValue::from_str(value).ok()?)))?
    });
    let bare = Bare {
        headers: headers.collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    (bare, answer.len())
}

impl Client {
    fn answer_text(mut self) -> String {
        self.ask();
        assert!(self.answer.starts_with(b"HTTP/1.1 200"), "no answer");
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}

/// The parts that are counted; callgrind tells them apart by name, and each by its name from the
/// others, or the compiler would make one of them.
mod counted {
    use super::{COUNTED, Client, black_box};

    #[inline(never)]
    pub(crate) fn bare_answer(client: &mut Client) {
        black_box("bare_answer");
        (0..COUNTED).for_each(|_| black_box(&mut *client).ask());
    }

    #[inline(never)]
    pub(crate) fn api_read(client: &mut Client) {
        black_box("api_read");
        (0..COUNTED).for_each(|_| black_box(&mut *client).ask());
    }

    #[inline(never)]
    pub(crate) fn api_read_authenticated(client: &mut Client) {
        black_box("api_read_authenticated");
        (0..COUNTED).for_each(|_| black_box(&mut *client).ask());
    }

    #[inline(never)]
    pub(crate) fn bare_passing(client: &mut Client) {
        black_box("bare_passing");
        (0..COUNTED).for_each(|_| black_box(&mut *client).ask());
    }

    #[inline(never)]
    pub(crate) fn returning(client: &mut Client) {
        black_box("returning");
        (0..COUNTED).for_each(|_| black_box(&mut *client).ask());
    }

    #[inline(never)]
    pub(crate) fn returning_authenticated(client: &mut Client) {
        black_box("returning_authenticated");
        (0..COUNTED).for_each(|_| black_box(&mut *client).ask());
    }

    #[inline(never)]
    pub(crate) fn returning_alike(client: &mut Client) {
        black_box("returning_alike");
        (0..COUNTED).for_each(|_| black_box(&mut *client).ask());
    }

    #[inline(never)]
    pub(crate) fn first_visit(client: &mut Client) {
        black_box("first_visit");
        (0..COUNTED).for_each(|_| black_box(&mut *client).ask());
    }
}

fn main() {
    LazyLock::force(&SHOP);
    if std::env::args().any(|argument| argument == "cpu") {
        sockets::compare();
        return;
    }
    if std::env::args().any(|argument| argument == "count") {
        count();
        return;
    }
    divan::main();
}

/// Each part once. How many requests a part has is told: counts are of all of them.
fn count() {
    writeln!(std::io::stdout(), "{COUNTED}").expect("somebody reads");
    counted::bare_answer(&mut bare(Kind::Anonymous));
    counted::api_read(&mut session_api(Kind::Anonymous));
    counted::api_read_authenticated(&mut session_api(Kind::Authenticated));
    let (shopper, known) = (Kind::Anonymous, Kind::Authenticated);
    counted::bare_passing(&mut through::bare(through::returning(shopper)));
    counted::returning(&mut through::edge(through::returning(shopper)));
    counted::returning_authenticated(&mut through::edge(through::returning(known)));
    let [alike, _] = through::returning(known);
    counted::returning_alike(&mut through::edge([alike]));
    counted::first_visit(&mut through::edge(through::first_visits()));
}

fn timed(bencher: Bencher<'_, '_>, client: Client) {
    let client = Mutex::new(client);
    bencher.bench(|| client.lock().ask());
}

#[divan::bench(sample_count = 300, sample_size = 64)]
fn bare_answer(bencher: Bencher<'_, '_>) {
    timed(bencher, bare(Kind::Anonymous));
}

#[divan::bench(sample_count = 300, sample_size = 64)]
fn api_read_three_keys(bencher: Bencher<'_, '_>) {
    timed(bencher, session_api(Kind::Anonymous));
}

#[divan::bench(sample_count = 300, sample_size = 64)]
fn api_read_three_keys_authenticated(bencher: Bencher<'_, '_>) {
    timed(bencher, session_api(Kind::Authenticated));
}
