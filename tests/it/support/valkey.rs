//! Real servers that keep sessions: Valkey where it is installed, else Redis, on ports that the
//! system chose, in folders of their own. Each ends with its test, whichever way that ends.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;
use vestibule::ports::Clock;
use vestibule::store::valkey::Settings;
use vestibule::store::{LayeredStore, MemoryStore, ValkeyStore};
use vestibule::telemetry::Telemetry;

use super::clock::{CountedEntropy, ManualClock};
use super::program::{free_ports, write};
use crate::store_contract::capacity;
use crate::store_contract::owing;

/// How long a server may take to begin, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the system's free ports are tried.
const TRIES: usize = 5;

/// Runs a server as long as somebody holds the other end of its input: not even a test that is
/// killed leaves one behind.
const WHILE_HELD: &str = r#""$@" & echo "pid $!"; read -r _; kill -9 $! 2>/dev/null; wait"#;

static PROGRAM: LazyLock<Arc<str>> = LazyLock::new(|| {
    let installed = |name: &str| {
        let mut looked = Command::new("sh");
        looked.args(["-c", "command -v \"$0\" >/dev/null", name]);
        looked.status().is_ok_and(|status| status.success())
    };
    ["valkey-server", "redis-server"]
        .into_iter()
        .find(|name| installed(name))
        .expect("scripts/setup test installs a server")
        .into()
});

/// Another make, whatever the system has: it lies with the tools.
fn valkey_9() -> Arc<str> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let program = target.join("tools/valkey-9");
    assert!(
        program.exists(),
        "scripts/setup test installs {}",
        program.display()
    );
    program.to_str().unwrap().into()
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub port: u16,
    pid: String,
    wrapper: Child,
    held: Option<ChildStdin>,
    log: Arc<Mutex<String>>,
    /// What it is a process of.
    make: Arc<str>,
    arguments: Vec<String>,
    folder: Arc<TempDir>,
}

impl Server {
    /// A single server without persistence.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same with further options.
    pub(crate) fn with(options: &[&str]) -> Self {
        Self::of(&folder(), |[port, ..], folder| {
            let own = options.iter().map(|&option| option.to_owned());
            plain(port, folder).into_iter().chain(own).collect()
        })
    }

    /// The same by another maker.
    pub(crate) fn of_valkey_9() -> Self {
        Self::made(&valkey_9(), &folder(), |[port, ..], folder| {
            plain(port, folder)
        })
    }

    /// A node of a cluster, which knows no other yet.
    pub(crate) fn node() -> Self {
        Self::of(&folder(), |[port, bus, _], folder| {
            let own =
                format!("--cluster-enabled yes --cluster-port {bus} --cluster-node-timeout 2000");
            let own = own.split(' ').map(str::to_owned);
            plain(port, folder).into_iter().chain(own).collect()
        })
    }

    /// A Sentinel that watches a master, alone.
    pub(crate) fn sentinel(master_port: u16) -> Self {
        Self::of(&folder(), |[port, ..], folder| {
            let text = format!(
                "bind 127.0.0.1\nport {port}\nsentinel monitor sessions 127.0.0.1 {master_port} 1\nsentinel down-after-milliseconds sessions 500\nsentinel failover-timeout sessions 3000\n"
            );
            let file = write(folder, "sentinel.conf", &text);
            vec![file, "--sentinel".to_owned()]
        })
    }

    /// A server with options of its own, which may name its ports and its folder.
    pub(crate) fn of(
        folder: &Arc<TempDir>,
        options: impl Fn([u16; 3], &Path) -> Vec<String>,
    ) -> Self {
        Self::made(&PROGRAM, folder, options)
    }

    fn made(
        make: &Arc<str>,
        folder: &Arc<TempDir>,
        options: impl Fn([u16; 3], &Path) -> Vec<String>,
    ) -> Self {
        for _ in 0..TRIES {
            let ports = free_ports();
            let arguments = options(ports, folder.path());
            if let Some(server) = Self::begin(make, ports[0], arguments, folder) {
                return server;
            }
        }
        panic!("no server begins");
    }

