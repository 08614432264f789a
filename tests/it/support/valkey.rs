//! Real servers that keep sessions: Valkey where it is installed, else Redis, on ports that the
//! system chose, in folders of their own. Each ends with its test, whichever way that ends.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;
use vestibule::ports::Clock;
use vestibule::store::ValkeyStore;
use vestibule::store::valkey::Settings;
use vestibule::telemetry::Telemetry;

use super::clock::CountedEntropy;
use super::program::free_ports;

/// How long a server may take to begin, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the system's free ports are tried.
const TRIES: usize = 5;

/// Runs a server as long as somebody holds the other end of its input: not even a test that is
/// killed leaves one behind.
const WHILE_HELD: &str = r#""$@" & echo "pid $!"; read -r _; kill -9 $! 2>/dev/null; wait"#;

static PROGRAM: LazyLock<&'static str> = LazyLock::new(|| {
    let installed = |name: &str| {
        let mut looked = Command::new("sh");
        looked.args(["-c", "command -v \"$0\" >/dev/null", name]);
        looked.status().is_ok_and(|status| status.success())
    };
    ["valkey-server", "redis-server"]
        .into_iter()
        .find(|name| installed(name))
        .expect("scripts/setup test installs a server")
});

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub port: u16,
    pid: String,
    wrapper: Child,
    held: Option<ChildStdin>,
    log: Arc<Mutex<String>>,
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
        Self::in_folder(Arc::new(tempfile::tempdir().unwrap()), |_| {
            options.iter().map(|&option| option.to_owned()).collect()
        })
    }

    /// The same with options that depend on its port.
    pub(crate) fn in_folder(folder: Arc<TempDir>, options: impl Fn(u16) -> Vec<String>) -> Self {
        for _ in 0..TRIES {
            let [port, ..] = free_ports();
            let mut arguments = usual(folder.path());
            let own = options(port);
            if !own.iter().any(|option| option == "--port") {
                arguments.extend(["--port".to_owned(), port.to_string()]);
            }
            arguments.extend(own);
            if let Some(server) = Self::begin(port, arguments, &folder) {
                return server;
            }
        }
        panic!("no server begins");
    }

    /// Waits until it is ready; none where it ended, because somebody took its port in between.
    fn begin(port: u16, arguments: Vec<String>, folder: &Arc<TempDir>) -> Option<Self> {
        let mut wrapper = Command::new("sh")
            .args(["-c", WHILE_HELD, "sh", *PROGRAM])
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let held = wrapper.stdin.take();
        let out = BufReader::new(wrapper.stdout.take().unwrap());
        let log = Arc::<Mutex<String>>::default();
        let (tell, told) = mpsc::channel();
        let keep = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                keep.lock().push_str(&format!("{line}\n"));
                drop(tell.send(line));
            }
        });
        let mut pid = String::new();
        loop {
            let line = told
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("{error}: {}", log.lock()));
            if let Some(number) = line.strip_prefix("pid ") {
                number.clone_into(&mut pid);
            }
            if line.contains("Ready to accept connections") || line.contains("+monitor master") {
                break;
            }
            if line.contains("Address already in use") || line.contains("Failed listening") {
                return None;
            }
            assert!(!line.contains("Bad directive"), "{}", log.lock());
        }
        Some(Self {
            port,
            pid,
            wrapper,
            held,
            log,
            arguments,
            folder: Arc::clone(folder),
        })
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().clone()
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
        let again = Self::begin(self.port, self.arguments.clone(), &self.folder);
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

fn usual(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    [
        "--bind",
        "127.0.0.1",
        "--dir",
        folder,
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// A store over a server.
pub(crate) fn far(settings: Settings, clock: Arc<dyn Clock>) -> ValkeyStore {
    let metrics = Telemetry::new().store().clone();
    ValkeyStore::open(settings, clock, Arc::new(CountedEntropy), metrics).unwrap()
}
