//! The same over sockets: how much of the processor a server's one thread takes for a request.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::watch;

use super::shared::shop::Kind;
use super::{bare_app, request, session_api, session_api_app};

/// Connections that ask at the same time, and requests of each in a round.
const CONNECTIONS: usize = 16;
const REQUESTS: usize = 1_500;
const ROUNDS: usize = 7;

/// A server on a thread of its own.
struct Served {
    name: &'static str,
    address: SocketAddr,
    /// Its thread's account of processor time.
    account: String,
    request: Vec<u8>,
    answer: usize,
}

impl Served {
    fn start<A: ServerApp + Send + Sync + 'static>(
        name: &'static str,
        app: Arc<A>,
        kind: Kind,
    ) -> Self {
        let (told, ready) = channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime of one thread can always be made");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await;
                let listener = listener.expect("loopback has a free port");
                let thread = fs::read_link("/proc/thread-self").expect("this is Linux");
                let address = listener.local_addr().expect("it is bound");
                drop(told.send((address, format!("/proc/{}/schedstat", thread.display()))));
                let (_running, stop) = watch::channel(false);
                while let Ok((socket, _)) = listener.accept().await {
                    socket.set_nodelay(true).expect("a socket takes the option");
                    let (app, stop) = (Arc::clone(&app), stop.clone());
                    let stream = Box::new(Stream::from(socket));
                    tokio::spawn(async move { app.process_new(stream, &stop).await });
                }
            });
        });
        let (address, account) = ready.recv().expect("the thread says where it listens");
        Self {
            name,
            address,
            account,
            request: request(kind),
            answer: session_api(kind).answer.len(),
        }
    }

    /// Nanoseconds of processor time that the thread has had.
    fn spent(&self) -> u64 {
        let account = fs::read_to_string(&self.account).expect("the thread is there");
        let spent = account
            .split(' ')
            .next()
            .and_then(|first| first.parse().ok());
        spent.expect("the account begins with time spent")
    }

    /// Processor time of a request, in microseconds, over one round.
    fn round(&self) -> f64 {
        let before = self.spent();
        thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    let mut wire = TcpStream::connect(self.address).expect("it listens");
                    wire.set_nodelay(true).expect("a socket takes the option");
                    let mut answer = vec![0; self.answer];
                    for _ in 0..REQUESTS {
                        wire.write_all(&self.request).expect("the server reads");
                        wire.read_exact(&mut answer).expect("the server answers");
                    }
                    assert!(answer.starts_with(b"HTTP/1.1 200"), "no answer");
                });
            }
        });
        let requests = f64::from(u32::try_from(CONNECTIONS * REQUESTS).expect("not that many"));
        let spent = u32::try_from(self.spent() - before).expect("a round takes less than 4 s");
        f64::from(spent) / 1000.0 / requests
    }
}

fn tell(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads");
}

/// Prints microseconds of processor time for a request and, round by round, the ratio to bare
/// pingora; then the medians.
pub(crate) fn compare() {
    let (bare_anonymous, _) = bare_app(Kind::Anonymous);
    let (bare_authenticated, _) = bare_app(Kind::Authenticated);
    let pairs = [
        [
            Served::start("bare answer", bare_anonymous, Kind::Anonymous),
            Served::start("api read", session_api_app(), Kind::Anonymous),
        ],
        [
            Served::start("bare answer", bare_authenticated, Kind::Authenticated),
            Served::start(
                "api read, logged in",
                session_api_app(),
                Kind::Authenticated,
            ),
        ],
    ];
    for [bare, api] in &pairs {
        bare.round();
        api.round();
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let (least, taken) = (bare.round(), api.round());
            ratios.push(taken / least);
            tell(&format!(
                "{} {least:.1} µs, {} {taken:.1} µs",
                bare.name, api.name
            ));
        }
        ratios.sort_by(f64::total_cmp);
        tell(&format!("{}: {ratios:.2?}", api.name));
    }
}