    /// Waits until it is ready; none where it ended, because somebody took its port in between.
    fn begin(
        make: &Arc<str>,
        port: u16,
        arguments: Vec<String>,
        folder: &Arc<TempDir>,
    ) -> Option<Self> {
        let mut wrapper = Command::new("sh")
            .args(["-c", WHILE_HELD, "sh", &**make])
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(wrapper.stdout.take().unwrap());
        let (tell, told) = mpsc::channel();
        let mut server = Self {
            port,
            pid: String::new(),
            held: wrapper.stdin.take(),
            wrapper,
            log: Arc::default(),
            make: Arc::clone(make),
            arguments,
            folder: Arc::clone(folder),
        };
        let log = Arc::clone(&server.log);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                log.lock().extend([line.as_str(), "\n"]);
                drop(tell.send(line));
            }
        });
        loop {
            let line = told
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("{error}: {}", server.log()));
            if let Some(number) = line.strip_prefix("pid ") {
                number.clone_into(&mut server.pid);
            }
            if line.contains("Ready to accept connections") || line.contains("+monitor master") {
                return Some(server);
            }
            if line.contains("Address already in use") || line.contains("Failed listening") {
                return None;
            }
        }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().clone()
    }

    /// An option that it was started with.
    pub(crate) fn option(&self, name: &str) -> &str {
        let at = self.arguments.iter().position(|argument| argument == name);
        &self.arguments[at.unwrap() + 1]
    }

    /// What the server answers to a command.
    pub(crate) fn ask(&self, words: &[&str]) -> redis::Value {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command
            .query(&mut connection)
            .unwrap_or_else(|error| panic!("{words:?}: {error}\n{}", self.log()))
    }

    /// The same as a text.
    pub(crate) fn text(&self, words: &[&str]) -> String {
        redis::from_redis_value(self.ask(words)).unwrap()
    }

    /// How often a command was called, as the server counts it.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        let stats = self.text(&["INFO", "commandstats"]);
        let name = format!("cmdstat_{command}:calls=");
        let line = stats.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |rest| {
            rest.split(',').next().unwrap().parse::<u64>().unwrap()
        })
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&self) {
        self.signal("KILL");
    }

    /// Stops it for a while, as a machine that hangs would.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid]).status();
        assert!(sent.unwrap().success(), "cannot signal {}", self.pid);
    }

    /// Begins anew on the same port, with whatever its folder holds.
    pub(crate) fn start_again(&mut self) {
        self.held = None;
        self.wrapper.wait().unwrap();
        let again = Self::begin(&self.make, self.port, self.arguments.clone(), &self.folder);
        *self = again.expect("its port is free");
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            // Longer than usual: tests that are no judge of it share the machine with others.
            deadline: Duration::from_secs(5),
            ..Settings::single(("127.0.0.1".to_owned(), self.port))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.held = None;
        drop(self.wrapper.wait());
    }
}

fn folder() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

/// A server without encryption and without persistence.
pub(crate) fn plain(port: u16, folder: &Path) -> Vec<String> {
    let mut arguments = usual(folder);
    arguments.extend(["--port".to_owned(), port.to_string()]);
    arguments
}

/// Whatever kind of server it is.
pub(crate) fn usual(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let options = ["--bind", "127.0.0.1", "--dir", folder];
    let nothing_kept = ["--save", "", "--appendonly", "no"];
    options
        .into_iter()
        .chain(nothing_kept)
        .map(str::to_owned)
        .collect()
}

/// One of several that share a store.
#[derive(Debug)]
pub(crate) struct Instance {
    pub store: LayeredStore,
    telemetry: Telemetry,
}

impl Instance {
    pub(crate) fn new(settings: Settings) -> Self {
        let (telemetry, clock) = (Telemetry::new(), Arc::<ManualClock>::default());
        let metrics = telemetry.store().clone();
        let far = ValkeyStore::open(settings, clock, Arc::new(CountedEntropy), metrics).unwrap();
        let near = MemoryStore::new(capacity());
        Self {
            store: LayeredStore::new(near, Arc::new(far), Arc::default(), owing()),
            telemetry,
        }
    }

    /// One that hears of changes already.
    pub(crate) async fn hearing(settings: Settings) -> Self {
        let instance = Self::new(settings);
        instance.until_hearing().await;
        instance
    }

    pub(crate) async fn until_hearing(&self) {
        eventually("changes are heard", async || self.hears()).await;
    }

    pub(crate) fn hears(&self) -> bool {
        hears(&self.telemetry.render())
    }
}

/// Whether these metrics say that changes of other instances are heard.
pub(crate) fn hears(metrics: &str) -> bool {
    metrics.contains(r#"vestibule_store{what="subscribed"} 1"#)
}

/// Waits for something that comes about beside the test.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    let end = tokio::time::Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < end, "never: {what}");
        looks.tick().await;
    }
}

/// A store over a server.
pub(crate) fn far(settings: Settings, clock: Arc<dyn Clock>) -> ValkeyStore {
    let metrics = Telemetry::new().store().clone();
    ValkeyStore::open(settings, clock, Arc::new(CountedEntropy), metrics).unwrap()
}
