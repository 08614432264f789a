//! The same over sockets: how much of the processor a server's one thread takes for a request.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

use pingora::proxy::{ProxyHttp, http_proxy_service_with_name};
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};

use super::shared::shop::Kind;
use super::{bare_app, edge, request, session_api};

/// Connections that ask at the same time, and requests of each in a round.
const CONNECTIONS: usize = 16;
/// Short rounds, many of them: what else the machine does falls on both sides alike.
const REQUESTS: usize = 300;
const ROUNDS: usize = 61;

/// A server of pingora with one thread for its service, as it is run for a store.
struct Served {
    name: &'static str,
    address: SocketAddr,
    /// Accounts of processor time of the threads that serve.
    accounts: Vec<PathBuf>,
    request: Vec<u8>,
    answer: usize,
}

impl Served {
    /// `thread` names the service's threads, in no more than the fifteen letters Linux keeps.
    fn start<P>(name: &'static str, thread: &'static str, proxy: P, kind: Kind) -> Self
    where
        P: ProxyHttp + Send + Sync + 'static,
        P::CTX: Send + Sync,
    {
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let conf = ServerConf {
            threads: 1,
            ..ServerConf::default()
        };
        let mut pingora = Server::new_with_opt_and_conf(None, conf);
        pingora.bootstrap();
        let mut service = http_proxy_service_with_name(&pingora.configuration, proxy, thread);
        service.add_tcp(&address.to_string());
        pingora.add_service(service);
        thread::spawn(move || pingora.run(RunArgs::default()));
        let request = request(kind);
        let answer = session_api(kind).answer.len();
        let mut served = Self {
            name,
            address,
            accounts: Vec::new(),
            request,
            answer,
        };
        served.wire();
        served.accounts = accounts(thread);
        assert!(!served.accounts.is_empty(), "{thread} has no thread");
        served
    }

    /// A connection, as soon as the server listens.
    fn wire(&self) -> TcpStream {
        let wire = loop {
            if let Ok(wire) = TcpStream::connect(self.address) {
                break wire;
            }
            thread::yield_now();
        };
        wire.set_nodelay(true).expect("a socket takes the option");
        wire
    }

    /// Nanoseconds of processor time that the threads have had.
    fn spent(&self) -> u64 {
        let spent = |account: &PathBuf| {
            let account = fs::read_to_string(account).expect("the thread is there");
            let spent = account.split(' ').next().map(str::parse::<u64>);
            spent
                .and_then(Result::ok)
                .expect("an account begins with time spent")
        };
        self.accounts.iter().map(spent).sum()
    }

    /// Processor time of a request, in microseconds, over one round.
    fn round(&self) -> f64 {
        let before = self.spent();
        thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    let mut wire = self.wire();
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

/// The accounts of this process's threads of a name.
fn accounts(name: &str) -> Vec<PathBuf> {
    let threads = fs::read_dir("/proc/self/task").expect("this is Linux");
    let threads = threads.map(|thread| thread.expect("a thread is a folder").path());
    let named = |path: &PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    threads
        .filter(named)
        .map(|path| path.join("schedstat"))
        .collect()
}

fn tell(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads");
}

/// Prints microseconds of processor time for a request and, round by round, the ratio to bare
/// pingora; then the medians.
pub(crate) fn compare() {
    let pairs = [
        [
            Served::start(
                "bare answer",
                "bare",
                bare_app(Kind::Anonymous).0,
                Kind::Anonymous,
            ),
            Served::start("api read", "api", edge(), Kind::Anonymous),
        ],
        [
            Served::start(
                "bare answer",
                "bare-known",
                bare_app(Kind::Authenticated).0,
                Kind::Authenticated,
            ),
            Served::start(
                "api read, logged in",
                "api-known",
                edge(),
                Kind::Authenticated,
            ),
        ],
    ];
    for [bare, api] in &pairs {
        bare.round();
        api.round();
        let mut ratios = Vec::new();
        for number in 0..ROUNDS {
            // Neither is always the first.
            let (least, taken) = if number % 2 == 0 {
                (bare.round(), api.round())
            } else {
                let taken = api.round();
                (bare.round(), taken)
            };
            ratios.push(taken / least);
            tell(&format!(
                "{} {least:.1} µs, {} {taken:.1} µs",
                bare.name, api.name
            ));
        }
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios.get(ROUNDS * part / 4).copied().unwrap_or(f64::NAN);
        tell(&format!(
            "{}: median {:.2}, half of all between {:.2} and {:.2}",
            api.name,
            at(2),
            at(1),
            at(3)
        ));
    }
}
