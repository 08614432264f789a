//! A Vestibule that hands over, before the storefront of a demo, and the processes that follow it.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::Demo;
use crate::support::program::{Running, free_ports, program, run, write};
use crate::support::program::{Said, signal};

const TRIES: usize = 5;
/// Sessions on disk, as a house has them usually.
pub(crate) const EMBEDDED: &str = "kind = \"embedded\"\npath = \"sessions\"";
const CONF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/");

/// What lies in one folder: configuration, sessions, the private socket.
pub(crate) struct House {
    pub(crate) demo: Demo,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    pub(crate) admin_port: u16,
    /// For another listener.
    pub(crate) further_port: u16,
}

/// A process that a process of a test has started; ended when dropped.
pub(crate) struct Stranger(pub(crate) u32);

impl Stranger {
    /// Whether it has ended; nobody need have taken note of that.
    pub(crate) fn is_gone(&self) -> bool {
        let about = std::fs::read_to_string(format!("/proc/{}/stat", self.0));
        about.map_or(true, |about| about.contains(") Z "))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        if !self.is_gone() {
            signal("KILL", self.0);
        }
    }
}

/// A folder in memory, where there is room: the disk of a busy machine may stall for longer than the
/// store's deadline, and what comes of that is for other tests.
fn folder() -> TempDir {
    const MEMORY: &str = "/dev/shm";
    let about = rustix::fs::statvfs(MEMORY);
    if about.is_ok_and(|about| about.f_bavail * about.f_frsize > 1 << 30) {
        tempfile::tempdir_in(MEMORY).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

impl House {
    /// A house whose sessions are kept as `store` says, and the first process that lives in it.
    pub(crate) async fn with(store: &str) -> (Self, Running) {
        Self::changed(store, |_, text| text).await
    }

    /// The same with a change to the configuration, which may name a further port.
    pub(crate) async fn changed(
        store: &str,
        change: impl Fn(&Self, String) -> String,
    ) -> (Self, Running) {
        for _ in 0..TRIES {
            let [port, admin_port, further_port] = free_ports();
            let house = Self {
                demo: Demo::start().await,
                folder: folder(),
                port,
                admin_port,
                further_port,
            };
            house.write(store);
            house.rewrite(|text| change(&house, text));
            let mut running = house.begin(&[]);
            if running.answers(port, admin_port).await {
                return (house, running);
            }
            let log = running.log();
            assert!(log.contains("cannot listen"), "the program ended:\n{log}");
        }
        panic!("no free ports");
    }

    pub(crate) async fn start() -> (Self, Running) {
        Self::with(EMBEDDED).await
    }

    /// Writes the configuration. The log tells every reason: it is seen where a test fails.
    fn write(&self, store: &str) {
        let text = std::fs::read_to_string(format!("{CONF}demo.toml")).unwrap();
        let text = text
            .replace("level = \"info\"", "level = \"debug\"")
            .replace(
                "grace = \"2s\"",
                "grace = \"40s\"\nhandover_socket = \"private.sock\"",
            )
            .replace("kind = \"embedded\" #", &format!("{store}\n#"))
            .replace("path = \"../data/demo/sessions\"", "")
            .replace("../data/demo", self.demo.data().to_str().unwrap())
            .replace(
                "addresses = [\"127.0.0.1:8081\"]",
                &format!(
                    "addresses = [\"127.0.0.1:{}\"]\nconnect_timeout = \"20s\"",
                    self.demo.storefront_port
                ),
            )
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", self.port))
            .replace("127.0.0.1:9090", &format!("127.0.0.1:{}", self.admin_port))
            .replace("\"examples/", &format!("\"{CONF}examples/"));
        write(self.folder.path(), "run.toml", &text);
        let directory = std::fs::read_to_string(format!("{CONF}demo-directory.toml")).unwrap();
        write(self.folder.path(), "demo-directory.toml", &directory);
    }

    /// Changes the configuration.
    pub(crate) fn rewrite(&self, change: impl FnOnce(String) -> String) {
        let path = self.config();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, change(text)).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("run.toml")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("private.sock")
    }

    /// Begins a process.
    pub(crate) fn begin(&self, options: &[&str]) -> Running {
        let config = self.config();
        let arguments = ["run", "--config", config.to_str().unwrap()];
        let arguments: Vec<&str> = arguments.iter().chain(options).copied().collect();
        Running::begin(program(&arguments), tempfile::tempdir().unwrap())
    }

    /// Begins a process that takes over.
    pub(crate) fn upgrade(&self) -> Running {
        self.begin(&["--upgrade"])
    }

    /// Has one try to take over that is to fail.
    pub(crate) fn fail_to_upgrade(&self) -> Said {
        let config = self.config();
        run(&["run", "--config", config.to_str().unwrap(), "--upgrade"])
    }
}
