//! What a shared store costs its server: bytes on the wire, processor time and memory, of each kind of
//! operation by itself. The server is a real one, started here and ended here; it counts itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::Instant;
use vestibule::clock::{SystemClock, SystemEntropy};
use vestibule::domain::session::{LoginHashes, SessionId};
use vestibule::ports::{Clock as _, FarStore, Touched};
use vestibule::store::ValkeyStore;
use vestibule::store::valkey::Settings;
use vestibule::telemetry::Telemetry;

use super::{KEEP, session};

const SESSIONS: u128 = 20_000;
/// How many operations are under way at once, as by a busy instance.
const AT_ONCE: u128 = 32;

/// A server, for as long as this lives.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Server {
    fn start() -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let started = ["valkey-server", "redis-server"].iter().find_map(|name| {
            let mut command = Command::new(name);
            command.args(["--port", &port.to_string()]).args(options);
            command.stdout(Stdio::null()).spawn().ok()
        });
        let process = started.expect("scripts/setup test installs a server");
        let server = Self { process, port };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < until, "the server began");
            std::thread::yield_now();
        }
        server
    }

    /// What it says of itself under one name.
    fn says(&self, name: &str) -> f64 {
        let mut wire = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it listens");
        wire.write_all(b"*1\r\n$4\r\nINFO\r\n").expect("it reads");
        let mut answer = BufReader::new(wire);
        let mut length = String::new();
        answer.read_line(&mut length).expect("it answers");
        let length = length.trim().trim_start_matches('$').parse();
        let mut text = vec![0; length.expect("a length")];
        answer.read_exact(&mut text).expect("it answers whole");
        let text = String::from_utf8(text).expect("it answers in words");
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.and_then(|value| value.parse().ok()).expect(name)
    }

    fn figures(&self) -> [f64; 4] {
        [
            "total_net_input_bytes",
            "total_net_output_bytes",
            "used_cpu_user",
            "used_cpu_sys",
        ]
        .map(|name| self.says(name))
    }
}

/// Runs it for every session, so many at once.
fn each<F, Done>(runtime: &Runtime, operation: F)
where
    F: Fn(u128) -> Done,
    Done: Future<Output = ()> + Send + 'static,
{
    for first in (0..SESSIONS).step_by(usize::try_from(AT_ONCE).expect("it is small")) {
        let running: Vec<_> = (first..first + AT_ONCE)
            .map(|number| runtime.spawn(operation(number)))
            .collect();
        for one in running {
            runtime.block_on(one).expect("an operation ends well");
        }
    }
}

/// Tells what an operation costs the server, in the mean.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn told(server: &Server, name: &str, run: impl FnOnce()) {
    let before = server.figures();
    run();
    let after = server.figures();
    let [read, written, user, system] = [0, 1, 2, 3].map(|at: usize| {
        after
            .get(at)
            .zip(before.get(at))
            .map_or(0.0, |(a, b)| a - b)
    });
    let count = SESSIONS as f64;
    println!(
        "{name:<8} {:>5.0} bytes to the server, {:>5.0} from it, {:>5.1} µs of its processor",
        read / count,
        written / count,
        (user + system) * 1e6 / count,
    );
}

pub(crate) fn cost(runtime: &Runtime) {
    let server = Server::start();
    let address = ("127.0.0.1".to_owned(), server.port);
    let settings = Settings {
        deadline: Duration::from_secs(10),
        ..Settings::single(address)
    };
    let clock = Arc::new(SystemClock::start());
    let metrics = Telemetry::new().store().clone();
    let store = ValkeyStore::open(settings, clock, Arc::new(SystemEntropy), metrics);
    let store: Arc<dyn FarStore> = Arc::new(store.expect("it opens"));
    while runtime.block_on(store.load(id(SESSIONS + 1))).is_err() {}
    let empty = server.says("used_memory");
    told(&server, "create", || {
        each(runtime, |number| {
            let store = Arc::clone(&store);
            async move {
                store
                    .create(session(number), KEEP)
                    .await
                    .expect("it is kept");
            }
        });
    });
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let weighs = (server.says("used_memory") - empty) / SESSIONS as f64;
    told(&server, "load", || {
        each(runtime, |number| {
            let store = Arc::clone(&store);
            async move {
                let found = store.load(id(number)).await.expect("it is read");
                assert!(found.is_some());
            }
        });
    });
    told(&server, "save", || {
        each(runtime, |number| {
            let store = Arc::clone(&store);
            async move {
                let mut changed = session(number);
                changed.version = 2;
                let saved = store.save(changed, 1, KEEP).await.expect("it is kept");
                assert!(saved.is_some());
            }
        });
    });
    told(&server, "touch", || {
        let now = SystemClock::start().now();
        for number in 0..SESSIONS {
            store.touch(Touched {
                session: id(number),
                logins: LoginHashes::default(),
                at: now.plus(Duration::from_mins(1)),
            });
        }
        // Closing keeps everything that waits.
        store.close();
    });
    println!("{weighs:.0} bytes of the server's memory a session");
}

fn id(number: u128) -> SessionId {
    session(number).id
}
